"""Many rows of a table at once, past SQLAlchemy's parameters: for a page of posts they cost more than SQLite does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from storage.database.tables import Base

Processor: TypeAlias = Callable[[Any], Any]
_DIALECT = sqlite.dialect()


def insert_rows(
    connection: Connection, table: type[Base], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows that are not there yet.

    Args:
        connection: in a writing transaction.
        table: where.
        columns: names, as many as each row has values.
        rows: values as the table's columns take them.
    """
    if rows:
        connection.exec_driver_sql(_insert(table, columns), _stored(table, columns, rows))


def update_rows(
    connection: Connection,
    table: type[Base],
    changed: tuple[str, ...],
    key: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
) -> None:
    """Change columns of rows that are there.

    Args:
        connection: in a writing transaction.
        table: where.
        changed: names of the columns.
        key: names of the columns that find a row.
        rows: values of `changed`, then of `key`.
    """
    if rows:
        connection.exec_driver_sql(_update(table, changed, key), _stored(table, (*changed, *key), rows))


@cache
def _insert(table: type[Base], columns: tuple[str, ...]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.__tablename__} ({names}) VALUES ({values})"  # noqa: S608 - names of our own tables


@cache
def _update(table: type[Base], changed: tuple[str, ...], key: tuple[str, ...]) -> str:
    changes = ", ".join(f'"{name}" = ?' for name in changed)
    its_row = " AND ".join(f'"{name}" = ?' for name in key)
    return f"UPDATE {table.__tablename__} SET {changes} WHERE {its_row}"  # noqa: S608 - names of our own tables


def _stored(table: type[Base], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows as SQLite keeps them: moments and JSON as text; of the others nothing changes."""
    turned = _processors(table, columns)
    if not any(turned):
        return list(rows)
    by_column = zip(zip(*rows, strict=True), turned, strict=True)
    return list(zip(*(map(turn, values) if turn else values for values, turn in by_column), strict=True))


@cache
def _processors(table: type[Base], columns: tuple[str, ...]) -> tuple[Processor | None, ...]:
    """Of each column; None where SQLite takes the value as it is."""
    types = [table.__table__.c[name].type.dialect_impl(_DIALECT) for name in columns]
    return tuple(one.bind_processor(_DIALECT) for one in types)
