"""Gelbooru, and the many sites that run its software 0.2.

Both are asked at one address with parameters, by id inside the search (`id:<123 sort:id:desc`), for numbered pages end
at 20,000 posts. Gelbooru answers in JSON, wants a key since 2025 (`user_id` and `api_key` among the parameters), and
tells categories of a hundred tags at a time; they are remembered. Software 0.2 answers in XML and tells a tag's
category one request at a time, which is too dear for every tag of every post: there all tags count as general.
Source: https://gelbooru.com/index.php?page=wiki&s=view&id=18780 and https://safebooru.org/index.php?page=help&topic=dapi.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawler.sites import Site, Software
from crawler.sources.boorus.gelbooru_answers import Rows, rows_in_json, rows_in_xml
from crawler.sources.boorus.gelbooru_posts import gelbooru_post, tags_of
from crawler.sources.boorus.no_tag_links import NoTagLinks
from crawler.sources.boorus.shared_search import SharedSearch, asked_ratings, plain_wording, shared_search
from crawler.sources.json_api import JsonApi
from crawler.sources.post_pages import page_of, post_in
from crawler.sources.site_client import (
    NEWEST,
    PAGE_SIZE,
    ChangeLists,
    PostPage,
    SiteTag,
    Suggestion,
    cursor_of,
)
from crawler.transport.http import Http
from crawler.transport.retry import Patience
from storage.records import Post, Rating, TagCategory
from storage.search.language import Metatag, Node
from storage.search.match import fits

log = logging.getLogger(__name__)

MOST_ROWS = 100  # posts or tags in one answer
MOST_KNOWN_TAGS = 200_000  # whose categories are remembered
_NUMBERS = {1: TagCategory.ARTIST, 3: TagCategory.COPYRIGHT, 4: TagCategory.CHARACTER, 5: TagCategory.META}
_WORDS = {Rating.GENERAL: "general", Rating.SENSITIVE: "sensitive", Rating.QUESTIONABLE: "questionable",
          Rating.EXPLICIT: "explicit"}  # fmt: skip
_OLD_WORDS = {Rating.SENSITIVE: "safe", Rating.QUESTIONABLE: "questionable", Rating.EXPLICIT: "explicit"}


@dataclass(slots=True)
class GelbooruClient(NoTagLinks):
    """Asks Gelbooru, or a site with its software 0.2; fulfils `SiteClient`."""

    site: Site
    http: Http
    patience: Patience = field(default_factory=Patience)
    notify: Callable[[str], None] = log.warning
    _api: JsonApi = field(init=False)
    _kinds: dict[str, TagCategory] = field(default_factory=dict)  # of tags that were asked for
    _said_without: bool = False

    def __post_init__(self) -> None:
        """Put the way to the site together."""
        self._api = JsonApi(self.site, self.http, self.patience, {}, lambda line: self.notify(line))

    @property
    def _old(self) -> bool:
        return self.site.software is Software.GELBOORU_02

    # --- posts -----------------------------------------------------------------------------------------------------

    async def posts(self, tags: str, *, page: str = NEWEST, limit: int = PAGE_SIZE) -> PostPage:
        """One page of a search, by id.

        Raises: ValueError: `page` is no id cursor. UsageError: a term that the site cannot be asked.
        """
        direction, number = cursor_of(page)
        search = self._search(tags)
        where = "" if page == NEWEST else f"id:{'<' if direction == 'b' else '>'}{number}"
        order = "sort:id:desc" if direction == "b" else "sort:id:asc"
        words = " ".join(filter(None, (search.asked, where, order)))
        answer = await self._ask("post", {"tags": words, "limit": str(min(limit, MOST_ROWS)), "pid": "0"})
        return search.only_fitting(await self._page(answer))

    @property
    def change_lists(self) -> ChangeLists:
        """Edits come in the order of changes; a deleted post is only missing, and no list of ids is taken."""
        return ChangeLists(ids=1, kinds_by_name=self._old)

    async def latest_changes(self, tags: str, *, number: int = 1) -> PostPage:
        """A page of a search, the last changed first."""
        search = self._search(tags)
        words = f"{search.asked} sort:updated:desc".strip()
        asked = {"tags": words, "limit": str(MOST_ROWS), "pid": str(number - 1)}
        return search.only_fitting(await self._page(await self._ask("post", asked)))

    async def removed(self, tags: str, *, page: str = NEWEST) -> PostPage:
        """Nothing: the site lists no deleted posts of a search."""
        return PostPage((), (), 0)

    async def _page(self, answer: Rows) -> PostPage:
        await self._learn_kinds({tag for raw in answer.rows for tag in tags_of(raw)})
        return await page_of(answer.rows, lambda raw: gelbooru_post(self.site, raw, self._kinds))

    async def post(self, post_id: int) -> Post:
        """One post as it is now.

        Raises: GoneError: there is none. PostError: it makes no sense.
        """
        return post_in(await self._page(await self._ask("post", {"id": str(int(post_id))})), post_id)

    async def posts_by_id(self, ids: Iterable[int]) -> AsyncIterator[PostPage]:
        """Known posts as they are now, one request each: the site takes no list of ids."""
        for post_id in dict.fromkeys(ids):
            yield await self._page(await self._ask("post", {"id": str(post_id)}))

    async def count(self, tags: str) -> int | None:
        """How many posts match; None where a part of the search is checked here."""
        search = self._search(tags)
        if search.fits is not None:
            return None
        return (await self._ask("post", {"tags": search.asked, "limit": "1", "pid": "0"})).total

    def _search(self, tags: str) -> SharedSearch:
        return shared_search(tags, self._wording, self.site.name)

    def _wording(self, part: Node) -> str | None:
        if isinstance(part, Metatag) and part.name == "md5" and "," not in part.value:
            return part.term
        words = _OLD_WORDS if self._old else _WORDS
        letter = asked_ratings(part, words, self.site.name)
        return f"rating:{words[Rating(letter)]}" if letter else plain_wording(part)

    # --- tags ------------------------------------------------------------------------------------------------------

    async def _learn_kinds(self, names: set[str]) -> None:
        """Ask for the categories of tags that were not asked for yet."""
        if self._old:
            self._say_without()
            return
        if len(self._kinds) > MOST_KNOWN_TAGS:
            self._kinds.clear()
        new = sorted(names - self._kinds.keys())
        self._kinds |= dict.fromkeys(new, TagCategory.GENERAL)
        await self.tags(new)

    def _say_without(self) -> None:
        if not self._said_without:
            self._said_without = True
            self.notify(
                f"{self.site.name} tells no categories with its posts: characters are not told from other tags there, "
                "so that a first model is best learned from --references"
            )

    async def tags(self, names: Sequence[str]) -> dict[str, SiteTag]:
        """The named tags that exist, by name."""
        step = 1 if self._old else MOST_ROWS
        found: dict[str, SiteTag] = {}
        for start in range(0, len(names), step):
            batch = names[start : start + step]
            query = {"name": batch[0]} if self._old else {"names": " ".join(batch)}
            found.update((tag.name, tag) for tag in await self._tags(query | {"limit": str(MOST_ROWS)}))
        return {name: found[name] for name in names if name in found}

    async def tag(self, name: str) -> SiteTag | None:
        """One tag, or None when there is none of that name."""
        return (await self.tags([name])).get(name)

    async def tags_like(self, pattern: str, *, category: TagCategory | None = None, limit: int = 50) -> list[SiteTag]:
        """Tags that a pattern with `*` matches, the most used first."""
        query = {"name_pattern": pattern.replace("*", "%"), "orderby": "count", "order": "DESC"}
        tags = [tag for tag in await self._tags(query | {"limit": str(MOST_ROWS)}) if fits(pattern, tag.name)]
        wanted = [tag for tag in tags if category is None or tag.category is category]
        return sorted(wanted, key=lambda tag: -tag.post_count)[:limit]

    async def tags_near(self, name: str, *, limit: int = 10) -> list[SiteTag]:
        """Tags that have the name in theirs; the site knows no nearness of spelling."""
        return await self.tags_like(f"*{name}*", limit=limit)

    async def _tags(self, query: Mapping[str, str]) -> list[SiteTag]:
        answer = await self._ask("tag", query)
        tags = [tag for tag in map(_tag, answer.rows) if tag is not None]
        self._kinds |= {tag.name: tag.category for tag in tags}
        return tags

    async def autocomplete(self, text: str, limit: int = 10) -> list[Suggestion]:
        """Tags that begin so."""
        tags = await self.tags_like(f"{text}*", limit=limit)
        return [Suggestion(tag.name, tag.category, tag.post_count, "tag", None) for tag in tags]

    async def _ask(self, kind: str, query: Mapping[str, str]) -> Rows:
        read = rows_in_xml if self._old else rows_in_json
        form = {} if self._old else {"json": "1"}
        fixed = {"page": "dapi", "s": kind, "q": "index", **form}
        return await self._api.answer("/index.php", fixed | dict(query), lambda body: read(body, kind))


def _tag(raw: Any) -> SiteTag | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
        return None
    count, number = str(raw.get("count", "")), str(raw.get("type", ""))
    category = _NUMBERS.get(int(number), TagCategory.GENERAL) if number.isdecimal() else TagCategory.GENERAL
    return SiteTag(raw["name"], category, int(count) if count.isdecimal() else 0)
