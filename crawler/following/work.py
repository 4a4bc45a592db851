"""What a sync has to do, in order: what was left open, what is new or changed, what was taken down, what is stale.

Whatever is read is recorded before it is handed on, and the search's state only when all of it has been carried: a sync
that is killed asks for no more than its last lists again.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from crawler.following.changes import Change, changes_between, lost_names
from crawler.following.sync import AskedSearch, Sync
from crawler.run import Run
from crawler.sources.listing import Listed, walk
from crawler.sources.site_client import NEWEST, PostPage
from crawler.work_queue import left_open, once_missing, with_knowledge
from storage.archive_records import ListedPage
from storage.records import Known, Post, PostTags, RefusedRow

MOST_PAGES = 1000  # of a list of changes: numbered pages end there
FEW = 10  # posts that may be missing from an answer all at once
FETCHED = 100  # posts that one request gives at least


async def posts_to_follow(run: Run, sync: Sync) -> AsyncIterator[tuple[Post, Known]]:
    """Every post that is new or changed, or that an earlier run left open, with what is known of it."""
    run.listing_id = sync.search.listing_id
    carried: set[Statement] = set()
    async for posts in _posts(run, sync):
        fresh = [post for post in posts if _statement(post) not in carried]
        carried.update(map(_statement, fresh))
        for item in await with_knowledge(run, fresh):
            yield item


Statement: TypeAlias = tuple[int, str | None, PostTags]  # what a post's decision rests on


def _statement(post: Post) -> Statement:
    return post.id, post.file.md5 if post.file is not None else None, post.tags


async def _posts(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    async for posts in left_open(run):
        yield posts
    yield await sync.follows.left_by_interrupted(run.listing_id)
    async for posts in once_missing(run):
        yield posts
    await run.queue.join()  # a list may say that the site replaced the file which is still to be fetched
    async for posts in _new_and_changed(run, sync):
        yield posts
    async for posts in _rest_of_walk(run, sync):
        yield posts
    async for posts in _taken_down(run, sync):
        yield posts
    async for posts in _stale(run, sync):
        yield posts
    async for posts in _missed_twice(run, sync):
        yield posts


# --- new and changed -------------------------------------------------------------------------------------------------


async def _new_and_changed(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    """The list of the latest changes down to the last one that was read; or new posts alone, where that is too long."""
    asked, since = sync.words.by_change, sync.state.changed_since
    if asked is None or since is None:
        async for posts in _new(run, sync):
            yield posts
        return
    number, newest, most = 1, since, _most_pages(sync)
    while True:
        asked = sync.words.by_change or asked  # it may have been renamed meanwhile
        page = await sync.client.latest_changes(asked.query, number=number)
        yield await _filed(run, sync, page, asked, since=since)
        times = [post.updated_at for post in page.posts]
        newest = max([newest, *times])
        if not page.raw_count or (times and min(times) < since):
            break
        if number >= most:
            async for posts in _new(run, sync):
                yield posts
            break
        number += 1
    sync.changed_since = newest


def _most_pages(sync: Sync) -> int:
    """Pages of changes after which the rest is had otherwise: reading every post again would take fewer requests."""
    all_again = math.ceil(sync.search.posts / max(sync.client.change_lists.ids, FETCHED))
    return min(MOST_PAGES, max(1, sync.requests.left), all_again + 1)


async def _new(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    """Uploads since the newest known post, by id; all others are to be read again, little by little."""
    sync.stale_before = sync.now
    if not sync.search.complete:
        return
    asked = sync.words.by_id
    async for step in walk(sync.client, asked.query, floor=sync.search.highest):
        await _note_gap(run, step)
        yield await _filed(run, sync, PostPage(step.posts, step.refused, len(step.posts)), asked)


async def _note_gap(run: Run, step: Listed) -> None:
    if step.gap is not None:
        run.tally.gaps += 1
        await run.crew.archive.file_gap(run.listing_id, step.gap)


async def _filed(
    run: Run,
    sync: Sync,
    page: PostPage,
    asked: AskedSearch | None,
    *,
    since: datetime | None = None,
    cursor: int | None = None,
) -> Sequence[Post]:
    """Record a page; gives those of its posts that are to be looked at again.

    Args:
        run: of this sync.
        sync: the search.
        page: of a listing, or posts of the search by their ids.
        asked: the search that was listed: what does not fit it counts where it did once; None: they all belong to it.
        since: posts that changed from then on are looked at, also where another search's sync recorded the change.
        cursor: of an unfinished walk.
    """
    ids = [post.id for post in page.posts]
    before = await sync.follows.stated(run.job.site, ids)
    known = await sync.follows.members(run.listing_id, ids)
    posts = [post for post in page.posts if post.id in known or asked is None or asked.fits(post)]
    if asked is not None:
        await _follow_names(run, sync, before, page.posts, asked)
    found = {post.id: changes_between(before.get(post.id) if post.id in known else None, post) for post in posts}
    for changes in found.values():
        sync.tally.count(changes)
    run.tally.refused += len(page.refused)
    await run.crew.archive.file_page(run.listing_id, ListedPage(posts, page.refused, cursor, run.job.run_id))
    return [post for post in posts if found[post.id] or (since is not None and post.updated_at >= since)]


async def _follow_names(
    run: Run, sync: Sync, before: Mapping[int, Post], now: Sequence[Post], asked: AskedSearch
) -> None:
    """Ask once, where posts look as if a tag of the search or of a target was renamed, and go on by the new names."""
    names = {name for target in run.job.targets for name in target.present_names}
    listed_otherwise = any(not post.tags.all().issuperset(asked.tags) for post in now)
    if sync.looked_up or not (listed_otherwise or lost_names(names, before, now)):
        return
    sync.looked_up = True
    renamed = await sync.look_up()
    if renamed is not None:
        sync.words = renamed.words
        run.job = replace(run.job, targets=renamed.targets)


# --- a first walk that has not come to its end -----------------------------------------------------------------------


async def _rest_of_walk(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    """Go on with a walk that a limit or a stop ended, by as many posts as the search's limit."""
    if sync.search.complete:
        return
    asked, listed = sync.words.by_id, 0
    async for step in walk(sync.client, asked.query, start=sync.search.cursor):
        await _note_gap(run, step)
        page = PostPage(step.posts, step.refused, len(step.posts))
        yield await _filed(run, sync, page, asked, cursor=step.cursor)
        listed += len(step.posts)
        if sync.limit is not None and listed >= sync.limit:
            return
        if not sync.requests.left:
            sync.cut = "the walk to the oldest post"
            return
    await run.crew.archive.finish_listing(run.listing_id, None)


