"""Many rows of a table at once, past SQLAlchemy's parameters: for a page of posts they cost more than SQLite does.

A file takes row after row by one prepared statement; a server takes them all by one statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects.postgresql import Insert

from storage.database.engine import database_behind, table_of
from storage.database.engines.postgres_rows import Columns, insert_listed, put_listed, update_listed
from storage.database.engines.sqlite import CACHE_KIB
from storage.database.tables import Base

LARGEST_CACHE = 256 * 1024 * 1024  # bytes
CACHE_SHARE = 64  # the file's size divided by this
Processor: TypeAlias = Callable[[Any], Any]


def insert_rows(connection: Connection, table: type[Base], columns: Columns, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows that are not there yet.

    Args:
        connection: in a writing transaction.
        table: where.
        columns: names, as many as each row has values.
        rows: values as the table's columns take them.
    """
    if not rows:
        return
    values = _Stored(connection, table_of(table), columns, rows)
    if _row_by_row(connection):
        connection.exec_driver_sql(_insert(table, columns), values.by_row())
    else:
        insert_listed(connection, table_of(table), columns, values.by_column())


def update_rows(
    connection: Connection,
    table: type[Base],
    changed: Columns,
    key: Columns,
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Change columns of rows that are there.

    Args:
        connection: in a writing transaction.
        table: where.
        changed: names of the columns.
        key: names of the columns that find a row.
        rows: values of `changed`, then of `key`; no key comes twice.
    """
    if not rows:
        return
    values = _Stored(connection, table_of(table), (*changed, *key), rows)
    if _row_by_row(connection):
        connection.exec_driver_sql(_update(table, changed, key), values.by_row())
    else:
        update_listed(connection, table_of(table), changed, key, values.by_column())


def put_rows(connection: Connection, statement: Insert, key: Columns, rows: Sequence[Mapping[str, Any]]) -> None:
    """Carry out an INSERT … ON CONFLICT for every row; of rows with the same key the last one counts.

    Args:
        connection: in a writing transaction.
        statement: by `insert_or_update` or `insert_new`, without rows.
        key: names of the columns that find a row.
        rows: all with the same columns.
    """
    if not rows:
        return
    if _row_by_row(connection):
        connection.execute(statement, rows)
        return
    columns, table = tuple(rows[0]), statement.table
    if not isinstance(table, Table):
        raise TypeError(f"{statement} writes to no table of ours")
    last = {tuple(row[name] for name in key): tuple(row[name] for name in columns) for row in rows}
    values = _Stored(connection, table, columns, list(last.values()))
    put_listed(connection, statement, table, columns, values.by_column())


def fill(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows into a passing table; values of all its columns, as the driver takes them."""
    if not rows:
        return
    if _row_by_row(connection):
        connection.exec_driver_sql(_filling(table.name, len(table.columns)), rows)
    else:
        insert_listed(connection, table, tuple(table.c.keys()), list(zip(*rows, strict=True)))


@contextmanager
def large_cache(connection: Connection, share: float = CACHE_SHARE) -> Iterator[None]:
    """Let a large file's page cache grow, for rows that touch pages all over it.

    In the usual 8 MiB a page of an index is written to the log and read again for nearly every row, many times in one
    transaction; with room for all that change, once.

    Args:
        connection: in a writing transaction; a server has its own cache.
        share: the file's size divided by this is the cache's, 256 MB at most.
    """
    database = database_behind(connection)
    room = int(min(LARGEST_CACHE, database.size_of(connection) / share)) // 1024 if database.is_file else 0
    if room <= -CACHE_KIB:
        yield
        return
    connection.exec_driver_sql(f"PRAGMA cache_size=-{room}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size={CACHE_KIB}")


def _row_by_row(connection: Connection) -> bool:
    """Whether a statement costs next to nothing beside its row: there is no way to a server."""
    return database_behind(connection).is_file


@cache
def _filling(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - a table of our own


@cache
def _insert(table: type[Base], columns: Columns) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.__tablename__} ({names}) VALUES ({values})"  # noqa: S608 - names of our own tables


@cache
def _update(table: type[Base], changed: Columns, key: Columns) -> str:
    changes = ", ".join(f'"{name}" = ?' for name in changed)
    its_row = " AND ".join(f'"{name}" = ?' for name in key)
    return f"UPDATE {table.__tablename__} SET {changes} WHERE {its_row}"  # noqa: S608 - names of our own tables


class _Stored:
    """Rows as the driver takes them: moments and JSON in its own form; of the others nothing changes."""

    def __init__(self, connection: Connection, table: Table, columns: Columns, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows = rows
        self._turned = _processors(table, columns, connection.dialect)

    def by_row(self) -> Sequence[tuple[Any, ...]]:
        return list(zip(*self.by_column(), strict=True)) if any(self._turned) else list(self._rows)

    def by_column(self) -> Sequence[Sequence[Any]]:
        by_column = zip(zip(*self._rows, strict=True), self._turned, strict=True)
        return [list(map(turn, values)) if turn else values for values, turn in by_column]


@lru_cache(maxsize=64)
def _processors(table: Table, columns: Columns, dialect: Dialect) -> tuple[Processor | None, ...]:
    """Of each column; None where the driver takes the value as it is."""
    types = [table.c[name].type.dialect_impl(dialect) for name in columns]
    return tuple(one.bind_processor(dialect) for one in types)
