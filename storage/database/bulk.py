"""Many rows of a table at once, past SQLAlchemy's parameters: for a page of posts they cost more than SQLite does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Table

from storage.database.tables import Base

Processor: TypeAlias = Callable[[Any], Any]
_MARKS = {"qmark": "?", "pyformat": "%s"}  # of a value in a statement, by the driver's style


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
        connection.exec_driver_sql(
            _insert(table, columns, _mark(connection)), _stored(connection, table, columns, rows)
        )


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
        connection.exec_driver_sql(
            _update(table, changed, key, _mark(connection)), _stored(connection, table, (*changed, *key), rows)
        )


def fill(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows into a passing table; values of all its columns, as the driver takes them."""
    connection.exec_driver_sql(_filling(table.name, len(table.columns), _mark(connection)), rows)


@cache
def _filling(table: str, columns: int, mark: str) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join([mark] * columns)})"  # noqa: S608 - a table of our own


@cache
def _insert(table: type[Base], columns: tuple[str, ...], mark: str) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join([mark] * len(columns))
    return f"INSERT INTO {table.__tablename__} ({names}) VALUES ({values})"  # noqa: S608 - names of our own tables


@cache
def _update(table: type[Base], changed: tuple[str, ...], key: tuple[str, ...], mark: str) -> str:
    changes = ", ".join(f'"{name}" = {mark}' for name in changed)
    its_row = " AND ".join(f'"{name}" = {mark}' for name in key)
    return f"UPDATE {table.__tablename__} SET {changes} WHERE {its_row}"  # noqa: S608 - names of our own tables


def _stored(
    connection: Connection, table: type[Base], columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """The rows as the driver takes them: moments and JSON in its own form; of the others nothing changes."""
    turned = _processors(table, columns, connection.dialect)
    if not any(turned):
        return list(rows)
    by_column = zip(zip(*rows, strict=True), turned, strict=True)
    return list(zip(*(map(turn, values) if turn else values for values, turn in by_column), strict=True))


@lru_cache(maxsize=64)
def _processors(table: type[Base], columns: tuple[str, ...], dialect: Dialect) -> tuple[Processor | None, ...]:
    """Of each column; None where the driver takes the value as it is."""
    types = [table.__table__.c[name].type.dialect_impl(dialect) for name in columns]
    return tuple(one.bind_processor(dialect) for one in types)


def _mark(connection: Connection) -> str:
    return _MARKS[connection.dialect.paramstyle]