# --- what was taken down ---------------------------------------------------------------------------------------------


async def _taken_down(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    """Posts that artists or the site took down, and those that are shown again."""
    how = sync.client.change_lists.removals
    if how is None or not sync.removals_due:
        return
    listed: set[int] = set()
    page_of, whole = NEWEST, False
    while sync.requests.left and not whole:
        page = await sync.client.removed(sync.words.by_id.query, page=page_of)
        ids = [post.id for post in page.posts]
        listed.update(ids)
        members = await sync.follows.members(run.listing_id, ids)
        ours = tuple(post for post in page.posts if post.id in members)
        yield await _filed(run, sync, PostPage(ours, (), len(ours)), None)
        whole = page.raw_count < sync.client.change_lists.ids
        page_of = f"b{min([*ids, *page.left_out], default=1)}"
    if not whole:
        sync.cut = "the list of what was taken down"
        return
    sync.removals_at = sync.now
    again = await sync.follows.taken_down(run.listing_id, how) - listed
    async for posts in _read_again(run, sync, sorted(again)):
        yield posts


# --- what was not read for long --------------------------------------------------------------------------------------


async def _stale(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    """Read posts again that were not read for long, the longest ago first, while requests are left."""
    before, ids = sync.stale_from, max(sync.client.change_lists.ids, FETCHED)
    asked: set[int] = set()
    unread = 0  # posts that were asked for, and of which the site's answer makes no sense
    while True:
        found = await sync.follows.stale(run.listing_id, before, 2 * ids + unread)
        waiting = [post_id for post_id in found if post_id not in asked][:ids]
        if not waiting:
            break
        if not sync.requests.left:
            sync.cut = "reading posts again"
            return
        unread = sum(post_id in asked for post_id in found)
        asked.update(waiting)
        sync.tally.read_again += len(waiting)
        async for posts in _read_again(run, sync, waiting):
            yield posts
    sync.stale_before = None


async def _read_again(run: Run, sync: Sync, ids: Sequence[int]) -> AsyncIterator[Sequence[Post]]:
    """Posts as they are now, wherever the search has them."""
    step = sync.client.change_lists.ids
    if step == 1:
        async for posts in _read_ranges(run, sync, ids):
            yield posts
        return
    for start in range(0, len(ids), step):
        if not sync.requests.left:
            return
        yield await _read_by_id(run, sync, ids[start : start + step])


async def _by_id(sync: Sync, ids: Sequence[int]) -> PostPage:
    posts: dict[int, Post] = {}
    refused: list[RefusedRow] = []
    async for page in sync.client.posts_by_id(ids):
        posts |= {post.id: post for post in page.posts}
        refused += page.refused
    return PostPage(tuple(posts.values()), tuple(refused), len(posts))


async def _read_by_id(run: Run, sync: Sync, ids: Sequence[int]) -> Sequence[Post]:
    """Posts by their ids, as many as one request takes; what is missing is asked for once more at the end.

    Where most of them are missing, the answer is taken for the site's trouble, and nothing for gone.
    """
    page = await _by_id(sync, ids)
    missing = _missing(page, ids)
    if len(missing) <= max(FEW, len(ids) // 2):
        sync.missing += missing
    else:
        sync.cut = "posts that the site did not show by their ids"
    return await _filed(run, sync, page, None)


async def _missed_twice(run: Run, sync: Sync) -> AsyncIterator[Sequence[Post]]:
    """Ask once more for what was missing: an answer that lacks a post proves little, a second one that it is gone."""
    missing, step = sync.missing, max(sync.client.change_lists.ids, 1)
    for start in range(0, len(missing), step):
        if not sync.requests.left:
            return
        batch = missing[start : start + step]
        page = await _by_id(sync, batch)
        yield await _filed(run, sync, page, None)
        await _gone(run, sync, _missing(page, batch))


def _missing(page: PostPage, ids: Sequence[int]) -> list[int]:
    there = {post.id for post in page.posts} | {row.post_id for row in page.refused}
    return [post_id for post_id in ids if post_id not in there]


async def _gone(run: Run, sync: Sync, ids: Sequence[int]) -> None:
    sync.tally.count(frozenset({Change.GONE}), await sync.follows.gone(run.job.site, ids))


async def _read_ranges(run: Run, sync: Sync, ids: Sequence[int]) -> AsyncIterator[Sequence[Post]]:
    """The same at a site that takes no lists of ids: pages of the search by id, then each missing post by itself."""
    waiting = sorted(ids, reverse=True)
    while waiting and sync.requests.left:
        page = await sync.client.posts(sync.words.by_id.query, page=f"b{waiting[0] + 1}")
        yield await _filed(run, sync, page, sync.words.by_id)
        if not page.raw_count and len(waiting) > FEW:
            sync.cut = "posts that the site did not list again"
            return
        shown = {post.id for post in page.posts} | set(page.left_out)
        lowest = min(shown, default=0)
        missing = [post_id for post_id in waiting if post_id >= lowest and post_id not in shown]
        waiting = [post_id for post_id in waiting if post_id < lowest]
        for post_id in missing[: sync.requests.left]:
            alone = await _by_id(sync, [post_id])
            yield await _filed(run, sync, alone, None)
            await _gone(run, sync, _missing(alone, [post_id]))
