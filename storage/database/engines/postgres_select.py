"""A SELECT of the user's own on a Postgres server: in a transaction that can only read, by a cursor over one query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.sql import SQL, Literal
from psycopg.types.string import TextLoader

from storage.database.engines.postgres_forms import as_in_a_file
from storage.errors import QueryError

_FETCH = SQL("FETCH {} FROM asked")
_USERS_OWN = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.NotSupportedError,
    psycopg.errors.ReadOnlySqlTransaction,
)  # the text is to blame


def select_on(
    connection: psycopg.Connection[Any], text: str, limit: int | None
) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
    """Names of the columns, and the rows, in the forms that SQLite has for them; closes the connection.

    Args:
        connection: outside of transactions.
        text: one SELECT.
        limit: at most so many rows.
    Raises:
        QueryError: it is not one statement, does not read, or is no SQL.
    """
    shown = text if len(text) <= 80 else text[:79] + "…"
    fetching = _FETCH.format(SQL("ALL") if limit is None else Literal(limit))
    with connection:
        connection.read_only = True
        connection.adapters.register_loader("json", TextLoader)
        try:  # prepared, because what is prepared is one statement
            connection.execute(f"DECLARE asked CURSOR FOR {text}".encode(), prepare=True)
            cursor = connection.execute(fetching)
            rows = cursor.fetchall()
        except _USERS_OWN as error:
            said = " ".join(str(error).split())
            if "multiple commands" in said:
                raise QueryError(shown, f"write one statement ({said})") from None
            raise QueryError(shown, f"{said}; only reading is possible here") from None
        names = tuple(column.name for column in cursor.description or ())
    return names, [tuple(as_in_a_file(value) for value in row) for row in rows]
