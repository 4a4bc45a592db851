"""The archive's part for searches that are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from storage.database.access import Access
from storage.following import rows
from storage.following.records import FollowedSearch, FollowState
from storage.records import Post


class Follows:
    """What a sync reads and writes besides a crawl's own rows."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def now(self) -> datetime:
        """By the archive's clock."""
        return self._access.now()

    async def searches(self) -> Sequence[FollowedSearch]:
        """Every search that was crawled, as its last crawl was told to do it."""
        return await self._access.read(rows.followed_searches)

    async def begin(self, listing_id: int, interval: timedelta) -> FollowState:
        """How a search is followed; one that never was begins with the changes since its oldest reading.

        Args:
            listing_id: which search.
            interval: of a search that was never followed.
        """
        now = self._access.now()
        return await self._access.write(lambda c: rows.begin_following(c, listing_id, interval, now))

    async def save(self, listing_id: int, state: FollowState) -> None:
        """Record how far a sync has come."""
        await self._access.write(lambda c: rows.save_state(c, listing_id, state))

    async def rename(self, listing_id: int, query: str) -> bool:
        """Give a listing its search's new words; says whether no other listing had them."""
        return await self._access.write(lambda c: rows.rename_listing(c, listing_id, query))

    async def stated(self, site: str, ids: Sequence[int]) -> Mapping[int, Post]:
        """Posts as the site last stated them to us, by id."""
        return await self._access.read(lambda c: rows.stated(c, site, ids))

    async def stale(self, listing_id: int, before: datetime, limit: int) -> Sequence[int]:
        """Posts that were read before a moment, the longest ago first."""
        return await self._access.read(lambda c: rows.stale(c, listing_id, before, limit))

    async def count_stale(self, listing_id: int, before: datetime) -> int:
        """How many posts were read before a moment."""
        return await self._access.read(lambda c: rows.count_stale(c, listing_id, before))

    async def taken_down(self, listing_id: int, how: Literal["banned", "deleted"]) -> frozenset[int]:
        """Posts that were last stated as banned, or as deleted."""
        return await self._access.read(lambda c: rows.taken_down(c, listing_id, how))

    async def members(self, listing_id: int, ids: Sequence[int]) -> frozenset[int]:
        """Those of the posts that the listing has shown."""
        return await self._access.read(lambda c: rows.members(c, listing_id, ids))

    async def left_by_interrupted(self, listing_id: int) -> Sequence[Post]:
        """Posts that interrupted syncs recorded: whether they decided them is not known."""
        return await self._access.read(lambda c: rows.left_by_interrupted(c, listing_id))

    async def gone(self, site: str, ids: Sequence[int]) -> int:
        """The site has these posts no more; nothing of theirs is removed. Says how many were there before."""
        now = self._access.now()
        return await self._access.write(lambda c: rows.mark_gone(c, site, ids, now))
