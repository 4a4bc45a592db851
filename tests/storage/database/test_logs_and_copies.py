"""Rows F21, D09 and D10: copies of a database in use, an upgrade that is killed anywhere, a reader that stays."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from migrations import HEAD
from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.database.engines.backup import back_up
from storage.errors import DatabaseError, DiskFull, StorageError
from storage.label_writer import Labelling
from storage.lifecycle.verify import verify
from storage.records import LabelValue
from tests.storage.deaths import die_in_recovery
from tests.storage.samples import NO_RESERVE, decide, list_posts, make_post, new_gallery, schema_at, sight

pytestmark = pytest.mark.sqlite("about the log beside the file, and copies of the file")

COPIES = 6


@pytest.mark.fault("F21")
async def test_every_copy_of_a_gallery_in_use_is_one_that_it_really_was(root: Path) -> None:
    """A crawl decides and a person labels, each decision and label in a transaction of its own, in order."""
    posts = [make_post(number) for number in range(1, 61)]
    copies: list[tuple[int, Path]] = []
    saved = 0
    enough = threading.Event()

    def label() -> None:
        nonlocal saved
        with Labelling(root) as labelling:
            while not enough.is_set() and saved < 3000:
                labelling.relabel([Label(1 + saved % 60, "demo", "mona", LabelValue.KEEP, "me", f"click {saved}")])
                saved += 1

    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, posts)
        person = threading.Thread(target=label)
        person.start()
        for at in range(COPIES):
            before = saved
            deciding = asyncio.gather(*(archive.file_look(sight(post)) for post in posts[at * 10 : at * 10 + 10]))
            copy = await asyncio.to_thread(back_up, root / "crawl.db", root / "backups", f"copy-{at}")
            copies.append((before, copy))
            await deciding
        enough.set()
        await asyncio.to_thread(person.join)

    for before, copy in copies:
        with closing(sqlite3.connect(copy)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            keys = [int(key.split()[1]) for (key,) in database.execute("SELECT client_key FROM label ORDER BY seq")]
            decided = database.execute("SELECT count(*) FROM decision").fetchone()[0]
            standing = "SELECT count(*) FROM standing WHERE decision_seq IS NOT NULL"
            assert decided == database.execute(standing).fetchone()[0]
        assert keys == list(range(len(keys)))
        assert before <= len(keys) <= saved + 1


def state(database: Path) -> tuple[Any, ...]:
    with closing(sqlite3.connect(database)) as connection:
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        triggers = connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone()[0]
        decisions = connection.execute("SELECT version_id, target, value FROM decision").fetchall()
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return version, triggers, decisions, sound


async def an_older_gallery(root: Path) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
        await archive.file_look(sight(make_post(1), decide("keep")))
    schema_at(root / "crawl.db", "0002", back=True)


@pytest.mark.fault("D09")
async def test_an_upgrade_that_is_killed_anywhere_has_the_old_schema_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "template"
    await an_older_gallery(template)
    old = state(template / "crawl.db")
    Archive.open(copied(template, tmp_path / "whole"), NO_RESERVE).close()
    new = state(tmp_path / "whole" / "crawl.db")
    seen = set()

    for nth in range(1, 60):
        root = copied(template, tmp_path / f"killed-{nth}")
        die_in_recovery(root, monkeypatch, nth)
        found = state(root / "crawl.db")
        assert found in (old, new), f"step {nth}"
        seen.add(found[0])
        for backup in (root / "backups").glob("*.db"):
            assert state(backup) == old, f"step {nth}"
        Archive.open(root, NO_RESERVE).close()
        assert state(root / "crawl.db") == new, f"step {nth}"
        if nth % 10 == 0:
            assert verify(root).whole
        if found[0] == HEAD and nth > 30:
            break

    assert seen == {"0002", HEAD}


def copied(template: Path, root: Path) -> Path:
    subprocess.run(["cp", "-r", template, root], check=True)
    return root


@pytest.fixture(params=[500, 650, 800, 1000], ids=lambda size: f"{size} KiB")
def small_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A disk with room for the gallery and not much more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(disk)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.fault("D09")
def test_an_upgrade_on_a_full_disk_leaves_the_old_gallery(tmp_path: Path, small_disk: Path) -> None:
    asyncio.run(an_older_gallery(tmp_path / "template"))
    old = state(tmp_path / "template" / "crawl.db")
    if subprocess.run(["cp", "-r", tmp_path / "template", small_disk / "root"], check=False).returncode:
        pytest.skip("not even the gallery fits")
    root = small_disk / "root"

    try:
        Archive.open(root, NO_RESERVE).close()
    except (DiskFull, StorageError, DatabaseError) as refused:
        assert refused.exit_code in (7, 8)
        assert state(root / "crawl.db") == old
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    Archive.open(root, NO_RESERVE).close()

    assert state(root / "crawl.db")[0] == HEAD
    assert verify(root).whole


def log_size(root: Path) -> int:
    log = root / "crawl.db-wal"
    return log.stat().st_size if log.exists() else 0


@pytest.mark.fault("D10")
async def test_no_reader_of_ours_keeps_the_log_from_being_folded_in(root: Path) -> None:
    posts = [make_post(number) for number in range(1, 200)]
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    with open_reader(root) as reader:
        reader.query("mona")
        await list_posts(archive, posts)
        await archive.known(posts, ["mona"])
        reader.status()
        grown = log_size(root)

        await archive.aclose()

        assert grown > 100_000
        assert log_size(root) == 0


@pytest.mark.fault("D10")
async def test_the_log_shrinks_again_when_a_reader_that_stayed_has_gone(root: Path) -> None:
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    with closing(sqlite3.connect(root / "crawl.db", isolation_level=None)) as stays:
        stays.execute("BEGIN")
        stays.execute("SELECT count(*) FROM post").fetchall()
        await list_posts(archive, [make_post(number) for number in range(1, 200)])
        await archive.aclose()
        left = log_size(root)
        stays.execute("COMMIT")

    Archive.open(root, NO_RESERVE).close()

    assert left > 100_000
    assert log_size(root) == 0
    assert verify(root).whole
