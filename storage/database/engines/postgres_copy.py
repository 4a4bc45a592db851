"""Many rows at once into a table on a server: by COPY in the binary form, in which vectors travel as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

_TYPES = """SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0"""
_SENT_AS = {"json": "text", "varchar": "text"}  # the same bytes, and a text's way of saying NUL


def copy_in(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Add rows to a table; guards and references are asked as for any other.

    Args:
        connection: to a server, in a writing transaction.
        table: where.
        rows: a value for every column, in their order; JSON as text.
    """
    quote = connection.dialect.identifier_preparer.quote
    processors = [
        None
        if str(one.type) == "JSON"
        else one.type.dialect_impl(connection.dialect).bind_processor(connection.dialect)
        for one in table.c
    ]
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.execute(_TYPES, (quote(table.name),))
        types = dict(cursor.fetchall())
        with cursor.copy(_statement(quote(table.name), tuple(quote(one.name) for one in table.c))) as copy:
            copy.set_types([_SENT_AS.get(types[one.name], types[one.name]) for one in table.c])
            for row in rows:
                values = zip(row, processors, strict=True)
                copy.write_row([turn(value) if turn and value is not None else value for value, turn in values])


@cache
def _statement(table: str, columns: tuple[str, ...]) -> str:
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
