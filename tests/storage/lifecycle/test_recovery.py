"""Killed anywhere, the next start ends in the state of an unbroken run."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive, open_reader
from storage.archive_records import Failure, Label, RunStart, Work
from storage.database.engines.location import database_of
from storage.errors import RefusedFile
from storage.lifecycle.verify import verify
from storage.moves.trash import TrashChoice
from storage.records import LabelValue, Place
from tests.equipment.parameters import slow_after
from tests.storage.deaths import Reaper, bury, die_in_recovery
from tests.storage.samples import (
    CARD,
    NO_RESERVE,
    content_of,
    decide,
    digest_of,
    keep,
    list_posts,
    make_post,
    new_gallery,
    relabel,
    schema_at,
    sight,
)

WORK = Work(("mona",), {"mona": CARD.hash})
SEED = 7


async def story(archive: Archive) -> None:
    """Four posts: one kept for two targets, one kept and then rejected, one shares its bytes, one is labelled."""
    run = await archive.begin_run(RunStart("crawl", "demo", "genshin_impact", ["mona"]))
    twin = make_post(4, content_of(1))
    posts = [make_post(1), make_post(2), make_post(3), twin]
    await list_posts(archive, posts)
    for post in posts:
        known = (await archive.known([post], ["mona", "kiara"]))[post.id]
        if "mona" not in known.decisions:
            attempt = await archive.begin_attempt(post, "rendition", post.renditions[0].url)
            value = "delete" if post.id == 3 else "keep"
            await archive.file_look(sight(post, decide(value), attempt=attempt, run_id=run))
        wanted = {1: ["mona", "kiara"], 2: ["mona"], 3: [], 4: ["mona"]}[post.id]
        missing = [target for target in wanted if target not in known.places]
        if missing and not await archive.adopt_known_original(post, missing):
            await keep(archive, post, content_of(1 if post is twin else post.id), *missing)
    await relabel(archive, [Label(3, "demo", "mona", LabelValue.UNSURE, "me", "click")])
    await archive.file_look(sight(posts[1], decide("delete", policy="p2"), rendition=None, stored=None))
    await archive.moves.apply(await archive.moves.plan_apply("mona"))


async def unbroken(root: Path) -> list[str]:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await story(archive)
    return digest(root)


def digest(root: Path) -> list[str]:
    with open_reader(root) as reader:
        return reader.digest_lines()


async def die_in_story(root: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> bool:
    archive = Archive.open(root, NO_RESERVE)
    with monkeypatch.context() as patched:
        reaper = Reaper(patched, nth)
        try:
            await story(archive)
        except BaseException:  # noqa: BLE001 - however the death shows, it is the reaper's work
            assert reaper.struck, "died of something else"
        await asyncio.to_thread(bury, archive)
        return reaper.struck


@pytest.mark.fault("P01", "R03")
@pytest.mark.parametrize("start", slow_after(1, (11, 0, 22)))
async def test_killed_at_any_step_and_again_in_recovery_it_ends_as_if_unbroken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int
) -> None:
    expected = await unbroken(tmp_path / "unbroken")
    chance = random.Random(SEED + start)
    deaths = 0
    for nth in range(1 + start, 400, 33):  # the slow test takes every step
        root = tmp_path / f"killed-{nth}"
        new_gallery(root)
        if not await die_in_story(root, monkeypatch, nth):
            break
        deaths += 1
        die_in_recovery(root, monkeypatch, chance.randint(1, 12))
        await ends_as(root, expected, nth)

    assert deaths > 2


@pytest.mark.fault("P01", "R03")
@pytest.mark.slow
async def test_killed_at_every_single_step_it_ends_as_if_unbroken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await unbroken(tmp_path / "unbroken")
    for nth in range(1, 1000):
        root = tmp_path / f"killed-{nth}"
        new_gallery(root)
        if not await die_in_story(root, monkeypatch, nth):
            return
        for again in range(1, 12):
            die_in_recovery(root, monkeypatch, again)
        await ends_as(root, expected, nth)


@pytest.mark.fault("P20")
@pytest.mark.sqlite("galleries on a server begin after these steps")
@pytest.mark.parametrize("before", slow_after(1, ("0002", "0003", "0004")))
async def test_what_an_older_program_left_when_it_was_killed_is_mended_after_the_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    expected = await unbroken(tmp_path / "unbroken")
    for nth in (9, 24, 51, 77):  # within a look, between the naming and the row of an original, within a move
        root = new_gallery(tmp_path / f"killed-{nth}")
        assert await die_in_story(root, monkeypatch, nth)
        schema_at(root / "crawl.db", before, back=True)

        archive = Archive.open(root, NO_RESERVE)
        await archive.aclose()

        assert archive.recovery.migrated_from == before
        await ends_as(root, expected, nth)


async def ends_as(root: Path, expected: list[str], nth: int) -> None:
    Archive.open(root, NO_RESERVE).close()
    found = verify(root)
    assert found.whole, f"after recovery from step {nth}: {found.lines()}"
    again = Archive.open(root, NO_RESERVE)
    await story(again)
    await again.aclose()
    assert again.recovery.lines() == [], f"a second recovery found something after step {nth}"
    assert verify(root).whole, f"step {nth}"
    assert digest(root) == expected, f"step {nth}"


async def test_a_new_gallery_killed_while_it_is_made_is_made_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nth in range(1, 40, 4):
        root = tmp_path / f"new-{nth}"
        die_in_recovery(root, monkeypatch, nth)
        archive = Archive.open(root, NO_RESERVE)
        await list_posts(archive, [make_post(1)])
        await archive.aclose()
        if archive.recovery.created is False:
            break

    assert nth > 5


async def dead_after(root: Path, work: Callable[[Archive], Any]) -> Archive:
    """Do something in a gallery, die, and open it again."""
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    await work(archive)
    await asyncio.to_thread(bury, archive)
    return Archive.open(root, NO_RESERVE)


@pytest.mark.fault("P15")
async def test_attempts_that_the_program_died_in_are_counted(root: Path) -> None:
    post = make_post(1)

    async def begin(archive: Archive) -> None:
        await list_posts(archive, [post])
        await archive.begin_attempt(post, "rendition", "http://127.0.0.1/x")

    for deaths in (1, 2, 3):
        archive = await dead_after(root, begin)
        known = (await archive.known([post], ["mona"]))[1]
        assert (known.open_attempts, known.died_alone) == (deaths, deaths)
        assert archive.recovery.died_attempts == 1
        await archive.aclose()

    async with Archive.open(root, NO_RESERVE) as archive:
        attempt = await archive.begin_attempt(post, "rendition", "http://127.0.0.1/x")
        await archive.file_look(sight(post, attempt=attempt))
        assert attempt.number == 4
        assert (await archive.known([post], ["mona"]))[1].open_attempts == 0


@pytest.mark.fault("P15")
async def test_a_post_is_not_blamed_for_a_death_that_others_were_in_as_well(root: Path) -> None:
    posts = [make_post(1), make_post(2)]

    async def begin(archive: Archive) -> None:
        await list_posts(archive, posts)
        for post in posts:
            await archive.begin_attempt(post, "rendition", "http://127.0.0.1/x")

    archive = await dead_after(root, begin)
    known = await archive.known(posts, ["mona"])
    await archive.aclose()

    assert [(one.open_attempts, one.died_alone) for one in known.values()] == [(1, 0), (1, 0)]


async def test_an_attempt_that_the_user_stopped_does_not_count(archive: Archive) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    attempt = await archive.begin_attempt(post, "rendition", "http://127.0.0.1/x")
    await archive.fail_attempt(attempt, Failure("stopped", "retry"))

    known = (await archive.known([post], ["mona"]))[1]

    assert (known.open_attempts, known.failed_attempts) == (0, 0)


async def test_a_run_that_never_ended_is_recorded_as_killed(root: Path) -> None:
    archive = await dead_after(root, lambda a: a.begin_run(RunStart("crawl", "demo", "x", ["mona"])))
    await archive.aclose()

    with open_reader(root) as reader:
        assert [run.state for run in reader.status().runs] == ["killed"]
    assert archive.recovery.lines() == ["recovered: 1 interrupted run closed"]


async def test_a_complete_original_without_its_row_is_adopted(root: Path) -> None:
    post = make_post(1)
    assert post.file is not None

    async def place(archive: Archive) -> None:
        await list_posts(archive, [post])
        await archive.begin_attempt(post, "original", "http://127.0.0.1/x")
        (root / "gallery" / "mona").mkdir()
        (root / "gallery" / "mona" / f"1_{post.file.md5}.jpg").write_bytes(content_of(1))  # type: ignore[union-attr]  # checked above

    archive = await dead_after(root, place)

    assert archive.recovery.adopted == 1
    assert (await archive.known([post], ["mona"]))[1].places == {"mona": Place.GALLERY}
    await archive.aclose()
    assert verify(root).whole


@pytest.mark.parametrize("content", [b"half", bytes(len(content_of(1)))], ids=["of another size", "of the same size"])
async def test_other_bytes_under_the_name_of_an_attempt_are_moved_aside(root: Path, content: bytes) -> None:
    post = make_post(1)
    assert post.file is not None

    async def place(archive: Archive) -> None:
        await list_posts(archive, [post])
        await archive.begin_attempt(post, "original", "http://127.0.0.1/x")
        (root / "gallery" / "mona").mkdir()
        (root / "gallery" / "mona" / f"1_{post.file.md5}.jpg").write_bytes(content)  # type: ignore[union-attr]  # checked above

    archive = await dead_after(root, place)
    await archive.aclose()

    assert archive.recovery.damaged == ("damaged/attempt-1-mona.jpg",)
    assert (root / "damaged" / "attempt-1-mona.jpg").read_bytes() == content


async def test_a_label_that_says_keep_stops_a_move_to_the_trash(root: Path) -> None:
    post = make_post(1)

    async def intend(archive: Archive) -> None:
        from storage.moves import moves

        await list_posts(archive, [post])
        await archive.file_look(sight(post, decide("delete")))
        await keep(archive, post)
        version = archive._posts.version_of
        await archive._access.write(
            lambda c: moves.intend_to_trash(c, version(c, post, None, post.created_at), ["mona"], post.created_at)
        )
        await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "k")])

    archive = await dead_after(root, intend)

    assert (archive.recovery.moves_cancelled, archive.recovery.moves_finished) == (1, 0)
    assert (await archive.known([post], ["mona"]))[1].places == {"mona": Place.GALLERY}
    await archive.aclose()
    assert verify(root).whole


async def test_a_rejected_original_goes_to_the_trash_and_comes_back_byte_for_byte(archive: Archive, root: Path) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    await archive.file_look(sight(post))
    await keep(archive, post)
    before = digest(root)

    assert (await archive.moves.plan_apply()).empty  # it is to be kept
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.DELETE, "me", "a")])
    assert (await archive.moves.apply(await archive.moves.plan_apply())).trashed == 1
    assert [path.read_bytes() for path in (root / "trash").iterdir()] == [content_of(1)]
    assert await archive.adopt_known_original(post, ["mona"])

    assert verify(root).whole
    assert [path.read_bytes() for path in (root / "gallery" / "mona").iterdir()] == [content_of(1)]
    with open_reader(root) as reader:
        assert reader.sql("SELECT place, decision FROM results").rows == [("gallery", "delete")]
    assert digest(root) != before  # a label more


async def test_a_crawl_takes_away_only_what_nothing_ever_kept_and_nobody_restored(archive: Archive, root: Path) -> None:
    posts = [make_post(number) for number in (1, 2, 3)]
    await list_posts(archive, posts)
    for post, word in zip(posts, ("keep", "delete", "delete"), strict=True):
        await archive.file_look(sight(post, decide(word)))
        await keep(archive, post)
    await archive.file_look(sight(posts[0], decide("delete", policy="p2"), rendition=None, stored=None))
    await relabel(archive, [Label(2, "demo", "mona", LabelValue.KEEP, "me", "a")])
    await relabel(archive, [Label(2, "demo", "mona", LabelValue.CLEAR, "me", "b")])

    assert [await archive.trash_original(post, ["mona"]) for post in posts] == [0, 0, 1]
    assert (await archive.moves.restore(TrashChoice(posts=(3,)))).back == 1
    assert await archive.trash_original(posts[2], ["mona"]) == 0

    plan = await archive.moves.plan_apply()
    assert ([one.post_id for one in plan.to_trash], plan.restored) == ([1, 2], 1)


async def test_the_same_bytes_are_not_downloaded_twice_and_live_while_any_post_needs_them(
    archive: Archive, root: Path
) -> None:
    first, second = make_post(1), make_post(2, content_of(1))
    await list_posts(archive, [first, second])
    for post in (first, second):
        await archive.file_look(sight(post))
    await keep(archive, first)

    assert await archive.adopt_known_original(second, ["mona", "kiara"])
    await archive.file_look(sight(first, decide("delete", policy="p2")))
    await archive.moves.apply(await archive.moves.plan_apply())

    assert (await archive.known([second], ["mona"]))[2].places == {"mona": Place.GALLERY}
    assert verify(root).whole
    assert len(list((root / "gallery").rglob("2_*"))) == 2


async def test_a_file_that_was_changed_by_hand_is_not_adopted_and_not_trashed(archive: Archive, root: Path) -> None:
    first, second = make_post(1), make_post(2, content_of(1))
    await list_posts(archive, [first, second])
    await archive.file_look(sight(first, decide("delete")))
    await keep(archive, first)
    next((root / "gallery" / "mona").iterdir()).write_bytes(bytes(len(content_of(1))))

    assert not await archive.adopt_known_original(second, ["mona"])
    assert await archive.trash_original(first, ["mona"]) == 0


@pytest.mark.fault("J10")
async def test_a_replaced_file_is_a_new_version_beside_the_old_one_and_its_label(archive: Archive, root: Path) -> None:
    old = make_post(1)
    await list_posts(archive, [old])
    await archive.file_look(sight(old))
    await keep(archive, old)
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "me", "a")])
    new_bytes = content_of(1, "replaced")
    new = make_post(1, new_bytes)
    listing = await list_posts(archive, [new])

    known = (await archive.known([new], ["mona"]))[1]

    assert (known.labels, known.decisions, known.places, known.rendition) == ({}, {}, {}, None)
    assert list(await archive.unfinished(listing, WORK)) == [new]
    await archive.file_look(sight(new))
    await keep(archive, new, new_bytes)
    assert len(list((root / "gallery" / "mona").iterdir())) == 2
    assert verify(root).whole
    with open_reader(root) as reader:
        assert reader.sql("SELECT value FROM label").rows == [("keep",)]
        assert reader.sql("SELECT label, decision FROM results").rows == [(None, "keep")]


@pytest.mark.fault("J11")
async def test_a_post_that_became_hidden_keeps_its_file_and_its_decision(archive: Archive, root: Path) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    await archive.file_look(sight(post))
    await keep(archive, post)
    listing = await list_posts(archive, [replace(post, file=None, renditions=(), hidden_reason="banned")])

    assert list(await archive.unfinished(listing, Work(("mona",), {"mona": "another"}))) == []
    with open_reader(root) as reader:
        assert reader.sql("SELECT decision, place FROM results").rows == [("keep", "gallery")]


@pytest.mark.parametrize("change", [{"ext": "php"}, {"md5": "../../etc/passwd"}, {"size": 3}, {"md5": "0" * 32}])
async def test_a_file_that_is_not_what_the_site_published_never_gets_a_name(
    archive: Archive, root: Path, change: dict[str, Any]
) -> None:
    good = make_post(1)
    assert good.file is not None
    post = replace(good, file=replace(good.file, **change))
    await list_posts(archive, [post])
    attempt = await archive.begin_attempt(post, "original", "http://127.0.0.1/x")
    attempt.staging.write_bytes(content_of(1))

    with pytest.raises(RefusedFile) as refused:
        await archive.file_original(attempt, post, ["mona"], digest_of(content_of(1)))
    await archive.fail_attempt(attempt, Failure("mismatch", "retry"))

    assert refused.value.exit_code == 3
    assert not any(path.is_file() for path in (root / "gallery").rglob("*"))
    assert list((root / "staging").iterdir()) == []


@pytest.mark.fault("M20")
async def test_decisions_are_made_once_and_the_one_asked_for_last_stands(archive: Archive, root: Path) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    for policy, value in (("low", "keep"), ("high", "delete"), ("low", "keep"), ("low", "keep")):
        await archive.file_look(sight(post, decide(value, policy=policy)))

    with open_reader(root) as reader:
        assert reader.sql("SELECT policy, value FROM decision ORDER BY seq").rows == [
            ("low", "keep"),
            ("high", "delete"),
        ]
        assert reader.sql("SELECT decision FROM results").rows == [("keep",)]


async def test_a_score_that_is_no_probability_is_not_recorded(archive: Archive) -> None:
    post = make_post(1)
    await list_posts(archive, [post])
    look = replace(sight(post).look, scores={"mona": float("nan")})
    await archive.file_look(sight(post, decide("undecided"), look=look))

    assert (await archive.known([post], ["mona"]))[1].scores == {}


@pytest.mark.fault("D09")
async def test_a_failing_step_of_the_schema_leaves_the_old_schema_and_a_backup(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
    engine = database_of(root).writing_engine()
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")  # as if from before the first step
    before = digest_lines(root)

    with pytest.raises(BaseException, match="already exists"):
        Archive.open(root, NO_RESERVE)

    assert digest_lines(root) == before
    backups = list((root / "backups").iterdir())
    assert len(backups) == 1
    assert digest_lines(root, backups[0].relative_to(root).as_posix()) == before


def digest_lines(root: Path, name: str = "crawl.db") -> list[Any]:
    with closing(sqlite3.connect(root / name)) as connection:
        posts = connection.execute("SELECT post_id, md5 FROM post").fetchall()
        return [*posts, *connection.execute("PRAGMA integrity_check").fetchall()]


@pytest.mark.fault("M13")
def test_what_is_left_of_a_half_made_model_is_removed_and_whole_ones_stay(root: Path) -> None:
    Archive.open(new_gallery(root), NO_RESERVE).close()
    models = root / "models" / "mona"
    for name in ("1", ".work-2-4711", ".work-round-0-x7k", ".work-network-young", ".work-network-old", "mine"):
        (models / name).mkdir(parents=True)
        (models / name / "backbone.keras").write_bytes(b"weights")
    os.utime(models / ".work-network-old", (0, 0))

    archive = Archive.open(root, NO_RESERVE)
    archive.close()

    assert archive.recovery.models_removed == 3
    assert "recovered: 3 unfinished models removed" in archive.recovery.lines()
    assert sorted(path.name for path in models.iterdir()) == [".work-network-young", "1", "mine"]
    assert (models / "1" / "backbone.keras").exists()


async def test_posts_of_one_file_may_come_home_at_the_same_time(archive: Archive, root: Path) -> None:
    content = content_of(1)
    posts = [make_post(number, content) for number in range(1, 33)]
    first, others = posts[0], posts[1:]
    await list_posts(archive, posts)
    await archive.file_look(sight(first))
    await keep(archive, first, content)
    await archive.file_look(sight(first, decide("delete", policy="p2")))
    await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)
    for post in posts:
        await archive.file_look(sight(post, decide("keep", policy="p3")))

    # The only copy lies in the trash: while the others take theirs from there, its own post takes it back.
    homes = [archive.adopt_known_original(post, ["mona"]) for post in (*others[:16], first, *others[16:])]
    found = await asyncio.gather(*homes)

    assert all(found)
    assert verify(root).whole
    assert len(list((root / "gallery" / "mona").iterdir())) == len(posts)


async def test_what_lies_in_staging_is_nobodys_and_goes_at_the_next_start(root: Path) -> None:
    new_gallery(root)
    (root / "staging" / "77.part").write_bytes(b"of an attempt that was never recorded")

    archive = Archive.open(root, NO_RESERVE)
    await archive.aclose()

    assert archive.recovery.staging_removed == 1
    assert list((root / "staging").iterdir()) == []
