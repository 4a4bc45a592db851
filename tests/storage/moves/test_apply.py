"""Files follow decisions, in doubt they stay; nothing is destroyed but what was rejected, old, and confirmed."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.errors import BrakeEngaged, RefusedRequest, StorageError
from storage.evidence import Rescored
from storage.lifecycle.verify import verify
from storage.moves.trash import EVERYTHING, TrashChoice, purge_planned
from storage.records import LabelValue, ModelCard
from tests.equipment.clock import ShiftedClock
from tests.storage.deaths import Reaper, bury, die_in_recovery
from tests.storage.samples import (
    CARD,
    NO_RESERVE,
    content_of,
    decide,
    keep,
    list_posts,
    make_post,
    new_gallery,
    relabel,
    sight,
)

NEXT = replace(CARD, number=2, hash="c" * 64)


async def kept(archive: Archive, count: int = 3) -> None:
    """Posts that were kept, with their originals."""
    posts = [make_post(number) for number in range(1, count + 1)]
    await archive.register_model(CARD, {}, activate=True)
    await list_posts(archive, posts)
    for post in posts:
        await archive.file_look(sight(post))
        await keep(archive, post)


async def rescored(archive: Archive, values: str, card: ModelCard = NEXT, *, activate: bool = True) -> None:
    """Another model's word about posts 1, 2, …"""
    await archive.register_model(card, {}, activate=activate)
    decisions = [decide(value, card=card, score=0.1 if value == "delete" else 0.9) for value in values.split()]
    ids = np.arange(1, len(decisions) + 1)
    await archive.file_rescores(card, Rescored(ids, np.full(len(ids), 0.5), decisions))


async def say(archive: Archive, value: str, *posts: int) -> None:
    words = [Label(n, "demo", "mona", LabelValue(value), "me", f"{value}{n}{random.random()}") for n in posts]
    await relabel(archive, words)


async def applied(archive: Archive, *, confirmed: bool = False) -> Any:
    return await archive.moves.apply(await archive.moves.plan_apply(), confirmed=confirmed)


def places(root: Path) -> dict[int, str]:
    with open_reader(root) as reader:
        return dict(reader.sql("SELECT post_id, place FROM results WHERE target = 'mona' ORDER BY 1").rows)  # type: ignore[arg-type]  # pairs


def digest(root: Path) -> str:
    with open_reader(root) as reader:
        return reader.digest()


def lying_in(root: Path, place: str) -> list[bytes]:
    return sorted(path.read_bytes() for path in (root / place).rglob("*") if path.is_file())


@pytest.mark.fault("U14")
async def test_rejected_files_go_to_the_trash_and_come_back_when_they_are_kept_again(
    archive: Archive, root: Path
) -> None:
    await kept(archive)
    before = digest(root)
    await rescored(archive, "keep delete delete")

    done = await applied(archive)

    assert (done.trashed, done.back, done.changed, done.problems) == (2, 0, 0, ())
    assert places(root) == {1: "gallery", 2: "trash", 3: "trash"}
    assert lying_in(root, "trash") == [content_of(2), content_of(3)]
    assert (await archive.moves.plan_apply()).empty
    await archive.activate_model("mona", 1)
    await rescored(archive, "keep keep keep", CARD)
    assert (await applied(archive)).back == 2
    assert digest(root) == before
    assert verify(root).whole


async def test_a_plan_names_what_is_to_be_fetched(archive: Archive) -> None:
    await kept(archive, 1)
    posts = [make_post(7), make_post(8), make_post(9)]
    await list_posts(archive, posts)
    for post, value in zip(posts, ("delete", "keep", "undecided"), strict=True):
        await archive.file_look(sight(post, decide(value)))
    await say(archive, "keep", 7)

    plan = await archive.moves.plan_apply("mona")

    assert [one.post_id for one in plan.to_fetch] == [8, 7]
    assert [post.id for post in await archive.moves.posts_of([one.post_key for one in plan.to_fetch])] == [8, 7]
    assert (await archive.moves.plan_apply("kiara")).empty


