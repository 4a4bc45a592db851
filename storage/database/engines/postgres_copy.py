"""Many rows at once into a table on a server: by COPY, which takes them as a file stores them.

Vectors travel in the binary form: as text they are twice as long, and half as many arrive in a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, LargeBinary, Table

from storage.database.tables import UtcTime

_TYPES = """SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0"""
_SENT_AS = {"json": "text", "varchar": "text"}  # the same bytes, and a text's way of saying NUL


def copy_in(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows to a table; guards and references are asked as for any other.

    Args:
        connection: to a server, in a writing transaction.
        table: where.
        rows: a value for every column, in their order; moments and JSON as text, truth as a number or as itself.
    """
    quote = connection.dialect.identifier_preparer.quote
    binary = any(isinstance(one.type, LargeBinary) for one in table.c)
    names = ", ".join(quote(one.name) for one in table.c)
    statement = f"COPY {quote(table.name)} ({names}) FROM STDIN{' (FORMAT BINARY)' if binary else ''}"
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        types = dict(cursor.execute(_TYPES, (quote(table.name),)).fetchall()) if binary else {}
        with cursor.copy(statement) as copy:
            if binary:
                copy.set_types([_SENT_AS.get(types[one.name], types[one.name]) for one in table.c])
                rows = [tuple(map(_typed, table.c, row)) for row in rows]
            for row in rows:
                copy.write_row(row)


def _typed(one: Column[Any], value: Any) -> Any:
    """What the binary form takes: it is not told what a text or a number stands for."""
    if value is None:
        return None
    if isinstance(one.type, Boolean):
        return bool(value)
    return datetime.fromisoformat(value) if isinstance(one.type, UtcTime) and isinstance(value, str) else value
