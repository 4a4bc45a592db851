"""What another program has is remembered by its archive, and left alone until that is taken back."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Label, Work
from storage.imports.seen_posts import SeenSite, new_among
from storage.moves.apply_plan import ApplyPlan
from storage.moves.arrivals import Arrival
from storage.records import LabelValue, Target
from tests.storage.samples import content_of, decide, list_posts, make_post, relabel, sight

POST = ("demo", 1)


async def test_a_post_counts_as_seen_until_every_archive_that_has_it_is_taken_back(archive: Archive) -> None:
    post = make_post(1)
    listing = await list_posts(archive, [post])
    assert await archive.seen.file("/a", [POST, POST, ("demo", 2), ("other", 1)]) == 3
    assert await archive.seen.file("/a", [POST, ("demo", 3)]) == 1
    assert await archive.seen.file("/b", [POST]) == 1

    assert (await archive.known([post], ["mona"]))[1].seen
    assert await archive.seen.withdraw("/a") == 4
    assert (await archive.known([post], ["mona"]))[1].seen
    assert await archive.seen.withdraw("/b", "other") == 0
    assert await archive.seen.withdraw("/b", "demo") == 1
    assert await archive.seen.withdraw("/b") == 0
    assert not (await archive.known([post], ["mona"]))[1].seen
    assert [one.id for one in await archive.unfinished(listing, Work(["mona"]), below=None, limit=9)] == [1]


async def test_the_lists_are_told_by_archive_and_site(archive: Archive, root: Path) -> None:
    await archive.seen.file("/b", [POST])
    await archive.seen.file("/a", [POST, ("demo", 2), ("other", 1)])

    with open_reader(root) as reader:
        assert reader.status().seen == (
            SeenSite("/a", "demo", 2),
            SeenSite("/a", "other", 1),
            SeenSite("/b", "demo", 1),
        )
        assert reader.ask(lambda c: new_among(c, "/a", [POST, ("demo", 9)])) == 1
        assert reader.ask(lambda c: new_among(c, "/c", [POST])) == 1


async def test_an_interrupted_walk_does_not_come_back_to_it_unless_asked(archive: Archive) -> None:
    listing = await list_posts(archive, [make_post(1), make_post(2)])
    await archive.seen.file("/a", [POST])

    async def left(*, seen: bool) -> list[int]:
        work = Work(["mona"], seen=seen)
        return [post.id for post in await archive.unfinished(listing, work, below=None, limit=9)]

    assert await left(seen=False) == [2]
    assert await left(seen=True) == [2, 1]


async def kept_by_label(archive: Archive) -> ApplyPlan:
    await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)")])
    await list_posts(archive, [make_post(1)])
    await archive.file_look(sight(make_post(1), decide("delete")))
    await archive.seen.file("/a", [POST])
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "click-1")])
    return await archive.moves.plan_apply()


async def test_what_is_to_be_kept_is_not_fetched_and_comes_from_a_file_that_was_imported(
    archive: Archive, tmp_path: Path
) -> None:
    plan = await kept_by_label(archive)
    assert (plan.to_fetch, plan.seen) == ([], 1)

    content = content_of(1)
    (tmp_path / "1.jpg").write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    await archive.arrivals.take(Arrival(path=tmp_path / "1.jpg", md5s=(md5,), ext="jpg"), link=False)

    plan = await archive.moves.plan_apply()
    assert ([one.post_id for one in plan.to_fetch], plan.seen) == ([1], 0)


@pytest.mark.parametrize(("term", "found"), [("seen:any", [1]), ("seen:none", [2])])
async def test_a_search_tells_them(archive: Archive, root: Path, term: str, found: list[int]) -> None:
    await list_posts(archive, [make_post(1), make_post(2)])
    await archive.seen.file("/a", [POST])

    with open_reader(root) as reader:
        assert [row["post_id"] for row in reader.query(term).mappings()] == found