@pytest.mark.fault("M07")
async def test_the_brake_stops_a_model_that_rejects_too_much(archive: Archive, root: Path) -> None:
    await kept(archive, 60)
    await rescored(archive, " ".join(["delete"] * 51))

    with pytest.raises(BrakeEngaged, match="51 of 60 files of mona") as stopped:
        await applied(archive)

    assert stopped.value.exit_code == 12
    assert lying_in(root, "trash") == []
    assert (await applied(archive, confirmed=True)).trashed == 51


@pytest.mark.fault("U14", "X08")
async def test_one_request_brings_back_everything_that_one_model_rejected(archive: Archive, root: Path) -> None:
    await kept(archive, 60)
    before = digest(root)
    await rescored(archive, " ".join(["delete"] * 60))
    await say(archive, "delete", 60)
    await applied(archive, confirmed=True)
    await archive.activate_model("mona", 1)
    await rescored(archive, " ".join(["keep"] * 60), CARD)

    done = await archive.moves.restore(TrashChoice(model="mona/2"))

    assert done.back == 59  # a person rejected the last one
    assert places(root)[60] == "trash"
    await say(archive, "clear", 60)
    assert (await applied(archive)).back == 1
    lines = before_without_labels(root)
    assert lines == before
    assert verify(root).whole


def before_without_labels(root: Path) -> str:
    from storage.rows.state_digest import digest_of

    with open_reader(root) as reader:
        return digest_of([line for line in reader.digest_lines() if not line.startswith('["label"')])


async def test_a_restored_file_stays_until_something_new_is_decided(archive: Archive, root: Path) -> None:
    await kept(archive)
    await rescored(archive, "keep delete keep")
    before = digest(root)
    await applied(archive)

    assert (await archive.moves.restore(TrashChoice(posts=(2,)))).back == 1

    assert digest(root) == before  # bytes, rows: as before the move
    plan = await archive.moves.plan_apply()
    assert (plan.empty, plan.restored) == (True, 1)
    await say(archive, "delete", 2)
    assert (await applied(archive)).trashed == 1


async def test_what_a_model_out_of_force_rejected_stays(archive: Archive, root: Path) -> None:
    await kept(archive)
    await rescored(archive, "delete delete delete")
    await archive.activate_model("mona", 1)

    plan = await archive.moves.plan_apply()

    assert (plan.empty, plan.of_other_models) == (True, 3)


