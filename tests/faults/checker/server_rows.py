"""A gallery's rows on a Postgres server, read without the program: one transaction, into a database of SQLite's.

Tables and views keep their names and columns; truth becomes 0 and 1, times become text, and the two characters that
stand for a NUL in a text become one again, as docs/database.md says.
"""

from __future__ import annotations

import json
import re
import sqlite3
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

ADDRESS = ".database"
APPLICATION_ID = 0x62_73_76_31  # of a gallery's file; a server has no such mark
_COLUMNS = """SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns
WHERE table_schema = 'public' GROUP BY table_name"""
_STANDS_FOR = {"\x01\x01": "\x00", "\x01\x02": "\x01"}
_ESCAPED = re.compile("\x01[\x01\x02]")


def address_of(root: Path) -> str:
    """Where a gallery's rows are; empty: in its file, or nowhere yet."""
    marker = root / ADDRESS
    return marker.read_text("utf-8").strip() if marker.is_file() else ""


def has_tables(address: str) -> bool:
    """Whether a gallery was made there."""
    import psycopg

    with psycopg.connect(address) as connection:
        row = connection.execute("SELECT to_regclass('public.alembic_version') IS NOT NULL").fetchone()
    return bool(row and row[0])


def copy(address: str, rows: sqlite3.Connection) -> None:
    """Write all rows of all tables and views to an empty database."""
    import psycopg

    rows.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    rows.execute("BEGIN")
    with psycopg.connect(address, options="-c default_transaction_isolation=repeatable\\ read") as connection:
        for table, columns in connection.execute(_COLUMNS).fetchall():
            names = ", ".join(f'"{column}"' for column in columns)
            rows.execute(f'CREATE TABLE "{table}" ({names})')
            places = ", ".join("?" * len(columns))
            found = connection.execute(f'SELECT {names} FROM "{table}"')
            rows.executemany(f'INSERT INTO "{table}" VALUES ({places})', (tuple(map(_plain, row)) for row in found))
    rows.execute("COMMIT")


def is_refused(address: str, change: str) -> bool:
    """Whether the server refuses a statement that changes rows; nothing is changed by asking."""
    import psycopg

    with psycopg.connect(address) as connection:
        try:
            connection.execute(change)
        except psycopg.Error:
            return True
        finally:
            connection.rollback()
    return False


def _plain(value: Any) -> Any:
    """A value as it would be in a file."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: _STANDS_FOR[found[0]], value)
    return value
