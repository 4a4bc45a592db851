"""Listings: one row a query and site, the posts that it showed, the ranges that it could not show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from storage.archive_records import Gap, ListedPage, Listing, ListingTally
from storage.database.access import Access
from storage.database.bulk import put_rows
from storage.database.engine import insert_or_update, new_id
from storage.database.tables import GapRow, ListingPostRow, ListingRow, PostRow, RefusedPostRow
from storage.errors import ArchiveError
from storage.rows.posts import PostRows

_MEMBER_KEY = ("listing_id", "post_id")
_MEMBER = insert_or_update(ListingPostRow, _MEMBER_KEY, ("walk",))
_NEW_REFUSED = insert(RefusedPostRow)


class Listings:
    """The archive's listings: walks over the posts that fit a query, and how far each has come."""

    def __init__(self, access: Access, posts: PostRows) -> None:
        self._access = access
        self._posts = posts

    async def open(self, site: str, query: str, *, newer_only: bool = False) -> Listing:
        """Go on with the unfinished walk of this query, or begin one."""
        now = self._access.now()
        return await self._access.write(lambda c: open_listing(c, site, query, newer_only=newer_only, now=now))

    async def file_page(self, listing_id: int, page: ListedPage) -> None:
        """Posts, versions, tags, AI tags, membership and the cursor, in one transaction."""
        now = self._access.now()
        await self._access.write(lambda c: file_page(c, self._posts, listing_id, page, now))

    async def file_gap(self, listing_id: int, gap: Gap) -> None:
        """A range of ids could not be listed."""
        now = self._access.now()
        await self._access.write(lambda c: file_gap(c, listing_id, gap, now))

    async def open_gaps(self, listing_id: int) -> Sequence[Gap]:
        """The ranges that are still to be listed, highest first."""
        return await self._access.read(lambda c: open_gaps(c, listing_id))

    async def close_gap(self, listing_id: int, gap: Gap) -> None:
        """The range was listed after all."""
        now = self._access.now()
        await self._access.write(lambda c: close_gap(c, listing_id, gap, now))

    async def finish(self, listing_id: int, counted: int | None) -> ListingTally:
        """The walk came to its end; `counted` is what the site says, None when it did not."""
        now = self._access.now()
        return await self._access.write(lambda c: finish_listing(c, listing_id, counted, now))


def open_listing(connection: Connection, site: str, query: str, *, newer_only: bool, now: datetime) -> Listing:
    """Go on with an unfinished walk, or begin one.

    A walk for newer posts only is its own kind: asking for the other kind begins afresh, except that a first walk
    that never ended is simply continued.
    """
    row = connection.execute(
        select(*ListingRow.__table__.c).where(ListingRow.site == site, ListingRow.query == query)
    ).one_or_none()
    if row is None:
        values = _fresh(walk=1, newer_only=False, now=now)
        values |= {"site": site, "query": query, "newest": None, "completed_at": None, "counted": None}
        return Listing(new_id(connection, insert(ListingRow), values), None, None, complete=False)
    restricted = newer_only and row.newest is not None
    if row.state == "complete" or row.newer_only != restricted:
        connection.execute(
            update(ListingRow)
            .where(ListingRow.id == row.id)
            .values(_fresh(walk=row.walk + 1, newer_only=restricted, now=now))
        )
        return Listing(row.id, None, row.newest, complete=row.completed_at is not None)
    return Listing(row.id, row.cursor, row.newest, complete=row.completed_at is not None)


def _fresh(*, walk: int, newer_only: bool, now: datetime) -> dict[str, Any]:
    return {
        "walk": walk,
        "newer_only": newer_only,
        "cursor": None,
        "highest": None,
        "state": "walking",
        "started_at": now,
    }


