"""Moebooru sites such as yande.re and Konachan.

Pages are asked for by id inside the search (`id:<123`), newest first, because numbered pages shift while somebody
uploads. `api_version=2&include_tags=1` adds every tag's category to a page. The site follows aliases in a search by
itself but tells nobody of them, nor of implications; posts that were deleted are in no answer.
Source: https://yande.re/help/api.
"""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawler.errors import TransientError
from crawler.sites import Site
from crawler.sources.boorus.moebooru_posts import CATEGORIES, moebooru_post
from crawler.sources.boorus.no_tag_links import NoTagLinks
from crawler.sources.boorus.shared_search import SharedSearch, shared_search, three_ratings_wording
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
from storage.records import Post, TagCategory
from storage.search.language import Node
from storage.search.match import fits

log = logging.getLogger(__name__)

MOST_POSTS = 100  # in one answer
_NUMBERS = {0: "general", 1: "artist", 3: "copyright", 4: "character", 5: "circle", 6: "faults"}
_PASSED_ON = frozenset({"md5", "pool", "user"})  # searches that the site knows in the same words


@dataclass(slots=True)
class MoebooruClient(NoTagLinks):
    """Asks a Moebooru; fulfils `SiteClient`."""

    site: Site
    http: Http
    patience: Patience = field(default_factory=Patience)
    notify: Callable[[str], None] = log.warning
    _api: JsonApi = field(init=False)
    _without_categories: bool = False  # whether the site was found to state no tag's category

    def __post_init__(self) -> None:
        """Put the way to the site together."""
        self._api = JsonApi(self.site, self.http, self.patience, {}, lambda line: self.notify(line))

    # --- posts -----------------------------------------------------------------------------------------------------

    async def posts(self, tags: str, *, page: str = NEWEST, limit: int = PAGE_SIZE) -> PostPage:
        """One page of a search, by id.

        Raises: ValueError: `page` is no id cursor. UsageError: a term that the site cannot be asked.
        """
        direction, number = cursor_of(page)
        search = self._search(tags)
        words = search.asked if page == NEWEST else _within_ids(search.asked, direction, number)
        order = "order:id_desc" if direction == "b" else "order:id"
        return search.only_fitting(await self._page(f"{words} {order}".strip(), limit))

    @property
    def change_lists(self) -> ChangeLists:
        """Everything but deletions comes in the order of changes; deleted posts are listed apart."""
        return ChangeLists(ids=MOST_POSTS, removals="deleted")

    async def latest_changes(self, tags: str, *, number: int = 1) -> PostPage:
        """A page of a search, the last changed first."""
        search = self._search(tags)
        return search.only_fitting(await self._page(f"{search.asked} order:change_desc".strip(), MOST_POSTS, number))

    async def removed(self, tags: str, *, page: str = NEWEST) -> PostPage:
        """A page of the deleted posts of a search, by id."""
        direction, number = cursor_of(page)
        search = self._search(tags)
        words = search.asked if page == NEWEST else _within_ids(search.asked, direction, number)
        return search.only_fitting(await self._page(f"{words} deleted:true order:id_desc".strip(), MOST_POSTS))

    async def _page(self, words: str, limit: int, number: int = 1) -> PostPage:
        query = {"tags": words, "limit": str(min(limit, MOST_POSTS)), "api_version": "2", "include_tags": "1"}
        query |= {"page": str(number)} if number > 1 else {}
        reply: Any = await self._api.json("/post.json", query, want=object)
        rows = reply.get("posts") if isinstance(reply, dict) else reply
        kinds = reply.get("tags") if isinstance(reply, dict) else None
        if not isinstance(rows, list):
            raise TransientError("/post.json: the answer holds no posts")
        if not isinstance(kinds, dict):
            kinds = {}
            self._say_without_categories()
        return await page_of(rows, lambda raw: moebooru_post(self.site, raw, kinds))

    def _say_without_categories(self) -> None:
        if not self._without_categories:
            self._without_categories = True
            self.notify(f"{self.site.name} states no tag's category: characters are not told from other tags")

    async def post(self, post_id: int) -> Post:
        """One post as it is now.

        Raises: GoneError: there is none. PostError: it makes no sense.
        """
        return post_in(await self._page(f"id:{int(post_id)}", 1), post_id)

    async def posts_by_id(self, ids: Iterable[int]) -> AsyncIterator[PostPage]:
        """Known posts as they are now, deleted ones too; an id that is missing from all pages is gone for good."""
        wanted = list(dict.fromkeys(ids))
        for start in range(0, len(wanted), MOST_POSTS):
            batch = wanted[start : start + MOST_POSTS]
            page = await self._page(f"id:{','.join(map(str, batch))}", MOST_POSTS)
            yield page
            there = {post.id for post in page.posts}
            if missing := [post_id for post_id in batch if post_id not in there]:
                yield await self._page(f"id:{','.join(map(str, missing))} deleted:true", MOST_POSTS)

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
        """The named tags that exist, by name; one request a tag."""
        found = {name: await self.tag(name) for name in dict.fromkeys(names)}
        return {name: tag for name, tag in found.items() if tag is not None}

    async def tag(self, name: str) -> SiteTag | None:
        """One tag, or None when there is none of that name."""
        tags = await self._tags({"name": name, "limit": "100", "order": "count"})
        return next((tag for tag in tags if tag.name == name), None)

    async def tags_like(self, pattern: str, *, category: TagCategory | None = None, limit: int = 50) -> list[SiteTag]:
        """Tags that a pattern with `*` matches, the most used first."""
        query = {"name": pattern, "limit": "100" if limit < 100 else str(limit), "order": "count"}
        like = [tag for tag in await self._tags(query) if fits(pattern, tag.name)]
        wanted = [tag for tag in like if category is None or tag.category is category]
        return sorted(wanted, key=lambda tag: -tag.post_count)[:limit]

    async def tags_near(self, name: str, *, limit: int = 10) -> list[SiteTag]:
        """Tags that have the name in theirs; the site knows no nearness of spelling."""
        return await self.tags_like(f"*{name}*", limit=limit)

    async def _tags(self, query: Mapping[str, str]) -> list[SiteTag]:
        rows = await self._api.json("/tag.json", query, want=list)
        return [tag for tag in map(_tag, rows) if tag is not None]

    async def autocomplete(self, text: str, limit: int = 10) -> list[Suggestion]:
        """Tags that begin so."""
        tags = await self.tags_like(f"{text}*", limit=limit)
        return [Suggestion(tag.name, tag.category, tag.post_count, "tag", None) for tag in tags]


def _within_ids(words: str, direction: str, number: int) -> str:
    """A search with the cursor in it; the site heeds only one `id:`, so one that is there becomes part of a range."""
    others = [word for word in words.split() if not word.startswith("id:>")]
    above = max((int(word[4:]) for word in words.split() if re.fullmatch(r"id:>[0-9]+", word)), default=0)
    if direction == "a":
        return " ".join([*others, f"id:>{max(above, number)}"])
    return " ".join([*others, f"id:{above + 1}..{number - 1}" if above else f"id:<{number}"])


def _tag(raw: Any) -> SiteTag | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str) or not raw["name"]:
        return None
    count, number = raw.get("count"), raw.get("type")
    category = CATEGORIES[_NUMBERS.get(number, "general")] if type(number) is int else TagCategory.GENERAL
    return SiteTag(raw["name"], category, count if type(count) is int and count >= 0 else 0)
