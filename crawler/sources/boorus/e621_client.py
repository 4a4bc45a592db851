"""e621 and its siblings: Danbooru's API of earlier days, with rules of its own.

Cursors by id, tags, aliases and implications are asked as at Danbooru; an empty answer is an object instead of a list,
a page has up to 320 posts, there is no endpoint that counts, and nobody is told whom the site takes them for. Programs
must name themselves and make at most two requests a second, of which one a second is what the site asks for.
Source: https://e621.net/help/api.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawler.errors import TransientError
from crawler.sites import Site
from crawler.sources.boorus.e621_posts import CATEGORIES, e621_post
from crawler.sources.boorus.shared_search import SharedSearch, shared_search, three_ratings_wording
from crawler.sources.json_api import JsonApi
from crawler.sources.post_pages import page_of, post_of
from crawler.sources.site_client import (
    ALIASES,
    IMPLICATIONS,
    NEWEST,
    PAGE_SIZE,
    ChangeLists,
    Implication,
    PostPage,
    Profile,
    SiteTag,
    Suggestion,
    Wiki,
    cursor_of,
)
from crawler.transport.http import Http
from crawler.transport.retry import Patience
from storage.names import as_the_site_writes
from storage.records import Post, TagCategory
from storage.search.language import Node

log = logging.getLogger(__name__)

MOST_ROWS = 320  # posts or tags in one answer
MOST_IDS = 100  # in one search
LEAST_TO_COMPLETE = 3  # characters; the site completes no shorter word
MOST_STEPS = 20  # requests that follow implications
_NUMBERS = {0: "general", 1: "artist", 2: "contributor", 3: "copyright", 4: "character", 5: "species", 6: "invalid",
            7: "meta", 8: "lore"}  # fmt: skip
_PASSED_ON = frozenset({"md5", "pool", "fav", "user"})  # searches that the site knows in the same words
AUTOCOMPLETE, WIKI = "/tags/autocomplete.json", "/wiki_pages.json"
WITHOUT: Mapping[str, str] = {
    ALIASES: "aliases are not followed, so names must be typed as the site writes its tags",
    IMPLICATIONS: "variants of a character do not count as the character",
    AUTOCOMPLETE: "nothing is suggested",
}


@dataclass(slots=True)
class E621Client:
    """Asks e621, or a site with its software; fulfils `SiteClient`."""

    site: Site
    http: Http
    patience: Patience = field(default_factory=Patience)
    notify: Callable[[str], None] = log.warning
    _api: JsonApi = field(init=False)

    def __post_init__(self) -> None:
        """Put the way to the site together."""
        self._api = JsonApi(self.site, self.http, self.patience, WITHOUT, lambda line: self.notify(line))

    # --- posts -----------------------------------------------------------------------------------------------------

    async def posts(self, tags: str, *, page: str = NEWEST, limit: int = PAGE_SIZE) -> PostPage:
        """One page of a search, by id.

        Raises: ValueError: `page` is no id cursor. UsageError: a term that the site cannot be asked.
        """
        cursor_of(page)  # nothing else is sent
        search = self._search(tags)
        return search.only_fitting(await self._listed(search.asked, page, min(limit, MOST_ROWS)))

    async def _listed(self, words: str, page: str, limit: int) -> PostPage:
        query = {"tags": words, "limit": str(limit), "page": page}
        rows = await self._rows("/posts.json", query, "posts")
        return await page_of(rows, lambda raw: e621_post(self.site, raw))

    @property
    def change_lists(self) -> ChangeLists:
        """Everything comes in the order of changes, deletions too."""
        return ChangeLists(ids=MOST_IDS)

    async def latest_changes(self, tags: str, *, number: int = 1) -> PostPage:
        """A page of a search, deleted posts included, the last changed first."""
        search = self._search(tags)
        words = f"{search.asked} status:any order:change".strip()
        return search.only_fitting(await self._listed(words, str(number), MOST_ROWS))

    async def removed(self, tags: str, *, page: str = NEWEST) -> PostPage:
        """Nothing: what was taken down is deleted, and comes with the changes."""
        return PostPage((), (), 0)

    async def post(self, post_id: int) -> Post:
        """One post as it is now.

        Raises: GoneError: there is none. PostError: it makes no sense, or is forbidden to us.
        """
        raw = (await self._api.json(f"/posts/{int(post_id)}.json", {}, of_one_post=True)).get("post")
        return post_of(raw, post_id, lambda raw: e621_post(self.site, raw))

    async def posts_by_id(self, ids: Iterable[int]) -> AsyncIterator[PostPage]:
        """Known posts as they are now, deleted ones too; an id that is missing from all pages is gone for good."""
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), MOST_IDS):
            numbers = ",".join(map(str, wanted[start : start + MOST_IDS]))
            yield await self._listed(f"id:{numbers} status:any", NEWEST, MOST_IDS)

    async def count(self, tags: str) -> int | None:
        """The site counts no searches, but it says how many posts a single tag has."""
        name = self._search(tags).single_tag
        tag = await self.tag(name) if name else None
        return None if tag is None else tag.post_count

    def _search(self, tags: str) -> SharedSearch:
        return shared_search(tags, self._wording, self.site.name)

    def _wording(self, part: Node) -> str | None:
        return three_ratings_wording(part, _PASSED_ON, self.site.name)

    # --- tags ------------------------------------------------------------------------------------------------------

    async def tags(self, names: Sequence[str]) -> dict[str, SiteTag]:
        """The named tags that exist, by name."""
        found: dict[str, SiteTag] = {}
        for start in range(0, len(names), 100):
            query = {"search[name]": ",".join(names[start : start + 100]), "limit": str(MOST_ROWS)}
            found.update((tag.name, tag) for tag in await self._tags(query))
        return {name: found[name] for name in names if name in found}

    async def tag(self, name: str) -> SiteTag | None:
        """One tag, or None when there is none of that name."""
        return (await self.tags([name])).get(name)

    async def tags_like(self, pattern: str, *, category: TagCategory | None = None, limit: int = 50) -> list[SiteTag]:
        """Tags that a pattern with `*` matches, the most used first."""
        query = {"search[name_matches]": pattern, "search[order]": "count", "limit": str(min(limit, MOST_ROWS))}
        if category is not None:
            query["search[category]"] = str(next(n for n, name in _NUMBERS.items() if CATEGORIES[name] is category))
        return sorted(await self._tags(query), key=lambda tag: -tag.post_count)

    async def tags_near(self, name: str, *, limit: int = 10) -> list[SiteTag]:
        """Tags of a similar spelling."""
        query = {"search[fuzzy_name_matches]": name, "search[order]": "similarity", "limit": str(limit)}
        return await self._tags(query)

    async def _tags(self, query: Mapping[str, str]) -> list[SiteTag]:
        return [tag for tag in map(_tag, await self._rows("/tags.json", query, "tags")) if tag is not None]

    async def aliases(self, name: str) -> list[str]:
        """What an alias stands for: the active ones' targets."""
        return list((await self._links("antecedent_name", name)).values())

    async def aliases_to(self, names: Iterable[str]) -> dict[str, str]:
        """What each active alias of these tags stands for, by the alias's own name."""
        found: dict[str, str] = {}
        for name in sorted(set(names)):
            found |= await self._links("consequent_name", name)
        return found

    async def aliases_of(self, names: Iterable[str]) -> dict[str, str]:
        """What those of these names that are active aliases stand for."""
        found: dict[str, str] = {}
        for name in sorted(set(names)):
            found |= await self._links("antecedent_name", name)
        return found

    async def _links(self, side: str, name: str, path: str = ALIASES) -> dict[str, str]:
        """Active aliases, or implications, of which one side has a name: consequent by antecedent."""
        query = {f"search[{side}]": name, "search[status]": "active", "limit": str(MOST_ROWS)}
        rows = await self._rows(path, query, path.strip("/").removesuffix(".json"))
        links = [(row.get("antecedent_name"), row.get("consequent_name")) for row in rows if isinstance(row, dict)]
        known = {str(one): str(other) for one, other in links if isinstance(one, str) and isinstance(other, str)}
        return {one: other for one, other in known.items() if name == (one if side == "antecedent_name" else other)}

    async def implications(self, *, to: str) -> list[Implication]:
        """Active implications that lead to a tag, over any number of steps; one request a tag."""
        found: dict[str, Implication] = {}
        waiting = [to]
        for _step in range(MOST_STEPS):
            if not waiting:
                break
            links = await self._links("consequent_name", waiting.pop(0), IMPLICATIONS)
            new = {one: Implication(one, other) for one, other in links.items() if one not in found}
            found |= new
            waiting += sorted(new)
        return list(found.values())

    async def autocomplete(self, text: str, limit: int = 10) -> list[Suggestion]:
        """What the site's search box would suggest, aliases included."""
        if len(text) < LEAST_TO_COMPLETE:
            return []
        rows = await self._rows(AUTOCOMPLETE, {"search[name_matches]": text, "expiry": "7"}, "tags")
        found = [(row, _tag(row)) for row in rows if isinstance(row, dict)]
        return [_suggestion(row, tag) for row, tag in found if tag is not None][:limit]

    async def wikis_by_other_name(self, text: str) -> list[Wiki]:
        """Wiki pages of things that are also called that, in any script."""
        rows = await self._rows(WIKI, {"search[other_names_match]": text, "limit": "20"}, "wiki_pages")
        pages = [_wiki(row) for row in rows if isinstance(row, dict)]
        return [page for page in pages if text in map(as_the_site_writes, page.other_names)]

    async def profile(self) -> Profile | None:
        """None: the site tells nobody whom it takes them for; a key that it refuses fails with the first request."""
        return None

    def lacks(self, path: str) -> bool:
        """Whether a part of the API was asked and is not open to us: then an empty answer says nothing."""
        return self._api.lacks(path)

    async def _rows(self, path: str, query: Mapping[str, str], key: str) -> list[Any]:
        """The rows of one part of the API, which stand in a list, or in an object under their name.

        Raises: TransientError: there are none in either.
        """
        reply: Any = await self._api.optional(path, lambda path: self._api.json(path, query, want=object), [])
        rows = reply.get(key) if isinstance(reply, dict) else reply
        if not isinstance(rows, list):
            raise TransientError(f"{path}: the answer holds no {key}")
        return rows


def _tag(raw: Any) -> SiteTag | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
        return None
    count, number = raw.get("post_count"), raw.get("category")
    category = CATEGORIES[_NUMBERS.get(number, "general")] if type(number) is int else TagCategory.GENERAL
    return SiteTag(raw["name"], category, count if type(count) is int and count >= 0 else 0)


def _suggestion(raw: Mapping[str, Any], tag: SiteTag) -> Suggestion:
    former = raw.get("antecedent_name")
    former = former if isinstance(former, str) and former else None
    return Suggestion(tag.name, tag.category, tag.post_count, "tag-alias" if former else "tag", former)


def _wiki(raw: Mapping[str, Any]) -> Wiki:
    names, title, body = raw.get("other_names"), raw.get("title"), raw.get("body")
    others = tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
    return Wiki(title if isinstance(title, str) else "", others, body if isinstance(body, str) else "")
