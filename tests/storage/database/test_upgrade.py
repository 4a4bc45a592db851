"""An older gallery is upgraded whole or not at all, and a verified backup is there either way."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from migrations import HEAD
from storage.archive import Archive, open_reader
from storage.database.slow_work import SlowWork
from storage.errors import DatabaseError
from storage.evidence import NO_SPLIT
from storage.records import Target
from tests.storage.samples import CARD, NO_RESERVE, list_posts, make_post, new_gallery, schema_at, sight

pytestmark = pytest.mark.sqlite("galleries on a server begin after these steps")

BEFORE = "0006"  # a schema that lacks more than one step of this program's


async def older_gallery(root: Path) -> Path:
    """A gallery with one post, as an older program left it."""
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
    schema_at(root / "crawl.db", BEFORE, back=True)
    return root


def tables(database: Path) -> set[str]:
    return {name for (name,) in ask(database, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def ask(database: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(question).fetchall()


@pytest.mark.fault("D08")
async def test_an_older_gallery_is_backed_up_and_upgraded(root: Path) -> None:
    await older_gallery(root)
    with pytest.raises(DatabaseError, match="older schema"):
        open_reader(root)

    archive = Archive.open(root, NO_RESERVE)
    await archive.aclose()

    backup = archive.recovery.backup
    assert archive.recovery.migrated_from == BEFORE
    assert backup is not None
    assert ask(root / "crawl.db", "SELECT version_num FROM alembic_version") == [(HEAD,)]
    assert ask(root / "crawl.db", "SELECT vector FROM local_embedding") == []
    assert ask(backup, "SELECT version_num FROM alembic_version") == [(BEFORE,)]
    assert ask(backup, "SELECT post_id FROM post") == [(1,)]
    assert "local_embedding" not in tables(backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert "backup" in archive.recovery.lines()[0]


async def test_an_upgrade_says_what_it_is_at_where_that_takes_long(root: Path) -> None:
    await older_gallery(root)
    told: list[str] = []
    settings = replace(NO_RESERVE, tell=told.append, tell_every_s=0.001)

    Archive.open(root, settings).close()
    upgraded = list(told)
    Archive.open(root, settings).close()

    assert told == upgraded  # nothing is told of what is up to date
    assert all(re.fullmatch(r".*; \d+ s so far", line) for line in told)
    first = f"backing up {root / 'crawl.db'} before its upgrade from schema {BEFORE} to {HEAD}"
    assert any(one.startswith(first) for one in told)
    steps = [found[0] for one in told if (found := re.search(r"step \d of \d+, schema \d+", one))]
    assert steps == sorted(steps)
    assert steps[0].endswith(f"of {int(HEAD) - int(BEFORE)}, schema {steps[0][-4:]}")


def test_quick_work_is_not_talked_about() -> None:
    told: list[str] = []

    with SlowWork(told.append, 60) as work:
        work.part("something")

    assert told == []


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "ha#sh?que%20ry", "モナ", os.fsdecode(b"no\xfftext"), "x" * 200]
)
async def test_a_root_may_have_any_name(tmp_path: Path, name: str) -> None:
    root = await older_gallery(tmp_path / name)

    async with Archive.open(root, NO_RESERVE) as archive:
        assert archive.recovery.migrated_from == BEFORE
        await list_posts(archive, [make_post(1)])

    with open_reader(root) as reader:
        assert reader.sql("SELECT post_id FROM post").rows == [(1,)]
        assert reader.query("hat").rows


@pytest.mark.fault("D09")
async def test_an_upgrade_that_fails_half_way_leaves_the_old_gallery(root: Path) -> None:
    database = (await older_gallery(root)) / "crawl.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE local_embedding (id INTEGER)")  # what the last step makes after another table
    before = tables(database)

    with pytest.raises(DatabaseError, match="local_embedding already exists"):
        Archive.open(root, NO_RESERVE)

    assert ask(database, "SELECT version_num FROM alembic_version") == [(BEFORE,)]
    assert tables(database) == before
    assert "windows" not in str(ask(database, "PRAGMA table_info(embedding)"))
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE local_embedding")
    async with Archive.open(root, NO_RESERVE) as archive:
        assert archive.recovery.migrated_from == BEFORE
        await list_posts(archive, [make_post(2)])


def test_the_guards_against_replace_can_be_taken_back(tmp_path: Path) -> None:
    database = tmp_path / "crawl.db"
    database.touch()
    before = schema_at(database, "0003")

    added = {(kind, name) for kind, name, _sql in set(schema_at(database, "0004")) - set(before)}

    assert len(added) > 20
    assert {kind for kind, _name in added} == {"trigger"}
    assert schema_at(database, "0003", back=True) == before


async def test_a_gallery_from_before_the_guards_gets_them_and_keeps_its_rows(root: Path) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
        await archive.file_look(sight(make_post(1)))
    schema_at(root / "crawl.db", "0003", back=True)
    before = ask(root / "crawl.db", "SELECT * FROM decision")

    async with Archive.open(root, NO_RESERVE) as archive:
        assert archive.recovery.migrated_from == "0003"

    assert ask(root / "crawl.db", "SELECT * FROM decision") == before
    with closing(sqlite3.connect(root / "crawl.db")) as connection, pytest.raises(sqlite3.Error, match="appended"):
        connection.execute("REPLACE INTO decision SELECT * FROM decision")


def test_the_step_about_hashes_and_parts_can_be_taken_back(tmp_path: Path) -> None:
    database = tmp_path / "crawl.db"
    database.touch()
    before = schema_at(database, "0002")

    after = schema_at(database, "0003")

    assert {name for _type, name, _sql in after} - {name for _type, name, _sql in before} == {
        "part",
        "part_only_becomes_stricter",
        "part_refuses_delete",
    }
    assert "picture_hash" in str(ask(database, "PRAGMA table_info(file_version)"))
    assert schema_at(database, "0002", back=True) == before


async def test_a_gallery_from_before_hashes_and_parts_keeps_its_looks(root: Path) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
        await archive.file_look(sight(make_post(1)))
    schema_at(root / "crawl.db", "0002", back=True)

    async with Archive.open(root, NO_RESERVE) as archive:
        assert archive.recovery.migrated_from == "0002"

    with open_reader(root) as reader:
        evidence = reader.evidence(Target("mona", "mona_(genshin_impact)"), CARD.backbone_hash)
    assert evidence.look_hashes.tolist() == [0]
    assert evidence.frozen_split.tolist() == [NO_SPLIT]


async def test_pages_that_were_looked_at_whole_only_are_looked_at_again_after_the_upgrade(root: Path) -> None:
    posts = [make_post(1), make_post(2, width=200, height=4000)]
    page = replace(posts[1], file=replace(posts[1].file, width=200, height=4000))
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [posts[0], page])
        for post in (posts[0], page):
            await archive.file_look(sight(post))
    schema_at(root / "crawl.db", "0006", back=True)

    async with Archive.open(root, NO_RESERVE) as archive:
        assert archive.recovery.migrated_from == "0006"
        known = await archive.known([posts[0], page], ["mona"])

    assert [len(known[number].embeddings) for number in (1, 2)] == [1, 0]
    assert all(known[number].decisions and known[number].rendition for number in (1, 2))


def test_the_step_about_windows_can_be_taken_back(tmp_path: Path) -> None:
    database = tmp_path / "crawl.db"
    database.touch()
    before = schema_at(database, "0006")

    schema_at(database, "0007")

    assert {"windows", "too_small"} <= {column[1] for column in ask(database, "PRAGMA table_info(embedding)")}
    assert schema_at(database, "0006", back=True) == before
