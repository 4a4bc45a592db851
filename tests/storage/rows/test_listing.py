"""Listings go on where they stopped, and account for everything that the site showed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Failure, Gap, Label, ListedPage, Work
from storage.errors import RefusedRequest
from storage.records import SITE_TAGGER, AiTagWeight, LabelValue, ModelCard, RefusedRow, Target
from storage.rows.known_posts import known
from tests.storage.samples import CARD, decide, keep, list_posts, make_post, relabel, sight

WORK = Work(("mona",), {"mona": CARD.hash})


def page(*numbers: int) -> ListedPage:
    return ListedPage([make_post(number) for number in numbers], cursor=min(numbers))


async def test_a_stopped_walk_goes_on_below_the_lowest_id_seen(archive: Archive) -> None:
    listing = await archive.open_listing("demo", "x")
    await archive.file_page(listing.id, page(9, 8))
    await archive.file_page(listing.id, page(7, 5))
    await archive.file_page(listing.id, ListedPage([make_post(6)], cursor=6))

    again = await archive.open_listing("demo", "x")

    assert (again.id, again.cursor, again.newest, again.complete) == (listing.id, 5, None, False)


async def test_a_complete_walk_is_followed_by_a_fresh_one(archive: Archive) -> None:
    listing = await archive.open_listing("demo", "x")
    await archive.file_page(listing.id, page(9, 8))
    await archive.finish_listing(listing.id, 2)

    again = await archive.open_listing("demo", "x")

    assert (again.id, again.cursor, again.newest, again.complete) == (listing.id, None, 9, True)


async def test_a_walk_for_newer_posts_has_the_last_complete_walk_as_its_floor(archive: Archive) -> None:
    listing = await archive.open_listing("demo", "x", newer_only=True)
    assert listing.newest is None  # there was none: everything is new
    await archive.file_page(listing.id, page(9, 8))
    await archive.finish_listing(listing.id, 2)

    newer = await archive.open_listing("demo", "x", newer_only=True)
    await archive.file_page(newer.id, page(12, 11))
    stopped = await archive.open_listing("demo", "x", newer_only=True)
    assert (stopped.cursor, stopped.newest) == (11, 9)
    await archive.finish_listing(newer.id, 4)

    assert (await archive.open_listing("demo", "x", newer_only=True)).newest == 12


async def test_a_walk_over_everything_does_not_go_on_from_one_for_newer_posts(archive: Archive) -> None:
    listing = await archive.open_listing("demo", "x")
    await archive.file_page(listing.id, page(9, 8))
    await archive.finish_listing(listing.id, 2)
    newer = await archive.open_listing("demo", "x", newer_only=True)
    await archive.file_page(newer.id, page(12))

    assert (await archive.open_listing("demo", "x")).cursor is None


async def test_other_queries_and_sites_have_listings_of_their_own(archive: Archive) -> None:
    ids = {(await archive.open_listing(site, query)).id for site in ("demo", "danbooru") for query in ("x", "y")}

    assert len(ids) == 4


@pytest.mark.fault("J13")
async def test_the_tally_explains_what_the_site_counted(archive: Archive) -> None:
    listing = await archive.open_listing("demo", "x")
    posts = [make_post(9), make_post(8, file=None, renditions=(), hidden_reason="banned"), make_post(9)]
    await archive.file_page(listing.id, ListedPage(posts, [RefusedRow(7, "bad md5"), RefusedRow(None, "no id")], 8))
    await archive.file_gap(listing.id, Gap(3, 7, "500"))

    tally = await archive.finish_listing(listing.id, 6)

    assert (tally.listed, tally.hidden, tally.refused, tally.gaps, tally.counted) == (2, 1, 2, 1, 6)
    assert tally.unexplained == 2


async def test_a_gap_stays_until_it_is_closed(archive: Archive) -> None:
    listing = await archive.open_listing("demo", "x")
    for gap in (Gap(3, 7, "500"), Gap(3, 7, "500 again"), Gap(20, None, "time-out")):
        await archive.file_gap(listing.id, gap)

    gaps = await archive.open_gaps(listing.id)
    await archive.close_gap(listing.id, gaps[0])
    await archive.close_gap(listing.id, Gap(3, 7, ""))

    assert [(gap.above, gap.below, gap.reason) for gap in gaps] == [(20, None, "time-out"), (3, 7, "500")]
    assert list(await archive.open_gaps(listing.id)) == []


async def test_unfinished_posts_are_those_without_decision_or_without_their_original(archive: Archive) -> None:
    undone, kept_here, kept_elsewhere, deleted, gone, relabelled = (make_post(n) for n in (6, 5, 4, 3, 2, 1))
    listing = await list_posts(archive, [undone, kept_here, kept_elsewhere, deleted, gone, relabelled])
    for post in (kept_here, kept_elsewhere):
        await archive.file_look(sight(post))
    for post in (deleted, relabelled):
        await archive.file_look(sight(post, decide("delete")))
    await keep(archive, kept_here)
    attempt = await archive.begin_attempt(gone, "rendition", "http://127.0.0.1/x")
    await archive.fail_attempt(attempt, Failure("404", "unavailable"))
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "k")])

    async def ids(work: Work, below: int | None = None, limit: int = 10) -> list[int]:
        return [post.id for post in await archive.unfinished(listing, work, below=below, limit=limit)]

    assert await ids(WORK) == [6, 4, 1]
    assert await ids(WORK, below=6, limit=1) == [4]
    assert await ids(Work(("mona",), {"mona": "another"})) == [6, 5, 4, 3, 1]
    assert await ids(Work(("mona",), {"mona": CARD.hash}, {"mona": ["p2"]})) == [6, 5, 4, 3, 1]
    assert await ids(Work(("mona", "kiara"))) == [6, 5, 4, 3, 1]


async def test_a_file_that_was_gone_is_asked_for_again_when_something_has_changed(archive: Archive) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    attempt = await archive.begin_attempt(post, "rendition", post.renditions[0].url)
    await archive.fail_attempt(attempt, Failure("gone", "unavailable"))
    later = replace(post, updated_at=datetime.now(UTC) + timedelta(minutes=1))
    moved = replace(post, renditions=(replace(post.renditions[0], url="http://127.0.0.1:81/moved.jpg"),))

    known = [(await archive.known([one], ["mona"]))[1].unavailable for one in (post, later, moved)]

    assert known == ["gone", None, None]


@pytest.mark.parametrize(("times", "early", "due"), [(1, 23, 25), (2, 47, 49), (4, 191, 193), (20, 6143, 6145)])
async def test_a_file_that_was_gone_is_asked_for_less_and_less_often(
    times: int, early: int, due: int, archive: Archive
) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    for _ in range(times):
        attempt = await archive.begin_attempt(post, "rendition", post.renditions[0].url)
        await archive.fail_attempt(attempt, Failure("gone", "unavailable"))

    def reason_after(hours: int) -> str | None:
        then = datetime.now(UTC) + timedelta(hours=hours)
        with open_reader(archive.root) as reader:
            return reader.ask(lambda c: known(c, [post], ["mona"], then))[1].unavailable

    assert (reason_after(early), reason_after(due)) == ("gone", None)


async def test_a_label_is_recorded_once_a_click_and_the_newest_holds(archive: Archive) -> None:
    await list_posts(archive, [make_post(1), make_post(2, file=None, renditions=(), hidden_reason="banned")])
    words = [
        Label(1, "demo", "mona", LabelValue.KEEP, "me", "a"),
        Label(1, "demo", "mona", LabelValue.DELETE, "me", "b"),
        Label(1, "demo", "mona", LabelValue.KEEP, "me", "a"),
        Label(2, "demo", "mona", LabelValue.KEEP, "me", "c"),
        Label(99, "demo", "mona", LabelValue.KEEP, "me", "d"),
    ]

    done = await relabel(archive, words)

    assert (done.recorded, done.repeated, done.unknown, done.hidden) == (2, 1, (99,), (2,))
    assert (await archive.known([make_post(1)], ["mona"]))[1].labels == {"mona": LabelValue.DELETE}


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a" * 101, "nul", "Mona", "x\n", "con.txt"])
async def test_a_target_that_cannot_name_a_folder_is_refused(archive: Archive, name: str) -> None:
    with pytest.raises(RefusedRequest):
        await archive.save_targets("demo", [Target(name, "mona_(genshin_impact)")])


async def test_models_are_numbered_have_a_lineage_and_one_is_active(archive: Archive, root: Path) -> None:
    second = ModelCard("mona", 2, "c" * 64, "b" * 64, 0.6)
    assert (await archive.active_model("mona"), await archive.next_model_number("mona")) == (None, 1)
    await archive.file_look(sight(make_post(1)))  # a decision alone registers nothing
    assert await archive.next_model_number("mona") == 1

    await archive.register_model(CARD, {"round": 0, "precision": 0.97}, activate=True)
    await archive.register_model(second, {"round": 1}, activate=False)
    active = await archive.active_model("mona")
    assert active is not None
    assert (active.card, active.round, active.facts["precision"], active.parent) == (CARD, 0, 0.97, None)
    await archive.register_model(second, {"round": 1}, activate=True)

    active = await archive.active_model("mona")
    assert active is not None
    assert (active.card, active.parent, await archive.next_model_number("mona")) == (second, "mona/1", 3)
    assert [(model.card.number, model.active) for model in await archive.models("mona")] == [(1, False), (2, True)]


async def test_the_registry_remembers_how_a_model_decides_and_why_it_does_not(archive: Archive) -> None:
    weights = (AiTagWeight(SITE_TAGGER, "mona_(genshin_impact)", 0.75, -0.5),)
    card = replace(CARD, shifts=(0.0, -2.5, 0.25, -2.0), refusal="too few pictures; crawl more pages")
    card = replace(card, ai_weights=weights)

    await archive.register_model(card, {"round": 0}, activate=True)

    active = await archive.active_model("mona")
    assert active is not None and active.card == card
    assert (await archive.activate_model("mona", 1)).card == card


async def test_a_models_number_is_never_given_twice(archive: Archive) -> None:
    await archive.register_model(CARD, {}, activate=True)

    with pytest.raises(RefusedRequest, match="mona/1"):
        await archive.register_model(replace(CARD, hash="d" * 64), {}, activate=True)

    active = await archive.active_model("mona")
    assert active is not None
    assert active.card == CARD
