"""One search that is followed, while it is: what is asked, what is known, how many requests are left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from crawler.following.changes import ChangeTally
from crawler.sources.site_client import SiteClient
from storage.following.records import FollowedSearch, FollowState
from storage.records import Post, Target

STALE_AFTER = timedelta(days=30)  # what was not read for so long is read again
REMOVALS_EVERY = timedelta(days=3)  # how often the list of what was taken down is read


class FollowsProtocol(Protocol):
    """What is asked of the archive; `storage.following.follows.Follows` fulfils it."""

    async def stated(self, site: str, ids: Sequence[int]) -> Mapping[int, Post]: ...
    async def members(self, listing_id: int, ids: Sequence[int]) -> frozenset[int]: ...
    async def stale(self, listing_id: int, before: datetime, limit: int) -> Sequence[int]: ...
    async def taken_down(self, listing_id: int, how: Literal["banned", "deleted"]) -> frozenset[int]: ...
    async def left_by_interrupted(self, listing_id: int) -> Sequence[Post]: ...
    async def gone(self, site: str, ids: Sequence[int]) -> int: ...


@dataclass(slots=True)
class RequestBound:
    """How many requests to the API a run may make; every search of the run draws on the same."""

    most: int
    spent: Callable[[], int]  # so far

    @property
    def left(self) -> int:
        """How many more may be made."""
        return max(0, self.most - self.spent())


@dataclass(frozen=True, slots=True)
class AskedSearch:
    """A search as the site is asked it in one kind of list."""

    query: str
    tags: tuple[str, ...]  # that every post of the answer carries, by the names that we know
    fits: Callable[[Post], bool]  # what the site is not asked


@dataclass(frozen=True, slots=True)
class SearchWords:
    """A search in both kinds of lists."""

    by_id: AskedSearch
    by_change: AskedSearch | None  # may leave more to us; None: the account has no search term left for the order


@dataclass(frozen=True, slots=True)
class Renamed:
    """A search whose tags, or whose targets' tags, are called otherwise now."""

    words: SearchWords
    targets: tuple[Target, ...]


@dataclass(slots=True, kw_only=True)
class Sync:
    """One search's sync."""

    search: FollowedSearch
    state: FollowState  # as it was before
    words: SearchWords
    client: SiteClient
    follows: FollowsProtocol
    requests: RequestBound
    now: datetime
    look_up: Callable[[], Awaitable[Renamed | None]]  # asks the site whether names of ours are aliases now
    limit: int | None = None  # posts of an unfinished walk in one sync
    everything: bool = False  # read every post again, however lately it was read
    tally: ChangeTally = field(default_factory=ChangeTally)
    changed_since: datetime | None = None  # the next state's
    stale_before: datetime | None = None
    removals_at: datetime | None = None
    looked_up: bool = False  # whether `look_up` was asked
    missing: list[int] = field(default_factory=list)  # ids that an answer lacked
    cut: str = ""  # what was left undone, for want of requests or of a whole answer

    def __post_init__(self) -> None:
        """Begin where the last one ended."""
        self.changed_since = self.state.changed_since
        self.stale_before = self.now if self.everything else self.state.stale_before
        self.removals_at = self.state.removals_at

    @property
    def stale_from(self) -> datetime:
        """What was read before this moment is stale."""
        aged = self.now - STALE_AFTER
        return aged if self.stale_before is None else max(aged, self.stale_before)

    @property
    def removals_due(self) -> bool:
        """Whether it is time for the list of what was taken down."""
        last = self.state.removals_at
        return self.everything or last is None or self.now - last >= REMOVALS_EVERY * 0.9
