"""What is kept for ever is kept whoever asks: another program's connection, with settings of its own, included."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.archive import Archive
from storage.archive_records import Label
from storage.evidence import SplitAssignments
from storage.records import LabelValue
from tests.storage.samples import NO_RESERVE, keep, list_posts, make_post, new_gallery, relabel, sight

pytestmark = pytest.mark.sqlite(
    "REPLACE, and connections with settings of their own, are SQLite's; test_postgres has the server's guards"
)

# Every table whose rows are never removed or replaced -> its number, and the columns of its other unique keys.
KEPT = {
    "label": ("seq", ("client_key",)),
    "decision": ("seq", ("version_id", "target", "model_hash", "policy")),
    "part": ("", ("post_key", "target")),
    "file": ("id", ("version_id", "target")),
    "move": ("id", ()),
    "file_version": ("id", ("post_key", "md5")),
    "post": ("key", ("site", "post_id")),
}
NUMBERED = {table: number for table, (number, _unique) in KEPT.items() if number}
UNIQUE = {table: unique for table, (_number, unique) in KEPT.items() if unique}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with two rows or more in every table that is kept; none of the tests may change it."""
    root = tmp_path_factory.mktemp("guards") / "gallery-data"
    asyncio.run(_fill(root))
    return root


async def _fill(root: Path) -> None:
    posts = [make_post(1), make_post(2)]
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await list_posts(archive, posts)
        for post in posts:
            await archive.file_look(sight(post))
            await keep(archive, post)
            await relabel(archive, [Label(post.id, "demo", "mona", LabelValue.KEEP, "me", f"click {post.id}")])
            await relabel(archive, [Label(post.id, "demo", "mona", LabelValue.DELETE, "me", f"again {post.id}")])
        await archive.moves.apply(await archive.moves.plan_apply(), confirmed=True)
        parts = np.array([1, 2], dtype=np.int8)
        await archive.file_assignments(SplitAssignments("mona", np.array([1, 2]), parts, {}))


@pytest.fixture
def stranger(gallery: Path) -> Iterator[sqlite3.Connection]:
    """A connection as any other program opens it: no foreign keys, no recursive triggers."""
    with closing(sqlite3.connect(gallery / "crawl.db")) as connection:
        yield connection


def rows(connection: sqlite3.Connection, table: str) -> list[Any]:
    return connection.execute(f"SELECT * FROM {table}").fetchall()


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})")]


def copy_but_for(connection: sqlite3.Connection, table: str, others: dict[str, str]) -> str:
    """A SELECT of the table's first row in which some columns have other values."""
    chosen = [others.get(name.strip('"'), name) for name in columns(connection, table)]
    return f"SELECT {', '.join(chosen)} FROM {table} LIMIT 1"


def refused(connection: sqlite3.Connection, table: str, statement: str) -> None:
    """The statement ends in a guard's words and leaves the table as it was."""
    before = rows(connection, table)
    assert len(before) > 1, f"{table}: the test needs rows to replace"
    with pytest.raises(sqlite3.IntegrityError, match=r"never changed|for ever"):
        connection.execute(statement)
    connection.rollback()
    assert rows(connection, table) == before


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("word", ["REPLACE", "INSERT OR REPLACE"])
def test_rows_cannot_be_replaced_by_themselves(stranger: sqlite3.Connection, table: str, word: str) -> None:
    refused(stranger, table, f"{word} INTO {table} SELECT * FROM {table}")


@pytest.mark.parametrize(("table", "number"), NUMBERED.items())
def test_a_row_cannot_take_anothers_number(stranger: sqlite3.Connection, table: str, number: str) -> None:
    others = {
        name: f"'other ' || \"{name}\"" for name in UNIQUE.get(table, ()) if name in ("client_key", "md5", "site")
    }
    others |= {name: f"{name} + 100" for name in ("version_id", "post_key") if name in UNIQUE.get(table, ())}

    refused(stranger, table, f"REPLACE INTO {table} {copy_but_for(stranger, table, others)}")


@pytest.mark.parametrize("table", UNIQUE)
def test_a_row_cannot_take_anothers_place_under_a_new_number(stranger: sqlite3.Connection, table: str) -> None:
    number = NUMBERED.get(table)

    refused(
        stranger, table, f"REPLACE INTO {table} {copy_but_for(stranger, table, {number: 'NULL'} if number else {})}"
    )


@pytest.mark.parametrize("table", KEPT)
def test_rows_cannot_be_removed(stranger: sqlite3.Connection, table: str) -> None:
    refused(stranger, table, f"DELETE FROM {table}")


@pytest.mark.parametrize(("table", "number"), NUMBERED.items())
@pytest.mark.parametrize("by", ["its name", "rowid"])
def test_a_change_of_number_cannot_push_a_row_out(
    stranger: sqlite3.Connection, table: str, number: str, by: str
) -> None:
    column = "rowid" if by == "rowid" else f'"{number}"'
    first, second = (row[0] for row in stranger.execute(f"SELECT {column} FROM {table} ORDER BY 1 LIMIT 2"))

    refused(stranger, table, f"UPDATE OR REPLACE {table} SET {column} = {second} WHERE {column} = {first}")


@pytest.mark.parametrize("table", UNIQUE)
def test_a_change_of_key_cannot_push_a_row_out(stranger: sqlite3.Connection, table: str) -> None:
    unique = UNIQUE[table]
    shown = ", ".join(unique)
    first, second = stranger.execute(f"SELECT {shown} FROM {table} LIMIT 2").fetchall()
    its_row = " AND ".join(f"{name} = {value!r}" for name, value in zip(unique, first, strict=True))
    changes = ", ".join(f"{name} = {value!r}" for name, value in zip(unique, second, strict=True))

    refused(stranger, table, f"UPDATE OR REPLACE {table} SET {changes} WHERE {its_row}")


@pytest.mark.parametrize("table", ["label", "decision"])
def test_an_insert_that_turns_into_an_update_changes_nothing(stranger: sqlite3.Connection, table: str) -> None:
    select = copy_but_for(stranger, table, {})
    refused(stranger, table, f"INSERT INTO {table} {select.replace('LIMIT', 'WHERE true LIMIT')} "
            "ON CONFLICT DO UPDATE SET value = 'keep'")  # fmt: skip


@pytest.mark.parametrize(("table", "number"), NUMBERED.items())
def test_no_row_has_the_number_that_stands_for_none(stranger: sqlite3.Connection, table: str, number: str) -> None:
    """SQLite shows -1 to a guard while the number is still to be chosen: a row of that number would stop all others."""
    others = {number: "-1", "client_key": "'new'", "version_id": "100", "post_key": "100", "md5": "'f'", "site": "'x'"}
    others |= {"to_place": "'gallery'"}

    refused(stranger, table, f"INSERT INTO {table} {copy_but_for(stranger, table, others)}")


def test_a_finished_move_is_never_changed(stranger: sqlite3.Connection) -> None:
    refused(stranger, "move", "UPDATE move SET outcome = NULL")


def test_every_table_that_refuses_removal_refuses_replacement_too(stranger: sqlite3.Connection) -> None:
    triggers = stranger.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger'").fetchall()

    guarded = {table for table, name in triggers if name.endswith("_refuses_delete")}
    assert guarded == {table for table, name in triggers if name.endswith("_refuses_replace")} == set(KEPT)
