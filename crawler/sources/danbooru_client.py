"""The Danbooru API: one method a request, records as replies."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from crawler.errors import GoneError, Throttled, TransientError
from crawler.sites import Site
from crawler.sources.danbooru_posts import post_from_json
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

log = logging.getLogger(__name__)

POST_FIELDS = (
    "id,created_at,updated_at,uploader_id,score,fav_count,source,md5,rating,image_width,image_height,file_ext,"
    "file_size,parent_id,has_children,is_pending,is_flagged,is_deleted,is_banned,bit_flags,file_url,"
    "tag_string_general,tag_string_artist,tag_string_copyright,tag_string_character,tag_string_meta,"
    "media_asset[duration,pixel_hash,variants]"
)
AI_FIELDS = "ai_tags[score,tag[name,category]]"

CATEGORIES: Mapping[int, TagCategory] = {
    0: TagCategory.GENERAL,
    1: TagCategory.ARTIST,
    3: TagCategory.COPYRIGHT,
    4: TagCategory.CHARACTER,
    5: TagCategory.META,
}


# Parts of the API that are optional, and what is lost without them.
WITHOUT: Mapping[str, str] = {
    ALIASES: "aliases are not followed, so names must be typed as the site writes its tags",
    IMPLICATIONS: "costumes and other variants of a character do not count as the character",
    "/autocomplete.json": "names in other scripts are not found, and nothing is suggested",
    "/wiki_pages.json": "names in other scripts are not found",
    "/counts/posts.json": "how many posts match is unknown",
    "/profile.json": "the account's search limit is unknown, so that of a visitor is assumed",
}


@dataclass(slots=True)
class DanbooruClient:
    """Asks a site's API, politely and patiently."""

    site: Site
    http: Http
    patience: Patience = field(default_factory=Patience)
    with_ai_tags: bool = True
    notify: Callable[[str], None] = log.warning  # called once for each part of the API that this site or key lacks
    _api: JsonApi = field(init=False)

    def __post_init__(self) -> None:
        """Put the way to the site together."""
        self._api = JsonApi(self.site, self.http, self.patience, WITHOUT, lambda line: self.notify(line))

    # --- posts -----------------------------------------------------------------------------------------------------

    async def posts(self, tags: str, *, page: str = NEWEST, limit: int = PAGE_SIZE) -> PostPage:
        """One page of a search.

        Args:
            tags: in the site's search language.
            page: `b123` for the highest ids below 123, `a123` for the lowest above. Nothing else is sent: the site
                answers cursors by id, whatever order the search names or implies (`date:` and `age:` do), while
                numbered pages follow that order and shift.
            limit: 1..200.
        Raises:
            TransientError: no usable answer; SiteTimeout when the site's database gave up.
            TagLimit: too many terms for this account.
            ValueError: `page` is no id cursor.
        """
        cursor_of(page)  # nothing else is sent
        return await self._listed(tags, page, limit)

    async def _listed(self, tags: str, page: str, limit: int) -> PostPage:
        fields = self._fields()
        query = {"tags": tags, "limit": str(limit), "page": page, "only": fields}
        return await self._page(await self._api.rows("/posts.json", query))

    def _fields(self) -> str:
        return f"{POST_FIELDS},{AI_FIELDS}" if self.with_ai_tags else POST_FIELDS

    @property
    def change_lists(self) -> ChangeLists:
        """Edits, uploads, deletions and replaced files come in the order of changes; bans do not, and are listed."""
        return ChangeLists(terms=1, ids=PAGE_SIZE, removals="banned")

    async def latest_changes(self, tags: str, *, number: int = 1) -> PostPage:
        """A page of a search, the last changed first; votes, comments, flags and bans are no changes there."""
        return await self._listed(f"{tags} order:change".strip(), str(number), PAGE_SIZE)

    async def removed(self, tags: str, *, page: str = NEWEST) -> PostPage:
        """A page of the banned posts of a search, by id; `status:` takes no search term."""
        return await self.posts(f"{tags} status:banned".strip(), page=page)

    async def post(self, post_id: int) -> Post:
        """One post as it is now.

        Raises: GoneError: there is none. PostError: it makes no sense, or is forbidden to us.
        """
        fields = self._fields()
        raw = await self._api.json(f"/posts/{int(post_id)}.json", {"only": fields}, of_one_post=True)
        return post_of(raw, post_id, lambda raw: post_from_json(self.site, raw))

    async def posts_by_id(self, ids: Iterable[int]) -> AsyncIterator[PostPage]:
        """Known posts as they are now, 200 a request; an id that is missing from all pages is gone for good."""
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), PAGE_SIZE):
            batch = wanted[start : start + PAGE_SIZE]
            yield await self.posts(f"id:{','.join(map(str, batch))}")

    async def count(self, tags: str) -> int | None:
        """How many posts match; None when the site cannot count them, or not in time: nothing depends on it."""
        try:
            reply = await self._api.optional(
                "/counts/posts.json", lambda path: self._api.json(path, {"tags": tags}), None
            )
        except Throttled:
            raise
        except TransientError as error:
            log.info("the number of posts is unknown: %s", error)
            return None
        if reply is None:
            return None
        counts = reply.get("counts") if isinstance(reply, dict) else None
        if not isinstance(counts, dict) or "posts" not in counts:
            raise TransientError("the site's answer to a count holds no number")
        number = counts["posts"]
        return number if type(number) is int and number >= 0 else None

    async def _page(self, rows: Sequence[Any]) -> PostPage:
        return await page_of(rows, lambda raw: post_from_json(self.site, raw))

    # --- tags ------------------------------------------------------------------------------------------------------

    async def tags(self, names: Sequence[str]) -> dict[str, SiteTag]:
        """The named tags that exist, by name."""
        found: dict[str, SiteTag] = {}
        for start in range(0, len(names), PAGE_SIZE):
            batch = ",".join(names[start : start + PAGE_SIZE])
            rows = await self._api.rows("/tags.json", {"search[name_comma]": batch, "limit": "1000"})
            found.update((tag.name, tag) for tag in map(_tag, rows) if tag is not None)
        return {name: found[name] for name in names if name in found}

    async def tag(self, name: str) -> SiteTag | None:
        """One tag, or None when there is none of that name."""
        return (await self.tags([name])).get(name)

    async def tags_like(self, pattern: str, *, category: TagCategory | None = None, limit: int = 50) -> list[SiteTag]:
        """Tags that a pattern with `*` matches, the most used first."""
        query = {"search[name_matches]": pattern, "search[order]": "count", "limit": str(limit)}
        if category is not None:
            query["search[category]"] = str(next(n for n, known in CATEGORIES.items() if known is category))
        tags = [tag for tag in map(_tag, await self._api.rows("/tags.json", query)) if tag is not None]
        return sorted(tags, key=lambda tag: -tag.post_count)

    async def tags_near(self, name: str, *, limit: int = 10) -> list[SiteTag]:
        """Tags of a similar spelling."""
        query = {"search[fuzzy_name_matches]": name, "search[order]": "similarity", "limit": str(limit)}
        return [tag for tag in map(_tag, await self._api.rows("/tags.json", query)) if tag is not None]

    async def aliases(self, name: str) -> list[str]:
        """What an alias stands for: the active ones' targets."""
        query = {"search[antecedent_name]": name, "search[status]": "active", "limit": "20"}
        return [_text(row, "consequent_name") for row in _active(await self._api.rows(ALIASES, query))]

    async def aliases_to(self, names: Iterable[str]) -> dict[str, str]:
        """What each active alias of these tags stands for, by the alias's own name."""
        return await self._alias_links("consequent_name", names)

    async def aliases_of(self, names: Iterable[str]) -> dict[str, str]:
        """What those of these names that are active aliases stand for."""
        return await self._alias_links("antecedent_name", names)

    async def _alias_links(self, side: str, names: Iterable[str]) -> dict[str, str]:
        """Active aliases of which one side is among the names: what each stands for, by the alias's own name."""
        found: dict[str, str] = {}
        wanted = sorted(set(names))
        for start in range(0, len(wanted), PAGE_SIZE):
            batch = wanted[start : start + PAGE_SIZE]
            query = {f"search[{side}_comma]": ",".join(batch), "search[status]": "active", "limit": "1000"}
            rows = [row for row in _active(await self._api.rows(ALIASES, query)) if _text(row, side) in batch]
            found.update((_text(row, "antecedent_name"), _text(row, "consequent_name")) for row in rows)
        return found

    async def implications(self, *, to: str) -> list[Implication]:
        """Active implications that lead to a tag (its variants), over any number of steps."""
        query = {"search[status]": "active", "limit": "1000", "search[implied_to]": to}
        rows = _active(await self._api.rows(IMPLICATIONS, query))
        return [Implication(_text(row, "antecedent_name"), _text(row, "consequent_name")) for row in rows]

    async def autocomplete(self, text: str, limit: int = 10) -> list[Suggestion]:
        """What the site's search box would suggest; finds aliases and names in other scripts."""
        query = {"search[query]": text, "search[type]": "tag_query", "limit": str(limit)}
        rows = await self._api.rows("/autocomplete.json", query)
        return [_suggestion(row) for row in rows if isinstance(row, dict) and _text(row, "value")]

    async def wiki(self, name: str) -> Wiki | None:
        """A tag's wiki page, or None when there is none."""
        try:
            return _wiki(await self._api.json(f"/wiki_pages/{quote(name, safe='')}.json", {}, of_one_post=True))
        except GoneError:
            return None

    async def wikis_by_other_name(self, text: str) -> list[Wiki]:
        """Wiki pages of things that are also called that, in any script."""
        query = {"search[other_names_include_any]": text, "search[is_deleted]": "false", "limit": "20"}
        pages = [_wiki(row) for row in await self._api.rows("/wiki_pages.json", query)]
        return [page for page in pages if page is not None and text in map(as_the_site_writes, page.other_names)]

    async def profile(self) -> Profile | None:
        """Whom the site takes us for; with an account, its number goes into the user agent from then on.

        Returns: None: the key has no permission to ask that.
        Raises: AccessError: the key is refused.
        """
        reply = await self._api.optional("/profile.json", lambda path: self._api.json(path, {}), None)
        if reply is None:
            return None
        if not isinstance(reply, dict) or "level" not in reply:
            raise TransientError("the site's answer holds no profile")
        number, limit = reply.get("id"), reply.get("tag_query_limit", self.site.tag_limit)
        if self.http.logged_in and type(number) is int:
            self.http.introduce(number)
        return Profile(
            id=number if type(number) is int else None,
            name=_text(reply, "name"),
            level=reply["level"] if type(reply["level"]) is int else 0,
            tag_query_limit=int(limit) if type(limit) is int else None,
            safe_mode=reply.get("enable_safe_mode") is True,
            time_zone=_text(reply, "time_zone"),
        )

    def lacks(self, path: str) -> bool:
        """Whether a part of the API was asked and is not open to us: then an empty answer says nothing."""
        return self._api.lacks(path)


