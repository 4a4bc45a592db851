"""An older gallery is upgraded whole or not at all, and a verified backup is there either way."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from storage_samples import NO_RESERVE, list_posts, make_post, new_gallery

import migrations
from storage import migrate, schema
from storage.archive import Archive
from storage.errors import DatabaseError

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


async def test_an_older_gallery_is_backed_up_and_upgraded(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])
    later_program(tmp_path, monkeypatch, "pass")
    with pytest.raises(DatabaseError, match="older schema"):
        Archive.reader(root)

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


@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "ha#sh?que%20ry", "モナ", os.fsdecode(b"no\xfftext"), "x" * 200]
)
async def test_a_root_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    root = new_gallery(tmp_path / name)
    later_program(tmp_path, monkeypatch, "pass")

    async with Archive.open(root, NO_RESERVE) as archive:
        await list_posts(archive, [make_post(1)])

    with Archive.reader(root) as reader:
        assert reader.sql("SELECT post_id FROM post").rows == [(1,)]
        assert reader.query("hat").rows


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