@pytest.mark.sqlite("it takes a guard out of the file")
@pytest.mark.fault("X03")
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM decision WHERE value = 'delete'",
        "UPDATE decision SET value = 'keep' WHERE value = 'delete'",
        "UPDATE standing SET decision_seq = NULL",
    ],
)
async def test_a_decision_that_changed_after_the_plan_leaves_the_file_where_it_is(
    archive: Archive, root: Path, change: str
) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    plan = await archive.moves.plan_apply()
    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        for name in ("decision_refuses_update", "decision_refuses_delete"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(change)
        connection.commit()

    done = await archive.moves.apply(plan)

    assert (done.trashed, done.changed) == (0, 1)
    assert places(root) == {1: "gallery"}


@pytest.mark.fault("X03", "X05")
async def test_a_label_after_the_plan_wins(archive: Archive, root: Path) -> None:
    await kept(archive, 2)
    await rescored(archive, "delete delete")
    plan = await archive.moves.plan_apply()
    await say(archive, "keep", 1)

    assert (await archive.moves.apply(plan)).changed == 1

    assert places(root) == {1: "gallery", 2: "trash"}


def _same_size(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".away"))
    path.symlink_to(path.with_suffix(".away"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.fault("X04")
@pytest.mark.parametrize("damage", [_same_size, _link, _pipe, Path.unlink, lambda path: path.write_bytes(b"short")])
@pytest.mark.parametrize("purging", [False, True])
async def test_a_file_that_is_not_what_was_stored_is_neither_moved_nor_destroyed(
    archive: Archive, root: Path, clock: ShiftedClock, damage: Callable[[Path], Any], purging: bool
) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    if purging:
        await applied(archive)
        clock.days = 40
    [path] = (root / ("trash" if purging else "gallery/mona")).iterdir()
    damage(path)

    if purging:
        problems = (await archive.moves.purge(await archive.moves.plan_purge(30), confirmed=True)).problems
    else:
        problems = (await applied(archive)).problems

    assert len(problems) == 1
    assert path.name in problems[0]
    assert places(root) == {1: "trash" if purging else "gallery"}
    assert (path in path.parent.iterdir()) == (damage is not Path.unlink)


@pytest.mark.fault("X06")
async def test_a_taken_name_in_the_trash_is_left_alone_and_a_missing_trash_is_made(
    archive: Archive, root: Path
) -> None:
    await kept(archive, 2)
    await rescored(archive, "delete")
    (root / "trash" / "1.jpg").write_bytes(b"somebody's")

    await applied(archive)

    assert lying_in(root, "trash") == sorted([b"somebody's", content_of(1)])
    await archive.moves.restore(EVERYTHING)
    (root / "trash" / "1.jpg").unlink()
    (root / "trash").rmdir()
    await say(archive, "delete", 1)
    assert (await applied(archive)).trashed == 1
    assert verify(root).whole


@pytest.mark.fault("X06")
async def test_a_trash_that_is_a_link_is_refused(archive: Archive, root: Path, tmp_path: Path) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    (root / "trash").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "trash").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StorageError, match="link"):
        await applied(archive)

    assert lying_in(root, "gallery") == [content_of(1)]


async def test_a_name_that_is_taken_in_the_gallery_is_not_overwritten(archive: Archive, root: Path) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    [path] = (root / "gallery" / "mona").iterdir()
    await applied(archive)
    path.write_bytes(b"somebody's")

    done = await archive.moves.restore(EVERYTHING)

    assert (done.back, len(done.problems)) == (0, 1)
    assert path.read_bytes() == b"somebody's"
    assert lying_in(root, "trash") == [content_of(1)]


@pytest.mark.fault("X05", "X07")
async def test_only_old_confirmed_rejects_are_destroyed_and_their_history_stays(
    archive: Archive, root: Path, clock: ShiftedClock
) -> None:
    await kept(archive, 4)
    await rescored(archive, "keep delete delete delete")
    await applied(archive)
    clock.days = 40
    await say(archive, "delete", 1)
    await applied(archive)  # a young one
    await say(archive, "unsure", 2)
    plan = await archive.moves.plan_purge(30)
    assert ([one.post_id for one in plan.files], plan.younger, plan.wanted) == ([3, 4], 1, 1)
    with pytest.raises(BrakeEngaged):
        await archive.moves.purge(plan)
    await say(archive, "keep", 4)  # after the plan

    done = await archive.moves.purge(plan, confirmed=True)

    assert (done.files, done.changed, done.problems) == (1, 1, ())
    assert done.backup is not None
    assert done.backup.exists()
    assert places(root) == {1: "trash", 2: "trash", 3: "purged", 4: "trash"}
    assert len(lying_in(root, "trash")) == 3
    assert verify(root).whole
    assert (await archive.moves.purged_of_model("mona/2"), len(await archive.moves.trash())) == (1, 3)
    with open_reader(root) as reader:
        assert reader.sql("SELECT md5 IS NOT NULL, path FROM results WHERE post_id = 3").rows == [(1, None)]
    assert (await archive.moves.restore(TrashChoice(model="mona/2"))).back == 2
    await say(archive, "keep", 3)
    assert [one.post_id for one in (await archive.moves.plan_apply()).to_fetch] == [3]


