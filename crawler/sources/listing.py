"""Walk a search from the newest post to the oldest, by id, and never take an empty or failed answer for the end.

Every request names an id cursor, the first one too: without one the site answers in the search's own order, which
`date:` and `age:` change on their own, and an id taken from such a page would skip posts. Pages hold posts below the
cursor, so uploads during the walk shift nothing. A short page, a page of repeats or an empty page proves nothing; the
walk ends only when the last cursor yields nothing twice. Where the site cannot answer, smaller windows are asked for,
and what remains unlisted is handed out as a gap.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from crawler.errors import GoneError, TransientError, UnreachableError
from crawler.sources.site_client import NEWEST, PAGE_SIZE, PostPage, SiteClient
from storage.archive_records import Gap
from storage.records import Post, RefusedRow
from storage.search.language import Or, parse, to_text

log = logging.getLogger(__name__)

STUCK_PAGES = 3  # pages without a single new id at one cursor: the site repeats itself
NARROWINGS = 3  # how often a window is halved before it becomes a gap
NARROW_LIMIT = 20  # posts a page inside a narrowed window
WINDOWS = 4  # windows, each twice as wide as the one before, after a page that could not be had
GAPS_IN_A_ROW = 5  # gaps without a page between them: the site is down, and not one range of it


@dataclass(frozen=True, slots=True)
class Listed:
    """One step of a walk; file it as a whole, and the walk can go on from its cursor."""

    posts: tuple[Post, ...]  # ids descending, below every earlier step's
    refused: tuple[RefusedRow, ...]
    cursor: int | None  # everything from here up has been listed or is in a gap; None: nothing was listed at all
    gap: Gap | None = None


async def walk(
    client: SiteClient, query: str, *, start: int | None = None, floor: int | None = None
) -> AsyncIterator[Listed]:
    """List a search downwards.

    Args:
        query: in the site's language, within the account's limit, without `order:`.
        start: only posts with ids below; None: from the newest.
        floor: only posts with ids above; None: to the very first. With the newest known id, only what came since.
    Raises:
        CrawlError: the listing as a whole cannot go on: unreachable, blocked, refused, too many terms.
    """
    walker = _Walker(client, query, start, floor or 0)
    async for listed in walker.steps():
        yield listed


@dataclass(slots=True)
class SiteSource:
    """A search on a site, as the main job asks for it."""

    client: SiteClient
    query: str

    def walk(self, *, start: int | None, floor: int | None) -> AsyncIterator[Listed]:
        """List downwards from below `start` to above `floor`."""
        return walk(self.client, self.query, start=start, floor=floor)

    async def again(self, post: Post) -> Post | None:
        """The post as the site states it now, or None when it is gone."""
        try:
            return await self.client.post(post.id)
        except GoneError:
            return None

    async def moved(self, posts: Sequence[Post]) -> Mapping[int, Post | None]:
        """Those whose files lie on no host of the site: it has another address, port or scheme than it had then."""
        elsewhere = [post.id for post in posts if self._is_elsewhere(post)]
        now: dict[int, Post | None] = dict.fromkeys(elsewhere)
        async for page in self.client.posts_by_id(elsewhere):
            now.update((post.id, post) for post in page.posts)
            for row in page.refused:
                now.pop(row.post_id or 0, None)
        return now

    def _is_elsewhere(self, post: Post) -> bool:
        urls = [rendition.url for rendition in post.renditions] + ([post.file.url] if post.file else [])
        return any(self.client.site.why_not(url) is not None for url in urls)


@dataclass(slots=True)
class _Walker:
    client: SiteClient
    query: str
    cursor: int | None  # None: at the top
    floor: int
    span: int = 0  # ids that the last page covered
    empty: int = 0  # empty answers in a row at this cursor
    stuck: int = 0  # answers in a row at this cursor that held nothing new
    gaps: int = 0  # in a row
    windows: int = 0  # narrower windows to ask for before a whole page is tried again
    width: int = 0  # ids of the next window; 0: to be found

    async def steps(self) -> AsyncIterator[Listed]:
        while not self._at_floor():
            if self.windows:
                async for listed in self._narrowed():
                    yield listed
                continue
            try:
                page = await self._page(self.query, PAGE_SIZE)
            except TransientError as error:
                log.info("asking for less at a time: %s", error)
                self.windows = WINDOWS
                continue
            self.gaps = 0
            listed_now = self._taken(page)
            if listed_now is None and self.empty >= 2:
                return
            if self.stuck >= STUCK_PAGES:
                yield self._gap(self.floor, self.cursor, "the site repeats the same page")
                return
            if listed_now is not None:
                yield listed_now

    def _at_floor(self) -> bool:
        return self.cursor is not None and self.cursor <= self.floor + 1

    async def _page(self, query: str, limit: int) -> PostPage:
        page = NEWEST if self.cursor is None else f"b{self.cursor}"
        return await self.client.posts(query, page=page, limit=limit)

    def _taken(self, page: PostPage) -> Listed | None:
        """What is new in an answer, with the cursor moved below it; None when it moved nothing."""
        ids = [post.id for post in page.posts] + [row.post_id for row in page.refused if row.post_id is not None]
        ids += page.left_out
        below = [post_id for post_id in ids if self.cursor is None or post_id < self.cursor]
        if not page.raw_count:
            self.empty += 1
            return None
        self.empty = 0
        if not below:
            self.stuck += 1
            return None
        self.stuck = 0
        lowest = min(below)
        self.span = (self.cursor or max(below) + 1) - lowest
        fresh = [post for post in page.posts if self.cursor is None or post.id < self.cursor]
        refused = [row for row in page.refused if self._is_new(row.post_id)]
        self.cursor = lowest
        posts = sorted((post for post in fresh if post.id > self.floor), key=lambda post: -post.id)
        return Listed(tuple(posts), tuple(refused), self.cursor)

    def _is_new(self, post_id: int | None) -> bool:
        if post_id is None:
            return True
        return post_id > self.floor and (self.cursor is None or post_id < self.cursor)

    # --- where the site cannot answer ------------------------------------------------------------------------------

    async def _narrowed(self) -> AsyncIterator[Listed]:
        """List a smaller window below the cursor, halving it while it fails; then give the window up as a gap."""
        below = await self._top() if self.cursor is None else self.cursor
        width = max(1, self.width or (self.span or below - self.floor) // 2)
        reason = ""
        for _ in range(NARROWINGS):
            above = max(self.floor, below - width - 1)
            window = _Walker(self.client, _also(self.query, f"id:>{above}"), below, above)
            try:
                async for listed in window.pages(NARROW_LIMIT):
                    self.cursor = listed.cursor
                    yield listed
            except TransientError as error:
                reason = str(error)
                below = below if self.cursor is None else min(below, self.cursor)
                width = max(1, width // 2)
                continue
            self.cursor, self.empty, self.gaps = above + 1, 0, 0
            self.windows, self.width = self.windows - 1, 2 * width
            return
        self.gaps += 1
        if self.gaps >= GAPS_IN_A_ROW:
            raise UnreachableError(f"the site lists nothing any more: {reason}")
        self.windows, self.width = 0, 0
        yield self._gap(max(self.floor, below - width - 1), below, reason)

    async def pages(self, limit: int) -> AsyncIterator[Listed]:
        """The steps of one window; fails as soon as one answer does."""
        while not self._at_floor() and self.empty < 2 and self.stuck < STUCK_PAGES:
            listed = self._taken(await self._page(self.query, limit))
            if listed is not None:
                yield listed
        if self.stuck >= STUCK_PAGES:
            raise TransientError("the site repeats the same page")

    async def _top(self) -> int:
        """One above the newest id of the whole site."""
        newest = await self.client.posts("", page=NEWEST, limit=1)
        return max((post.id for post in newest.posts), default=0) + 1

    def _gap(self, above: int, below: int | None, reason: str) -> Listed:
        bottom = above + 1
        gap = Gap(above=above, below=below if below is not None else bottom, reason=reason)
        self.cursor, self.empty, self.stuck = bottom, 0, 0
        return Listed((), (), self.cursor, gap)


def _also(query: str, term: str) -> str:
    """A search with one more condition; `a or b c` would mean `a or (b c)`."""
    root = parse(query).root
    return f"{to_text(root) if isinstance(root, Or) else query} {term}".strip()
