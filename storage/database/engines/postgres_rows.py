"""Many rows to a server in one statement: a list a column, which the server takes apart.

Sent one a statement, rows cost the server and us a third more than storing them does, and more where the way is long; a
page of 200 posts has 8,500 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Executable, Float, Integer, Table, column, text
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.types import TypeEngine

Columns: TypeAlias = tuple[str, ...]  # names
Values: TypeAlias = Sequence[Sequence[Any]]  # of each column, one a row, as the driver takes them


def insert_listed(connection: Connection, table: Table, columns: Columns, values: Values) -> None:
    """Insert rows that are not there yet.

    Args:
        connection: to a server, in a writing transaction.
        table: where.
        columns: those that have values.
        values: of these columns.
    """
    connection.exec_driver_sql(_insert(table, columns, connection.dialect), _lists(table, columns, values))


def update_listed(connection: Connection, table: Table, changed: Columns, key: Columns, values: Values) -> None:
    """Change columns of rows that are there; each is named once.

    Args:
        connection: to a server, in a writing transaction.
        table: where.
        changed: the columns that get a value.
        key: the columns that find a row.
        values: of `changed`, then of `key`.
    """
    statement = _update(table, changed, key, connection.dialect)
    connection.exec_driver_sql(statement, _lists(table, (*changed, *key), values))


def put_listed(connection: Connection, statement: Insert, table: Table, columns: Columns, values: Values) -> None:
    """Carry out an INSERT … ON CONFLICT for many rows, no two of which have the same key.

    Args:
        connection: to a server, in a writing transaction.
        statement: without rows.
        table: where.
        columns: those that have values.
        values: of these columns.
    """
    given = zip(columns, _lists(table, columns, values), strict=True)
    connection.execute(_put(statement, table, columns, connection.dialect), {f"of_{name}": one for name, one in given})


@lru_cache(maxsize=64)
def _insert(table: Table, columns: Columns, dialect: Dialect) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    given = _unnested(table, columns, dialect)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM {given}"  # noqa: S608 - names of our own tables


@lru_cache(maxsize=64)
def _update(table: Table, changed: Columns, key: Columns, dialect: Dialect) -> str:
    columns = (*changed, *key)
    names = ", ".join(f'"{name}"' for name in columns)
    changes = ", ".join(f'"{name}" = given."{name}"' for name in changed)
    its_row = " AND ".join(f'{table.name}."{name}" = given."{name}"' for name in key)
    given = f"{_unnested(table, columns, dialect)} AS given ({names})"
    return f"UPDATE {table.name} SET {changes} FROM {given} WHERE {its_row}"  # noqa: S608 - names of our own tables


@lru_cache(maxsize=64)
def _put(statement: Insert, table: Table, columns: Columns, dialect: Dialect) -> Executable:
    given = f"SELECT * FROM {_unnested(table, columns, dialect, [f':of_{name}' for name in columns])}"  # noqa: S608 - names of our own tables
    return statement.from_select(columns, text(given).columns(*(column(name) for name in columns)))


def _unnested(table: Table, columns: Columns, dialect: Dialect, marks: Sequence[str] = ()) -> str:
    """A table of the given lists, one a column; types as the server calls them, without a collation: lists have none.

    Args:
        marks: of the parameters in the statement; none: the driver's own.
    """
    kinds = [table.c[name].type.compile(dialect=dialect).partition(" COLLATE")[0] for name in columns]
    lists = zip(marks or ["%s"] * len(columns), kinds, strict=True)
    return f"unnest({', '.join(f'CAST({mark} AS {kind}[])' for mark, kind in lists)})"


def _lists(table: Table, columns: Columns, values: Values) -> tuple[Any, ...]:
    """Each column's values as one parameter: numbers as text, for which the driver would ask about each one."""
    return tuple(_list(table.c[name].type, some) for name, some in zip(columns, values, strict=True))


def _list(kind: TypeEngine[Any], values: Sequence[Any]) -> Any:
    if isinstance(kind, Integer):
        return _written(values, int)
    return _written(values, float) if isinstance(kind, Float) else list(values)


def _written(numbers: Sequence[Any], of: Callable[[Any], int | float]) -> str:
    return "{" + ",".join(["NULL" if one is None else repr(of(one)) for one in numbers]) + "}"
