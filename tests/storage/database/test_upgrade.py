"""An older gallery is upgraded whole or not at all, and a verified backup is there either way."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import migrations
from storage.archive import Archive, open_reader
from storage.database import migrate, schema
from storage.errors import DatabaseError
from storage.evidence import NO_SPLIT
from storage.records import Target
from tests.storage.samples import CARD, NO_RESERVE, list_posts, make_post, new_gallery, schema_at, sight

STEP = '''"""A later step."""
from alembic import op
import sqlalchemy as sa

revision = "9999"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("run", sa.Column("mood", sa.Text()))
    op.execute("UPDATE run SET mood = 'fine'")
    {ending}
'''


def later_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """A program that knows one step more than this one."""
    steps = tmp_path / "migrations"
    shutil.copytree(Path(migrations.__file__).parent, steps, ignore=shutil.ignore_patterns("__pycache__"))
    (steps / "versions" / "9999_a_later_step.py").write_text(STEP.format(ending=ending, head=migrations.HEAD))
    for module in (migrate, schema):
        monkeypatch.setattr(module, "files", lambda _package: steps)
        monkeypatch.setattr(module, "HEAD", "9999")


def ask(database: Path, question: str) -> list[Any]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(question).fetchall()


@pytest.mark.fault("D08")
async def test_an_older_gallery_is_backed_up_and_upgraded(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
    later_program(tmp_path, monkeypatch, "pass")
    with pytest.raises(DatabaseError, match="older schema"):
        open_reader(root)

    archive = Archive.open(root, NO_RESERVE)
    await archive.aclose()

    backup = archive.recovery.backup
    assert archive.recovery.migrated_from == migrations.HEAD
    assert backup is not None
    assert ask(root / "crawl.db", "SELECT version_num FROM alembic_version") == [("9999",)]
    assert ask(root / "crawl.db", "SELECT mood FROM run") == []
    assert ask(backup, "SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]
    assert ask(backup, "SELECT post_id FROM post") == [(1,)]
    assert backup.stat().st_mode & 0o777 == 0o600
    assert "backup" in archive.recovery.lines()[0]


@pytest.mark.fault("F17")
@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "ha#sh?que%20ry", "モナ", os.fsdecode(b"no\xfftext"), "x" * 200]
)
async def test_a_root_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    root = new_gallery(tmp_path / name)
    later_program(tmp_path, monkeypatch, "pass")

    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])

    with open_reader(root) as reader:
        assert reader.sql("SELECT post_id FROM post").rows == [(1,)]
        assert reader.query("hat").rows


@pytest.mark.fault("D09")
async def test_an_upgrade_that_fails_half_way_leaves_the_old_gallery(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
    with monkeypatch.context() as later:
        later_program(tmp_path, later, "raise RuntimeError('half way')")
        with pytest.raises(RuntimeError, match="half way"):
            Archive.open(root, NO_RESERVE)

    assert ask(root / "crawl.db", "SELECT version_num FROM alembic_version") == [(migrations.HEAD,)]
    assert "mood" not in str(ask(root / "crawl.db", "PRAGMA table_info(run)"))
    async with Archive.open(root, NO_RESERVE) as archive:
        assert archive.recovery.migrated_from is None
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
