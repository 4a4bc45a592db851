"""A SELECT of the user's own over an SQLite file: the database itself refuses whatever is no reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from storage.errors import QueryError

_USERS_OWN = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY})  # the text is to blame
_READS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, getattr(sqlite3, "SQLITE_RECURSIVE", 33)}
)
_REFUSED_FUNCTIONS = ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer")


def select_in(uri: str, text: str, limit: int | None) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
    """Names of the columns, and the rows.

    Args:
        uri: of the file, to be read.
        text: one SELECT.
        limit: at most so many rows.
    Raises:
        QueryError: it is not one statement, does not read, or is no SQL.
    """
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.set_authorizer(_authorize)
        try:
            cursor = connection.execute(text)
            rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        except (sqlite3.ProgrammingError, sqlite3.Warning) as error:
            raise QueryError(_short(text), f"write one statement ({error})") from None
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _USERS_OWN or "not authorized" in str(error):
                raise QueryError(_short(text), f"{error}; only reading is possible here") from None
            raise
        if cursor.description is None:
            raise QueryError(_short(text), "is not a SELECT")
        return tuple(column[0] for column in cursor.description), rows


def _authorize(action: int, _one: str | None, two: str | None, _db: str | None, _by: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and two in _REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