@pytest.mark.fault("C05", "X07")
async def test_nothing_is_purged_when_the_clock_cannot_be_believed(
    archive: Archive, root: Path, clock: ShiftedClock
) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    await applied(archive)

    with pytest.raises(RefusedRequest, match="at least"):
        await archive.moves.plan_purge(0)
    assert (await archive.moves.plan_purge(1)).files == []
    clock.days = 40
    plan = await archive.moves.plan_purge(30)
    clock.days = -3650
    with pytest.raises(RefusedRequest, match="clock"):
        await archive.moves.plan_purge(30)
    with pytest.raises(RefusedRequest, match="clock"):
        await archive.moves.purge(plan, confirmed=True)
    assert lying_in(root, "trash") == [content_of(1)]


@pytest.mark.fault("U13")
@pytest.mark.parametrize("value", ["keep", "unsure"])
@pytest.mark.parametrize("before", [True, False])
async def test_a_label_that_arrives_while_its_file_moves_brings_it_back(
    archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch, before: bool, value: str
) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    real, loop, moved = os.replace, asyncio.get_running_loop(), itertools.count()

    def interrupted(*names: Any, **folders: Any) -> None:
        label = next(moved) == 0  # on its way to the trash
        if label and before:
            asyncio.run_coroutine_threadsafe(say(archive, value, 1), loop).result()
        real(*names, **folders)
        if label and not before:
            asyncio.run_coroutine_threadsafe(say(archive, value, 1), loop).result()

    monkeypatch.setattr(os, "replace", interrupted)

    done = await applied(archive)

    assert (done.trashed, done.changed) == (0, 1)
    assert places(root) == {1: "gallery"}
    assert lying_in(root, "gallery") == [content_of(1)]
    assert verify(root).whole


