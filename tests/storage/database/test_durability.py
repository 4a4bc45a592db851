"""What was acknowledged survives a power cut: bytes and names are flushed before the rows that speak of them."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage.archive import Archive
from storage.archive_records import Label
from storage.database.engines.backup import back_up
from storage.database.engines.sqlite import SqliteDatabase
from storage.errors import DatabaseDamaged
from storage.files.tree import Tree
from storage.records import LabelValue
from tests.equipment.clock import ShiftedClock
from tests.storage.journal import Journal, watched
from tests.storage.samples import (
    NO_RESERVE,
    content_of,
    decide,
    digest_of,
    keep,
    list_posts,
    make_post,
    new_gallery,
    relabel,
    sight,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to know what a handle is")


async def a_kept_post(archive: Archive, number: int = 1) -> None:
    """A post with its rendition and its original."""
    await list_posts(archive, [make_post(number)])
    await archive.file_look(sight(make_post(number)))
    await keep(archive, make_post(number))


async def look(archive: Archive, _: Journal) -> None:
    attempt = await archive.begin_attempt(make_post(1), "rendition", "http://127.0.0.1/x")
    await archive.file_look(sight(make_post(1), attempt=attempt))


async def keep_original(archive: Archive, journal: Journal) -> None:
    attempt = await archive.begin_attempt(make_post(1), "original", "http://127.0.0.1/x")
    attempt.staging.write_bytes(content_of(1))
    journal.written(attempt.staging)
    await archive.file_original(attempt, make_post(1), ("mona",), digest_of(content_of(1)))


async def reject(archive: Archive, _: Journal) -> None:
    await archive.file_look(sight(make_post(1), decide("delete", policy="p2")))
    await archive.moves.apply(await archive.moves.plan_apply())


async def restore(archive: Archive, _: Journal) -> None:
    await relabel(archive, [Label(1, "demo", "mona", LabelValue.KEEP, "owner", "k1")])
    await archive.moves.apply(await archive.moves.plan_apply())


async def listed(archive: Archive) -> None:
    await list_posts(archive, [make_post(1)])


async def rejected(archive: Archive) -> None:
    await a_kept_post(archive)
    await archive.file_look(sight(make_post(1), decide("delete", policy="p2")))
    await archive.moves.apply(await archive.moves.plan_apply())


Before = Callable[[Archive], Awaitable[None]]
Doing = Callable[[Archive, Journal], Awaitable[None]]


@pytest.mark.fault("F11")
@pytest.mark.parametrize(
    ("before", "doing", "names"),
    [
        (listed, look, {"renditions", "given"}),
        (listed, keep_original, {"gallery/mona", "given"}),
        (a_kept_post, reject, {"trash", "given"}),
        (rejected, restore, {"gallery/mona", "given"}),
    ],
    ids=["a look", "an original", "to the trash", "back from the trash"],
)
async def test_everything_is_durable_before_its_rows_are(
    root: Path, monkeypatch: pytest.MonkeyPatch, before: Before, doing: Doing, names: set[str]
) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await before(archive)

        with watched(root, monkeypatch) as journal:
            await doing(archive, journal)

        assert journal.wrong == []
        assert journal.in_the_air == []
        assert [step for step in journal.steps if all(word in step for word in names)], journal.steps
        assert "commit" in journal.steps


@pytest.mark.fault("F11")
async def test_a_destroyed_file_is_gone_for_good_before_that_is_recorded(
    root: Path, archive: Archive, clock: ShiftedClock
) -> None:
    await rejected(archive)
    clock.days = 40
    plan = await archive.moves.plan_purge(30)

    with watched(root, pytest.MonkeyPatch()) as journal:
        done = await archive.moves.purge(plan, confirmed=True)

    assert done.files == 1
    assert journal.wrong == []
    assert "name taken from trash" in journal.steps
    assert done.backup is not None
    assert done.backup.stat().st_ino in journal.flushed_files  # before its rows destroy anything


@pytest.mark.fault("F11")
async def test_what_recovery_adopts_is_made_durable(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = make_post(1)
    assert post.file is not None
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    await list_posts(archive, [post])
    await archive.begin_attempt(post, "original", "http://127.0.0.1/x")
    await archive.aclose()
    (root / "gallery" / "mona").mkdir()
    left = root / "gallery" / "mona" / f"1_{post.file.md5}.jpg"
    left.write_bytes(content_of(1))

    with watched(root, monkeypatch) as journal:
        journal.written(left)
        archive = Archive.open(root, NO_RESERVE)
        await archive.aclose()

    assert archive.recovery.adopted == 1
    assert journal.in_the_air == []


def settings_of(engine: Any) -> dict[str, object]:
    """What a connection of an engine is set to."""
    names = (
        "journal_mode",
        "synchronous",
        "foreign_keys",
        "recursive_triggers",
        "trusted_schema",
        "query_only",
        "mmap_size",
    )
    with engine.connect() as connection:
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names}


@pytest.mark.fault("F11", "D05")
@pytest.mark.sqlite("about its settings")
def test_every_commit_is_flushed_and_every_connection_guards_the_rows(root: Path) -> None:
    database = new_gallery(root) / "crawl.db"
    there = SqliteDatabase(database)
    writer, reader = there.writing_engine(), there.reading_engine()

    writing, reading = settings_of(writer), settings_of(reader)

    assert writing == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL: with NORMAL, which is 1, a power cut takes the last commits away
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "trusted_schema": 0,
        "query_only": 0,
        "mmap_size": 0,
    }
    assert reading["query_only"] == 1
    writer.dispose()
    reader.dispose()


def test_the_journal_knows_what_a_power_cut_would_undo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one" / "a").write_bytes(b"x")

    with watched(tmp_path, monkeypatch) as journal:
        journal.written(tmp_path / "one" / "a")
        (tmp_path / "one" / "a").replace(tmp_path / "two" / "a")
        both = journal.in_the_air
        journal.committed()
        for path in ("one", "two", "two/a"):
            handle = os.open(tmp_path / path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)

    assert both[:2] == ["names of one", "names of two"]
    assert len(both) == 3
    assert len(journal.wrong) == 3
    assert journal.in_the_air == []


@pytest.mark.sqlite("about its settings")
def test_a_database_of_our_own_has_no_other_writers_settings(root: Path) -> None:
    with closing(sqlite3.connect(new_gallery(root) / "crawl.db")) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)  # kept in the file itself


@pytest.mark.fault("F21")
def test_a_backup_that_does_not_pass_its_check_is_no_backup(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as rows:
        rows.executescript("CREATE TABLE post (n); INSERT INTO post VALUES (1), (1); CREATE INDEX numbers ON post (n);")
        rows.executescript(
            "PRAGMA writable_schema=ON;"  # an index that promises what the rows do not keep: copied, and found
            "UPDATE sqlite_master SET sql = 'CREATE UNIQUE INDEX numbers ON post (n)' WHERE name = 'numbers'"
        )

    with pytest.raises(DatabaseDamaged, match="does not pass its check"):
        back_up(tmp_path / "crawl.db", tmp_path / "backups", "before-purge")

    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.fault("F06")
@pytest.mark.parametrize("keep", [False, True])
def test_a_file_whose_flush_failed_goes_unless_it_was_here_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    (tmp_path / "picture").write_bytes(b"perhaps on disk, perhaps not")
    tree = Tree(tmp_path)

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output"):
        tree.make_durable("picture", keep=keep)

    assert (tmp_path / "picture").exists() is keep
    tree.close()
