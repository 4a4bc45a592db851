"""Rows as a file stores them, whatever engine they are read from: moments and JSON as text, nothing taken apart.

So nothing is made of a value on its way that the other side would take apart again, and most rows of two galleries are
compared without a look at any one value.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import JSON, Column, Connection, Table, Text

from storage.database.engine import database_behind
from storage.database.engines.postgres_copy import copy_in
from storage.database.error_translation import at_border
from storage.database.tables import UtcTime

StoredRows: TypeAlias = Sequence[tuple[Any, ...]]
_AS_IN_A_FILE = "to_char({}, 'YYYY-MM-DD HH24:MI:SS.US')"


def stored_rows(
    connection: Connection, table: Table, after: Sequence[Any] | None, at_once: int, *, escaped: bool = False
) -> Generator[StoredRows]:
    """A table's rows behind a key, in the order of keys, so many at once.

    Args:
        connection: in a transaction, which may not end meanwhile.
        table: whose rows.
        after: the key; None: all rows.
        at_once: the most rows of a batch.
        escaped: texts as a server has them, in which NUL is written in other words.
    """
    database, columns = database_behind(connection), list(table.primary_key.columns)
    name = connection.dialect.identifier_preparer.quote
    keys = ", ".join(name(one.name) for one in columns)
    mark = "?" if database.is_file else "%s"
    behind = f" WHERE ({keys}) > ({', '.join([mark] * len(columns))})" if after is not None else ""
    wanted = ", ".join(_word(one, name(one.name), is_file=database.is_file) for one in table.c)
    statement = f"SELECT {wanted} FROM {name(table.name)}{behind} ORDER BY {keys}"  # noqa: S608 - names of our own
    driver: Any = connection.connection.driver_connection
    with at_border(database), closing(_cursor(driver, database.is_file, escaped)) as cursor:
        cursor.execute(statement, tuple(after or ()))
        while rows := cursor.fetchmany(at_once):
            yield rows


def _cursor(driver: Any, is_file: bool, escaped: bool) -> Any:
    if is_file:
        return driver.cursor()
    return driver.cursor("stored_rows", binary=escaped)  # the server's own cursor, or all rows would come at once


def _word(one: Column[Any], name: str, *, is_file: bool) -> str:
    if is_file:
        return name
    if isinstance(one.type, UtcTime):
        return _AS_IN_A_FILE.format(name)
    return f"CAST({name} AS text)" if isinstance(one.type, JSON) else name


def write_stored(connection: Connection, table: Table, rows: StoredRows) -> None:
    """Add rows that `stored_rows` gave.

    Args:
        connection: in a writing transaction.
        table: where.
        rows: a value for every column, in their order.
    """
    if not database_behind(connection).is_file:
        copy_in(connection, table, rows)
        return
    connection.exec_driver_sql(_insert(table), list(rows))


@cache
def _insert(table: Table) -> str:
    """By name: a step may have put a column elsewhere."""
    names = ", ".join(f'"{one.name}"' for one in table.c)
    return f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(table.c))})"  # noqa: S608 - a table of ours


def same_rows(table: Table, one: Connection, its: StoredRows, other: Connection, others: StoredRows) -> bool:
    """Whether rows that two galleries store, read `escaped`, say the same.

    Args:
        table: whose rows they are.
        one: where the first ones were read.
        its: the rows.
        other: where the other ones were read.
        others: the rows.
    """
    if its == others and _plain(table, its):
        return True
    return _said(table, one, its) == _said(table, other, others)


def _plain(table: Table, rows: StoredRows) -> bool:
    """Whether no text has a character that a server has in other words."""
    by_column = zip(table.c, zip(*rows, strict=True), strict=True)
    texts = ("".join(filter(None, values)) for one, values in by_column if isinstance(one.type, Text | JSON))
    return not any("\x00" in text or "\x01" in text for text in texts)


def _said(table: Table, connection: Connection, rows: StoredRows) -> StoredRows:
    turned: Mapping[int, Callable[[Any], Any]]
    if database_behind(connection).is_file:
        turned = {place: _moment for place, one in enumerate(table.c) if isinstance(one.type, UtcTime)}
    else:
        from storage.database.engines.postgres_values import unescaped

        turned = {place: unescaped for place, one in enumerate(table.c) if isinstance(one.type, Text | JSON)}
    return [
        tuple(
            turned[place](value) if place in turned and value is not None else value for place, value in enumerate(row)
        )
        for row in rows
    ]


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(" ", "microseconds")
