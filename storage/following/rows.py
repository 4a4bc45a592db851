"""Followed searches in the database: which there are, what of theirs is stale, what was learned of their posts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from storage.database.chunks import chunked
from storage.database.tables import FollowRow, ListingPostRow, ListingRow, PostRow, RunRow
from storage.following.records import GONE, FollowedSearch, FollowState
from storage.records import Post
from storage.rows.posts import load_posts

CRAWLS = ("crawl", "sync")  # commands whose runs say how a search is crawled
WHOLE = (0, 3, 13)  # exit codes of runs that came to their end
SLACK = timedelta(hours=1)  # by which the site's clock and ours may differ


def followed_searches(connection: Connection) -> Sequence[FollowedSearch]:
    """Every search that was crawled, in the order of its first crawl, as its last crawl was told to do it."""
    last = (
        select(RunRow.site, RunRow.query, func.max(RunRow.id).label("id"))
        .where(RunRow.command.in_(CRAWLS))
        .group_by(RunRow.site, RunRow.query)
        .subquery()
    )
    posts = (
        select(func.count())
        .select_from(ListingPostRow)
        .where(ListingPostRow.listing_id == ListingRow.id)
        .scalar_subquery()
    )
    listing = [column for column in ListingRow.__table__.c if column.name not in ("counted", "started_at")]
    facts = [column for column in FollowRow.__table__.c if column.name != "listing_id"]
    statement = (
        select(*listing, RunRow.targets, RunRow.settings, posts.label("posts"), *facts)
        .join(last, (last.c.site == ListingRow.site) & (last.c.query == ListingRow.query))
        .join(RunRow, RunRow.id == last.c.id)
        .outerjoin(FollowRow, FollowRow.listing_id == ListingRow.id)
        .order_by(ListingRow.id)
    )
    return [_search(row) for row in connection.execute(statement)]


def _search(row: Any) -> FollowedSearch:
    return FollowedSearch(
        listing_id=row.id,
        site=row.site,
        query=row.query,
        targets=tuple(row.targets),
        settings=row.settings,
        posts=row.posts,
        complete=row.state == "complete" or row.newer_only,
        highest=row.highest or row.newest,
        cursor=row.cursor,
        state=None if row.interval_s is None else _state(row),
    )


def _state(row: Any) -> FollowState:
    return FollowState(
        interval=timedelta(seconds=row.interval_s),
        due_at=row.due_at,
        synced_at=row.synced_at,
        changed_since=row.changed_since,
        stale_before=row.stale_before,
        removals_at=row.removals_at,
        new=row.new,
        changed=row.changed,
    )


def begin_following(connection: Connection, listing_id: int, interval: timedelta, now: datetime) -> FollowState:
    """What is known of how a search is followed; a search that never was begins where its oldest reading is."""
    there = select(*FollowRow.__table__.c).where(FollowRow.listing_id == listing_id)
    row = connection.execute(there).one_or_none()
    if row is not None:
        return _state(row)
    state = FollowState(interval=interval, due_at=now, changed_since=_oldest_reading(connection, listing_id, now))
    connection.execute(insert(FollowRow), {"listing_id": listing_id, **_values(state)})
    return state


def _oldest_reading(connection: Connection, listing_id: int, now: datetime) -> datetime:
    """From which change on posts may have changed without our knowledge.

    Nothing is known of a post since it was read; where the site's clock goes before ours, its own newest change counts.
    """
    members = select(func.min(PostRow.seen_at), func.max(PostRow.updated_at)).join(
        ListingPostRow, ListingPostRow.post_key == PostRow.key
    )
    seen, changed = connection.execute(members.where(ListingPostRow.listing_id == listing_id)).one()
    return now - SLACK if seen is None else min(seen - SLACK, changed)


def save_state(connection: Connection, listing_id: int, state: FollowState) -> None:
    """A sync came to its end, or to a point from which the next one may go on."""
    connection.execute(update(FollowRow).where(FollowRow.listing_id == listing_id).values(**_values(state)))
    newer = ListingRow.highest > func.coalesce(ListingRow.newest, 0)
    complete = update(ListingRow).where(ListingRow.id == listing_id, ListingRow.state == "complete", newer)
    connection.execute(complete.values(newest=ListingRow.highest))


def _values(state: FollowState) -> dict[str, Any]:
    names = ("due_at", "synced_at", "changed_since", "stale_before", "removals_at", "new", "changed")
    return {name: getattr(state, name) for name in names} | {"interval_s": state.interval.total_seconds()}


def rename_listing(connection: Connection, listing_id: int, query: str) -> bool:
    """Give a listing the words that its search has since the site renamed a tag; not where others have them already."""
    site = select(ListingRow.site).where(ListingRow.id == listing_id).scalar_subquery()
    taken = select(ListingRow.id).where(ListingRow.site == site, ListingRow.query == query)
    if connection.execute(taken).first() is not None:
        return False
    connection.execute(update(ListingRow).where(ListingRow.id == listing_id).values(query=query))
    return True


def stated(connection: Connection, site: str, ids: Sequence[int]) -> Mapping[int, Post]:
    """Posts as the site last stated them to us, by id; those that are not known are missing."""
    keys: list[int] = []
    for chunk in chunked(ids):
        known = select(PostRow.key).where(PostRow.site == site, PostRow.post_id.in_(chunk))
        keys += connection.execute(known).scalars()
    return {post.id: post for post in load_posts(connection, keys)}


def stale(connection: Connection, listing_id: int, before: datetime, limit: int) -> Sequence[int]:
    """Posts of a listing that were read before a moment, the longest ago first; without those that are gone."""
    found = (
        select(PostRow.post_id)
        .join(ListingPostRow, ListingPostRow.post_key == PostRow.key)
        .where(ListingPostRow.listing_id == listing_id, PostRow.seen_at < before)
        .where(PostRow.hidden_reason.is_distinct_from(GONE))
        .order_by(PostRow.seen_at, PostRow.post_id)
        .limit(limit)
    )
    return connection.execute(found).scalars().all()


def count_stale(connection: Connection, listing_id: int, before: datetime) -> int:
    """How many posts `stale` would find without a limit."""
    found = (
        select(func.count())
        .select_from(PostRow)
        .join(ListingPostRow, ListingPostRow.post_key == PostRow.key)
        .where(ListingPostRow.listing_id == listing_id, PostRow.seen_at < before)
        .where(PostRow.hidden_reason.is_distinct_from(GONE))
    )
    return connection.execute(found).scalar_one()


def taken_down(connection: Connection, listing_id: int, how: Literal["banned", "deleted"]) -> frozenset[int]:
    """Posts of a listing that were last stated as banned, or as deleted."""
    flag = PostRow.is_banned if how == "banned" else PostRow.is_deleted
    members = select(PostRow.post_id).join(ListingPostRow, ListingPostRow.post_key == PostRow.key)
    return frozenset(connection.execute(members.where(ListingPostRow.listing_id == listing_id, flag)).scalars())


def members(connection: Connection, listing_id: int, ids: Sequence[int]) -> frozenset[int]:
    """Those of the posts that the listing has shown."""
    found: set[int] = set()
    for chunk in chunked(ids):
        shown = select(ListingPostRow.post_id).where(ListingPostRow.listing_id == listing_id)
        found.update(connection.execute(shown.where(ListingPostRow.post_id.in_(chunk))).scalars())
    return frozenset(found)


def left_by_interrupted(connection: Connection, listing_id: int) -> Sequence[Post]:
    """Posts that syncs of this listing recorded before they were interrupted: whether they decided them is not known.

    Those count that ran since the last one that ended by itself.
    """
    same = select(ListingRow.site, ListingRow.query).where(ListingRow.id == listing_id).subquery()
    syncs = select(RunRow.id).join(same, (same.c.site == RunRow.site) & (same.c.query == RunRow.query))
    syncs = syncs.where(RunRow.command == "sync")
    whole = syncs.where(RunRow.state == "ended", RunRow.exit_code.in_(WHOLE)).order_by(RunRow.id.desc()).limit(1)
    last = connection.execute(whole).scalar() or 0
    cut = connection.execute(syncs.where(RunRow.id > last, RunRow.state != "running")).scalars().all()
    keys = (
        select(PostRow.key)
        .join(ListingPostRow, ListingPostRow.post_key == PostRow.key)
        .where(ListingPostRow.listing_id == listing_id, PostRow.seen_run_id.in_(cut), PostRow.hidden_reason.is_(None))
    )
    return load_posts(connection, connection.execute(keys).scalars().all()) if cut else []


def mark_gone(connection: Connection, site: str, ids: Sequence[int], now: datetime) -> int:
    """The site has these posts no more; their labels, decisions and files stay. Says how many were there before."""
    gone = 0
    for chunk in chunked(ids):
        there = (PostRow.site == site, PostRow.post_id.in_(chunk), PostRow.hidden_reason.is_distinct_from(GONE))
        gone += connection.execute(update(PostRow).where(*there).values(hidden_reason=GONE, seen_at=now)).rowcount
    return gone
