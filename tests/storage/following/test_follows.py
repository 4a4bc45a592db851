"""Followed searches in the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ListedPage, RunEnd, RunStart
from storage.following.records import GONE, FollowState
from storage.records import PostTags
from tests.storage.samples import NO_RESERVE, make_post, new_gallery

DAY = timedelta(days=1)


@dataclass(slots=True)
class Calendar:
    """A day that a test turns."""

    today: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.today


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


Open = Callable[[], Archive]


@pytest.fixture
def opened(tmp_path: Path, calendar: Calendar) -> Open:
    settings = replace(NO_RESERVE, clock=calendar)
    return lambda: Archive.open(new_gallery(tmp_path / "root"), settings)


async def crawled(archive: Archive, query: str = "genshin_impact", *numbers: int) -> int:
    """A search with these posts, crawled to its end."""
    run_id = await archive.begin_run(RunStart("crawl", "demo", query, ["mona"], {"limit": None}))
    listing = await archive.open_listing("demo", query)
    posts = [make_post(number) for number in numbers or (3, 2, 1)]
    await archive.file_page(listing.id, ListedPage(posts, (), min(post.id for post in posts), run_id))
    await archive.finish_listing(listing.id, None)
    await archive.end_run(run_id, RunEnd({}, 0))
    return listing.id


async def test_every_search_is_known_as_its_last_crawl_was_told(opened: Open) -> None:
    async with opened() as archive:
        await crawled(archive)
        await archive.end_run(
            await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["keqing"], {"limit": 5})),
            RunEnd({}, 0),
        )
        (search,) = await archive.follows.searches()

    assert (search.query, search.targets, search.settings, search.posts) == (
        "genshin_impact",
        ("keqing",),
        {"limit": 5},
        3,
    )
    assert (search.complete, search.highest, search.state) == (True, 3, None)


async def test_following_begins_where_the_oldest_reading_is(opened: Open, calendar: Calendar) -> None:
    async with opened() as archive:
        listing = await crawled(archive)
        calendar.today += 3 * DAY
        state = await archive.follows.begin(listing, DAY)

        assert state.changed_since == make_post(1).updated_at  # the site's clock is behind ours
        assert state.due_at == calendar.today
        assert (await archive.follows.begin(listing, 2 * DAY)).interval == DAY


async def test_a_state_is_what_the_next_sync_finds(opened: Open, calendar: Calendar) -> None:
    async with opened() as archive:
        listing = await crawled(archive)
        await archive.follows.begin(listing, DAY)
        moment = calendar.today
        later = FollowState(
            interval=2 * DAY,
            due_at=moment + DAY,
            synced_at=moment,
            changed_since=moment,
            stale_before=moment,
            removals_at=moment,
            new=4,
            changed=5,
        )
        await archive.follows.save(listing, later)
        (search,) = await archive.follows.searches()

    assert search.state == later


async def test_the_longest_unread_comes_first_and_what_is_gone_never(opened: Open, calendar: Calendar) -> None:
    async with opened() as archive:
        listing = await crawled(archive, "genshin_impact", 4, 3, 2, 1)
        calendar.today += DAY
        await archive.file_page(listing, ListedPage([make_post(2)]))
        assert await archive.follows.gone("demo", [1]) == 1
        assert await archive.follows.gone("demo", [1]) == 0
        calendar.today += DAY

        assert list(await archive.follows.stale(listing, calendar.today, 10)) == [3, 4, 2]
        assert await archive.follows.count_stale(listing, calendar.today - DAY) == 2
        posts = await archive.follows.stated("demo", [1, 2, 99])

    assert {post_id: post.hidden_reason for post_id, post in posts.items()} == {1: GONE, 2: None}


async def test_what_was_taken_down_and_who_belongs_to_a_search_is_known(opened: Open) -> None:
    async with opened() as archive:
        listing = await crawled(archive)
        await archive.file_page(listing, ListedPage([make_post(1, is_banned=True), make_post(2, is_deleted=True)]))

        assert await archive.follows.taken_down(listing, "banned") == {1}
        assert await archive.follows.taken_down(listing, "deleted") == {2}
        assert await archive.follows.members(listing, [1, 9]) == {1}


async def test_a_renamed_search_goes_on_unless_others_have_its_new_words(opened: Open) -> None:
    async with opened() as archive:
        listing = await crawled(archive)
        await crawled(archive, "hololive")

        assert await archive.follows.rename(listing, "genshin")
        assert not await archive.follows.rename(listing, "hololive")


async def test_what_an_interrupted_sync_recorded_is_looked_at_by_the_next(opened: Open) -> None:
    async with opened() as archive:
        listing = await crawled(archive)
        whole = await archive.begin_run(RunStart("sync", "demo", "genshin_impact", ["mona"]))
        await archive.file_page(listing, ListedPage([make_post(3)], (), None, whole))
        await archive.end_run(whole, RunEnd({}, 0))
        killed = await archive.begin_run(RunStart("sync", "demo", "genshin_impact", ["mona"]))
        await archive.file_page(listing, ListedPage([make_post(2, tags=PostTags())], (), None, killed))
    async with opened() as archive:  # finds the run still running, and ends it
        left = await archive.follows.left_by_interrupted(listing)
        await archive.end_run(
            await archive.begin_run(RunStart("sync", "demo", "genshin_impact", ["mona"])), RunEnd({}, 3)
        )

        assert [post.id for post in left] == [2]
        assert await archive.follows.left_by_interrupted(listing) == []