async def test_a_label_that_arrived_before_the_death_brings_the_file_back_at_the_next_start(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    await kept(archive, 1)
    await rescored(archive, "delete")
    plan = await archive.moves.plan_apply()
    real = os.replace

    def moves_and_dies(*names: Any, **folders: Any) -> None:
        real(*names, **folders)
        raise ZeroDivisionError  # after the move, before it is recorded

    with monkeypatch.context() as dying:
        dying.setattr(os, "replace", moves_and_dies)
        with pytest.raises(ZeroDivisionError):
            await archive.moves.apply(plan)
    await say(archive, "keep", 1)
    assert lying_in(root, "gallery") == []
    await asyncio.to_thread(bury, archive)

    async with Archive.open(new_gallery(root), NO_RESERVE) as again:
        assert again.recovery.moves_finished == 2

    assert places(root) == {1: "gallery"}
    assert lying_in(root, "gallery") == [content_of(1)]
    assert verify(root).whole


# --- killed anywhere -------------------------------------------------------------------------------------------------


async def story(archive: Archive, clock: ShiftedClock) -> None:
    """Two leave, one of them comes back, the other is destroyed; a third is rejected by a person and kept again."""
    await applied(archive)
    await archive.moves.restore(TrashChoice(posts=(2,)))
    await say_once(archive, "delete", 1)
    await applied(archive)
    await say_once(archive, "keep", 1)
    await applied(archive)
    clock.days = 40
    await archive.moves.purge(await archive.moves.plan_purge(30), confirmed=True)


async def say_once(archive: Archive, value: str, post: int) -> None:
    await relabel(archive, [Label(post, "demo", "mona", LabelValue(value), "me", f"{value}{post}")])


async def prepared(root: Path) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await kept(archive)
        await rescored(archive, "keep delete delete")


async def die_tidying(root: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> bool:
    clock = ShiftedClock()
    archive = Archive.open(new_gallery(root), replace(NO_RESERVE, clock=clock))
    with monkeypatch.context() as patched:
        reaper = Reaper(patched, nth)
        try:
            await story(archive, clock)
        except BaseException:  # noqa: BLE001 - however the death shows, it is the reaper's work
            assert reaper.struck, "died of something else"
        await asyncio.to_thread(bury, archive)
        return reaper.struck


async def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: range) -> int:
    """Die at each of these steps, recover (dying again), finish; everything must be as if nobody had died."""
    await prepared(tmp_path / "unbroken")
    clock = ShiftedClock()
    async with Archive.open(tmp_path / "unbroken", replace(NO_RESERVE, clock=clock)) as archive:
        await story(archive, clock)
    expected, chance, deaths = places(tmp_path / "unbroken"), random.Random(7), 0
    for nth in steps:
        root = tmp_path / f"killed-{nth}"
        await prepared(root)
        if not await die_tidying(root, monkeypatch, nth):
            break
        deaths += 1
        die_in_recovery(root, monkeypatch, chance.randint(1, 8))
        clock = ShiftedClock()
        async with Archive.open(new_gallery(root), replace(NO_RESERVE, clock=clock)) as archive:
            found = verify(root)
            assert found.whole, f"after recovery from step {nth}: {found.lines()}"
            assert {content_of(1), content_of(2)} <= {*lying_in(root, "trash"), *lying_in(root, "gallery")}
            await story(archive, clock)
        assert places(root) == expected, f"step {nth}"
        assert verify(root).whole, f"step {nth}"
    return deaths


@pytest.mark.fault("X02")
async def test_killed_while_files_move_or_are_destroyed_it_ends_as_if_unbroken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sweep(tmp_path, monkeypatch, range(1, 200, 9)) > 3


@pytest.mark.fault("X02")
@pytest.mark.slow
async def test_killed_at_every_step_of_tidying_it_ends_as_if_unbroken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sweep(tmp_path, monkeypatch, range(1, 400)) > 30


@pytest.mark.fault("X03")
async def test_another_decision_of_the_same_verdict_needs_another_plan(archive: Archive, root: Path) -> None:
    await kept(archive, 1)
    await rescored(archive, "delete")
    plan = await archive.moves.plan_apply()
    await archive.file_look(sight(make_post(1), decide("delete", card=NEXT, policy="another", score=0.2)))

    done = await archive.moves.apply(plan)

    assert (done.trashed, done.changed) == (0, 1)
    assert places(root) == {1: "gallery"}
    assert (await applied(archive)).trashed == 1


@pytest.mark.fault("M07")
async def test_as_many_files_as_may_always_leave_do(archive: Archive) -> None:
    await kept(archive, 60)
    await rescored(archive, " ".join(["delete"] * 50))

    assert (await applied(archive)).trashed == 50


@pytest.mark.fault("X05")
async def test_a_file_that_went_to_the_trash_again_since_the_plan_is_young(
    archive: Archive, root: Path, clock: ShiftedClock
) -> None:
    await kept(archive, 2)
    await rescored(archive, "delete delete")
    await applied(archive)
    clock.days = 40
    plan = await archive.moves.plan_purge(30)
    await archive.moves.restore(TrashChoice(posts=(1,)))
    await say(archive, "delete", 1)
    await applied(archive)

    done = await archive.moves.purge(plan, confirmed=True)

    assert (done.files, done.changed) == (1, 1)
    assert places(root) == {1: "trash", 2: "purged"}
    assert lying_in(root, "trash") == [content_of(1)]


async def test_a_purge_that_was_not_carried_out_is_not_gone_on_with(root: Path, clock: ShiftedClock) -> None:
    archive = Archive.open(new_gallery(root), replace(NO_RESERVE, clock=clock))
    await kept(archive, 1)
    await rescored(archive, "delete")
    await applied(archive)
    clock.days = 40
    plan = await archive.moves.plan_purge(30)
    intending = purge_planned(plan)
    await archive._access.write(lambda c: intending(c, [one.file_id for one in plan.files], clock()))
    await asyncio.to_thread(bury, archive)  # killed between the intent and the file

    again = Archive.open(new_gallery(root), NO_RESERVE)
    await again.aclose()

    assert again.recovery.moves_cancelled == 1
    assert places(root) == {1: "trash"}
    assert lying_in(root, "trash") == [content_of(1)]
