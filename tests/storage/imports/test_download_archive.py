"""A download archive is read whatever is in it, and nothing but read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import UnreadableFile
from storage.imports.download_archive import ArchivedPost, archived_posts, check_archive


def number_of(key: str) -> tuple[str, int] | None:
    return ("site", int(key[1:])) if key.startswith("s") else None


def archive(path: Path, keys: Sequence[object], table: str = "archive") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f'CREATE TABLE "{table}" (entry PRIMARY KEY) WITHOUT ROWID')
        connection.executemany(f'INSERT INTO "{table}" VALUES (?)', [(key,) for key in keys])
    return path


def test_every_post_comes_once_and_what_is_no_key_is_counted(tmp_path: Path) -> None:
    path = archive(tmp_path / "a", ["s1", "s01", "s2", "other", b"\xff", 7])
    before = path.read_bytes()

    found = sorted(archived_posts(path, number_of), key=lambda one: one.keys)

    assert found == [
        ArchivedPost(("site", 2), 1, "s2"),
        ArchivedPost(("site", 1), 2, "s01"),
        ArchivedPost(None, 3, "7"),
    ]
    assert path.read_bytes() == before


def test_tables_of_any_name_count_together(tmp_path: Path) -> None:
    path = archive(tmp_path / "a", ["s1"], "my own table")
    archive(path, ["s1", "s2"])

    assert {(one.key, one.keys) for one in archived_posts(path, number_of)} == {(("site", 1), 2), (("site", 2), 1)}


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read"), (b"", "no table in it"), (b"text " * 500, "no archive that can be read")],
)
def test_what_is_no_archive_is_refused_by_name(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "a.sqlite3"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnreadableFile, match=problem) as refused:
        check_archive(path)
    assert str(path) in str(refused.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")

    with pytest.raises(UnreadableFile, match="is a pipe"):
        check_archive(tmp_path / "a")