def _active(rows: Iterable[Any]) -> list[Mapping[str, Any]]:
    return [row for row in rows if isinstance(row, dict) and row.get("status", "active") == "active"]


def _tag(raw: Any) -> SiteTag | None:
    if not isinstance(raw, dict) or not _text(raw, "name"):
        return None
    category = CATEGORIES.get(raw.get("category", -1), TagCategory.GENERAL)
    return SiteTag(_text(raw, "name"), category, _count(raw), raw.get("is_deprecated") is True)


def _suggestion(raw: Mapping[str, Any]) -> Suggestion:
    category = raw.get("category")
    return Suggestion(
        name=_text(raw, "value"),
        category=CATEGORIES.get(category) if type(category) is int else None,
        post_count=_count(raw),
        kind=_text(raw, "type"),
        antecedent=_text(raw, "antecedent") or None,
    )


def _wiki(raw: Any) -> Wiki | None:
    if not isinstance(raw, dict) or not _text(raw, "title"):
        return None
    names = raw.get("other_names")
    others = tuple(name for name in names if isinstance(name, str)) if isinstance(names, list) else ()
    return Wiki(_text(raw, "title"), others, _text(raw, "body"))


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _count(raw: Mapping[str, Any]) -> int:
    value = raw.get("post_count")
    return value if type(value) is int and value >= 0 else 0
