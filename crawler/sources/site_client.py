"""What a run asks of a site, whichever software the site runs: a protocol, and the records of its answers.

Searches are in the site language of this program (Danbooru's); a client whose site speaks another one says the same
there, and checks here what the site cannot be asked.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from crawler.sites import Site
from storage.records import Post, RefusedRow, TagCategory
from storage.search.days import EASTERN_NAMES

PAGE_SIZE = 200  # posts of one request; a site that gives fewer at a time gives its most
NEWEST = f"b{2**31 - 1}"  # the first page by id; Danbooru keeps ids in 32 bits and fails on larger numbers
ALIASES, IMPLICATIONS = "/tag_aliases.json", "/tag_implications.json"  # parts of the API that a site may lack


@dataclass(frozen=True, slots=True)
class PostPage:
    """One answer of the listing."""

    posts: tuple[Post, ...]  # in the order given, each id once
    refused: tuple[RefusedRow, ...]
    raw_count: int  # rows in the answer, whatever became of them
    left_out: tuple[int, ...] = ()  # ids of rows that a part of the search leaves out which the site was not asked


@dataclass(frozen=True, slots=True)
class ChangeLists:
    """What a site can be asked about posts that it has listed before."""

    terms: int = 0  # of the account's search terms that the list of the latest changes takes
    ids: int = 100  # posts that one request for known ids gives; 1: lists of ids are not taken
    removals: Literal["banned", "deleted"] | None = None  # which posts are listed as taken down; None: none are
    kinds_by_name: bool = False  # whether a tag's category is known only once it was asked for by name


@dataclass(frozen=True, slots=True)
class SiteTag:
    """One tag of the site."""

    name: str
    category: TagCategory
    post_count: int
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of the site's autocompletion."""

    name: str
    category: TagCategory | None
    post_count: int
    kind: str  # tag | tag-alias | tag-other-name | tag-autocorrect …
    antecedent: str | None  # the alias or other name that led here


@dataclass(frozen=True, slots=True)
class Implication:
    """Posts tagged `antecedent` always carry `consequent` too."""

    antecedent: str
    consequent: str


@dataclass(frozen=True, slots=True)
class Wiki:
    """A tag's wiki page."""

    title: str
    other_names: tuple[str, ...]
    body: str


@dataclass(frozen=True, slots=True)
class Profile:
    """Whom the site takes us for."""

    id: int | None  # None: nobody in particular
    name: str
    level: int
    tag_query_limit: int | None  # terms in one search; None: unlimited
    safe_mode: bool = False  # the account's setting, which silently filters searches
    time_zone: str = ""  # in the site's words; empty: not stated

    @property
    def has_other_days(self) -> bool:
        """Whether `date:` may mean other days for this account than for a visitor."""
        return self.time_zone not in EASTERN_NAMES


def cursor_of(page: str) -> tuple[str, int]:
    """An id cursor in its parts: `b123` as ("b", 123).

    Raises: ValueError: it is none.
    """
    cursor = re.fullmatch(r"([ab])([0-9]+)", page)
    if cursor is None:
        raise ValueError(f"expected an id cursor like b123, got {page!r}")
    return cursor[1], int(cursor[2])


class SiteClient(Protocol):
    """Asks one site; every method may raise any `CrawlError` that is about the site as a whole."""

    site: Site

    async def posts(self, tags: str, *, page: str = NEWEST, limit: int = PAGE_SIZE) -> PostPage:
        """One page of a search, by id: `b123` for the highest ids below 123, `a123` for the lowest above.

        Raises: ValueError: `page` is no id cursor. UsageError: a term that this site cannot be asked.
        """
        ...

    async def post(self, post_id: int) -> Post:
        """One post as it is now.

        Raises: GoneError: there is none. PostError: it makes no sense, or is forbidden to us.
        """
        ...

    def posts_by_id(self, ids: Iterable[int]) -> AsyncIterator[PostPage]:
        """Known posts as they are now; an id that is missing from all pages is gone for good."""
        ...

    @property
    def change_lists(self) -> ChangeLists:
        """What this site can be asked about posts that it has listed before."""
        ...

    async def latest_changes(self, tags: str, *, number: int = 1) -> PostPage:
        """Page 1, 2, … of a search, those that were uploaded or changed last first.

        Numbered pages shift while posts change; a post may come twice.
        """
        ...

    async def removed(self, tags: str, *, page: str = NEWEST) -> PostPage:
        """One page, by id, of those posts of a search that were taken down, where `change_lists` says so."""
        ...

    async def count(self, tags: str) -> int | None:
        """How many posts match; None when the site cannot say."""
        ...

    async def tags(self, names: Sequence[str]) -> dict[str, SiteTag]:
        """The named tags that exist, by name."""
        ...

    async def tag(self, name: str) -> SiteTag | None:
        """One tag, or None when there is none of that name."""
        ...

    async def tags_like(self, pattern: str, *, category: TagCategory | None = None, limit: int = 50) -> list[SiteTag]:
        """Tags that a pattern with `*` matches, the most used first."""
        ...

    async def tags_near(self, name: str, *, limit: int = 10) -> list[SiteTag]:
        """Tags of a similar spelling."""
        ...

    async def aliases(self, name: str) -> list[str]:
        """What an alias stands for."""
        ...

    async def aliases_to(self, names: Iterable[str]) -> dict[str, str]:
        """What each alias of these tags stands for, by the alias's own name."""
        ...

    async def aliases_of(self, names: Iterable[str]) -> dict[str, str]:
        """What those of these names that are aliases stand for."""
        ...

    async def implications(self, *, to: str) -> list[Implication]:
        """Implications that lead to a tag, over any number of steps."""
        ...

    async def autocomplete(self, text: str, limit: int = 10) -> list[Suggestion]:
        """What the site's search box would suggest."""
        ...

    async def wikis_by_other_name(self, text: str) -> list[Wiki]:
        """Wiki pages of things that are also called that."""
        ...

    async def profile(self) -> Profile | None:
        """Whom the site takes us for; None where it does not say.

        Raises: AccessError: the key is refused.
        """
        ...

    def lacks(self, path: str) -> bool:
        """Whether a part of the API is not open to us: then an empty answer says nothing."""
        ...