def file_page(connection: Connection, rows: PostRows, listing_id: int, page: ListedPage, now: datetime) -> None:
    """A page's posts, membership, refused rows and the cursor, together or not at all."""
    listing = _listing(connection, listing_id)
    by_site: dict[str, list[Any]] = {}
    for post in page.posts:
        by_site.setdefault(post.site, []).append(post)
    members = []
    for posts in by_site.values():
        keys = rows.file(connection, posts, page.run_id, now)
        members += [
            {"listing_id": listing_id, "post_id": post_id, "post_key": key, "walk": listing.walk}
            for post_id, key in keys.items()
        ]
    put_rows(connection, _MEMBER, _MEMBER_KEY, members)
    if page.refused:
        connection.execute(
            _NEW_REFUSED,
            [
                {
                    "listing_id": listing_id,
                    "walk": listing.walk,
                    "post_id": refused.post_id,
                    "reason": refused.reason,
                    "run_id": page.run_id,
                    "seen_at": now,
                }
                for refused in page.refused
            ],
        )
    highest = max([post.id for post in page.posts], default=None)
    connection.execute(
        update(ListingRow)
        .where(ListingRow.id == listing_id)
        .values(cursor=_lowest(listing.cursor, page.cursor), highest=_highest(listing.highest, highest))
    )


def file_gap(connection: Connection, listing_id: int, gap: Gap, now: datetime) -> int:
    """Record a range that could not be listed; the same open range is recorded once."""
    same = (
        select(GapRow.id)
        .where(GapRow.listing_id == listing_id, GapRow.above == gap.above, GapRow.closed_at.is_(None))
        .where(GapRow.below.is_(None) if gap.below is None else GapRow.below == gap.below)
    )
    known = connection.execute(same).scalar()
    if known is not None:
        return int(known)
    values = {"listing_id": listing_id, "above": gap.above, "below": gap.below, "reason": gap.reason, "opened_at": now}
    return new_id(connection, insert(GapRow), values)


def open_gaps(connection: Connection, listing_id: int) -> Sequence[Gap]:
    """The ranges that are still to be listed, highest first."""
    rows = connection.execute(
        select(GapRow.above, GapRow.below, GapRow.reason, GapRow.id)
        .where(GapRow.listing_id == listing_id, GapRow.closed_at.is_(None))
        .order_by(GapRow.above.desc())
    )
    return tuple(Gap(row.above, row.below, row.reason, row.id) for row in rows)


def close_gap(connection: Connection, listing_id: int, gap: Gap, now: datetime) -> None:
    """The range was listed after all."""
    closing = update(GapRow).where(GapRow.listing_id == listing_id, GapRow.closed_at.is_(None)).values(closed_at=now)
    if gap.id is not None:
        closing = closing.where(GapRow.id == gap.id)
    else:
        closing = closing.where(GapRow.above == gap.above)
        closing = closing.where(GapRow.below.is_(None) if gap.below is None else GapRow.below == gap.below)
    connection.execute(closing)


def finish_listing(connection: Connection, listing_id: int, counted: int | None, now: datetime) -> ListingTally:
    """The walk came to its end: its highest id becomes the floor of the next walk for newer posts."""
    listing = _listing(connection, listing_id)
    connection.execute(
        update(ListingRow)
        .where(ListingRow.id == listing_id)
        .values(state="complete", newest=_highest(listing.newest, listing.highest), counted=counted, completed_at=now)
    )
    members = select(func.count()).select_from(ListingPostRow).where(ListingPostRow.listing_id == listing_id)
    refused = select(func.count(RefusedPostRow.id)).where(RefusedPostRow.listing_id == listing_id)
    if not listing.newer_only:
        members = members.where(ListingPostRow.walk == listing.walk)
        refused = refused.where(RefusedPostRow.walk == listing.walk)
    hidden = members.join(PostRow, PostRow.key == ListingPostRow.post_key).where(PostRow.hidden_reason.is_not(None))
    gaps = select(func.count(GapRow.id)).where(GapRow.listing_id == listing_id, GapRow.closed_at.is_(None))
    return ListingTally(
        listed=connection.execute(members).scalar_one(),
        hidden=connection.execute(hidden).scalar_one(),
        refused=connection.execute(refused).scalar_one(),
        gaps=connection.execute(gaps).scalar_one(),
        counted=counted,
    )


def _listing(connection: Connection, listing_id: int) -> Any:
    row = connection.execute(select(*ListingRow.__table__.c).where(ListingRow.id == listing_id)).one_or_none()
    if row is None:
        raise ArchiveError(f"listing {listing_id}: there is none; open it first")
    return row


def _lowest(known: int | None, new: int | None) -> int | None:
    return known if new is None else new if known is None else min(known, new)


def _highest(known: int | None, new: int | None) -> int | None:
    return known if new is None else new if known is None else max(known, new)
