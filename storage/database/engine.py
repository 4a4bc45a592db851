"""What a database offers, whatever engine it runs on, and the statements whose form engines do not share.

`storage.database.engines` holds the two, SQLite and Postgres; no other module of the room names a dialect.
`storage.database.engines.location` says which of them holds a gallery's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Table,
    Update,
    bindparam,
    exists,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert  # its ON CONFLICT compiles for SQLite, word by word the same

from storage.database.tables import Base
from storage.files.disk import Disk

BUSY_TIMEOUT_S = 10.0
OPTION = "gallery_database"  # execution option of every connection: the Database that it leads to


class Database(Protocol):
    """Where a gallery's rows are; `str()` of it is what messages name."""

    @property
    def folder(self) -> Path:
        """The gallery's root, whose disk matters for it."""

    @property
    def is_file(self) -> bool:
        """Whether it is an SQLite file, which other programs can open, too."""

    @property
    def exists(self) -> bool:
        """Whether there is one, as far as can be said without reading it."""

    @property
    def log_size(self) -> int:
        """Bytes of changes that wait to be folded in by `fold_in`."""

    def size_of(self, connection: Connection) -> int:
        """Bytes."""

    def writing_engine(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S, owner: bool = True) -> Engine:
        """An engine of whose transactions one at a time is open, among all programs: none ever has to be repeated.

        Args:
            busy_timeout_s: how long to wait for another program's write.
            owner: whether its connections are of the program that holds the gallery.
        """

    def reading_engine(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
        """An engine that cannot write; a transaction sees one state throughout."""

    def problem(self) -> str | None:
        """Why it is no whole database of this program, as far as can be said without reading it; or None."""

    def in_transaction(self, connection: Connection) -> bool:
        """Whether the database still has our transaction open, so that it can be rolled back."""

    def fold_in(self, connection: Connection) -> None:
        """Fold a log of changes in, where the engine keeps one that grows; outside transactions only."""

    def fold_in_if_possible(self, connection: Connection) -> None:
        """The same; whatever is in the way, the next start does it."""

    def begin_schema(self, connection: Connection) -> None:
        """Prepare an empty database for the schema's steps."""

    def before_steps(self, connection: Connection) -> None:
        """Prepare a connection for the schema's steps; outside transactions."""

    def orphans(self, connection: Connection) -> Sequence[str]:
        """Rows that refer to what is not there, for people."""

    def check(self, connection: Connection, *, thorough: bool = False) -> list[str]:
        """What the engine finds wrong inside: nothing, when all is well."""

    def lend(self, connection: Connection, places: Mapping[tuple[str, int, str], int]) -> None:
        """Let `storage.database.phrases.place_among` look these places up, by list, file version and target."""

    def new_numbers(self, connection: Connection, table: str, key: str, count: int) -> Sequence[int]:
        """Numbers for so many rows that are about to be inserted, rising; never given before, not even to rows that
        are gone.
        """

    def select(self, text: str, limit: int | None) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
        """The answer to one SELECT of the user's own: names of the columns, and at most so many rows.

        Raises:
            QueryError: it is not one statement, does not read, or is no SQL.
        """

    def back_up(self, folder: Path, name: str, disk: Disk | None = None) -> Path:
        """Write a verified copy into a folder and return its path; safe while others read and write.

        Raises:
            DatabaseDamaged: the copy does not pass the check; it is removed.
            StorageError: the disk refuses, or the folder is a link.
        """


def database_behind(connection: Connection) -> Database:
    """The database that a connection of one of its engines leads to."""
    database: Database = connection.get_execution_options()[OPTION]
    return database


def new_numbers(connection: Connection, table: type[Base], count: int) -> Sequence[int]:
    """Numbers for rows that are about to be inserted, never given before.

    Args:
        connection: in a writing transaction.
        table: one whose numbers are never used again.
        count: how many.
    """
    key = table_of(table).primary_key.columns[0].name
    return database_behind(connection).new_numbers(connection, table.__tablename__, key, count)


def insert_new(table: type[Base]) -> Insert:
    """An INSERT that leaves a row that is already there (by any unique key) alone."""
    return insert(table_of(table)).on_conflict_do_nothing()


def insert_or_update(
    table: type[Base],
    key: Sequence[str],
    changed: Sequence[str],
    computed: Mapping[str, Callable[[Any], ColumnElement[Any]]] | None = None,
) -> Insert:
    """An INSERT that, where the key exists, updates the named columns instead.

    Args:
        table: where.
        key: names of a unique key's columns.
        changed: columns that get the new row's value.
        computed: columns whose value follows from the row that is there and the columns of the new one, handed over.
    """
    statement = insert(table_of(table))
    values: dict[str, Any] = {name: statement.excluded[name] for name in changed}
    values |= {name: value(statement.excluded) for name, value in (computed or {}).items()}
    return statement.on_conflict_do_update(index_elements=list(key), set_=values)


def insert_absent(
    connection: Connection, table: type[Base], key: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert those rows whose key is not there yet.

    For tables that refuse REPLACE: their guards stand before every insert, and ON CONFLICT would come after them.
    """
    if rows:
        columns = tuple(rows[0])
        connection.execute(_absent(table, tuple(key), columns), [_renamed(row, columns) for row in rows])


def update_or_insert(
    connection: Connection,
    table: type[Base],
    key: Sequence[str],
    changed: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Update the named columns of the rows whose key is there, insert the others; for tables that refuse REPLACE."""
    if rows:
        used = (*key, *changed)
        connection.execute(_known(table, tuple(key), tuple(changed)), [_renamed(row, used) for row in rows])
        insert_absent(connection, table, key, rows)


@cache
def _absent(row: type[Base], key: tuple[str, ...], columns: tuple[str, ...]) -> Insert:
    table = table_of(row)
    there = exists(select(literal(1)).where(*(table.c[name] == _new(table, name) for name in key)))
    return insert(table).from_select(columns, select(*(_new(table, name) for name in columns)).where(~there))


@cache
def _known(row: type[Base], key: tuple[str, ...], changed: tuple[str, ...]) -> Update:
    table = table_of(row)
    its_row = (table.c[name] == _new(table, name) for name in key)
    return update(table).where(*its_row).values({name: _new(table, name) for name in changed})


def _new(table: Table, column: str) -> BindParameter[Any]:
    return bindparam(f"new_{column}", type_=table.c[column].type)


def _renamed(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    return {f"new_{name}": row[name] for name in columns}


def new_id(connection: Connection, statement: Executable, values: Mapping[str, Any]) -> int:
    """Insert one row and give the number that it got."""
    key = connection.execute(statement, values).inserted_primary_key
    if key is None:
        raise TypeError("the statement inserted nothing that has a number")
    return int(key[0])


def table_of(row: type[Base]) -> Table:
    """Its table."""
    table = row.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{row.__name__} is not a table")
    return table
