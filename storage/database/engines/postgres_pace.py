"""What all machines that use one database know of a site's patience: a locked row, and places held by advisory locks.

It is no part of the gallery (a copy does not take it along, and no digest has it), so it has a schema of its own, made
when it is first needed. The server's clock is the only one that all of them share.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from storage.database.engines.postgres import CONNECT_TIMEOUT_S, PostgresDatabase, driver_or_refusal
from storage.database.error_translation import at_border
from storage.errors import DatabaseUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

PaceFacts: TypeAlias = dict[str, float | str]
PaceChange: TypeAlias = Callable[[PaceFacts, float], float]  # the facts and the server's time, in seconds

_LOCK_TIMEOUT = "30s"
_MAKING = 0x62_73_76_31_70  # an advisory lock: two that make the table at once would be in each other's way
_TABLE = """CREATE SCHEMA IF NOT EXISTS pace;
CREATE TABLE IF NOT EXISTS pace.site (name text COLLATE "C" PRIMARY KEY, facts text NOT NULL)"""
_ROW = "INSERT INTO pace.site VALUES (%s, '{}') ON CONFLICT DO NOTHING"
_READ = "SELECT facts, extract(epoch FROM clock_timestamp())::float8 FROM pace.site WHERE name = %s FOR UPDATE"
_WRITE = "UPDATE pace.site SET facts = %s WHERE name = %s"


class ServerPace:
    """One connection of its own; for one thread at a time."""

    def __init__(self, database: PostgresDatabase) -> None:
        """Connects at the first question."""
        self._database = database
        self._connection: psycopg.Connection[Any] | None = None
        self._held: set[int] = set()  # by lock; the server would give us a place that we have once more

    def update(self, name: str, change: PaceChange) -> float:
        """Change the facts of one site in its locked row.

        Returns: what the change returns.
        Raises: DatabaseError: the server cannot be asked.
        """
        try:
            return self._update(name, change)
        except DatabaseUnreachable:  # an idle connection is cut off somewhere; twice taken is polite, too
            return self._update(name, change)

    def _update(self, name: str, change: PaceChange) -> float:
        with self._asked() as connection:
            with connection.transaction():
                connection.execute(_ROW, (name,))
            with connection.transaction():  # after the row's own: who inserted it must not keep others waiting
                row = connection.execute(_READ, (name,)).fetchone()
                text, now = row if row is not None else ("{}", 0.0)
                facts: PaceFacts = json.loads(text)
                result = change(facts, now)
                if (changed := json.dumps(facts)) != text:
                    connection.execute(_WRITE, (changed, name))
            return result

    def take(self, name: str, count: int) -> int | None:
        """One of so many places, by its number; None when all are taken. The server frees those of the dead."""
        with self._asked() as connection:
            for number in range(count):
                lock = _place(name, number)
                if lock in self._held:
                    continue
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", (lock,)).fetchone()
                if row is not None and row[0]:
                    self._held.add(lock)
                    return number
        return None

    def give_back(self, name: str, number: int) -> None:
        """Free a place again; where the connection was lost, the server has freed it."""
        lock = _place(name, number)
        if lock in self._held and self._connection is not None and not self._connection.closed:
            self._held.discard(lock)
            with self._asked() as connection:
                connection.execute("SELECT pg_advisory_unlock(%s)", (lock,))

    def close(self) -> None:
        """End the connection, and with it every place. Closing twice is harmless."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _asked(self) -> Iterator[psycopg.Connection[Any]]:
        with at_border(self._database):
            connection = self._connection
            if connection is None or connection.closed:
                connection = self._connection = self._connected()
                self._held.clear()
            yield connection

    def _connected(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = driver_or_refusal().connect(
            self._database.url, connect_timeout=CONNECT_TIMEOUT_S, application_name="boorusieve pace", autocommit=True
        )
        try:
            # lost with the server's last moment it costs a burst; a flush for every request costs more
            connection.execute("SELECT set_config('synchronous_commit', 'off', false)")
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,))
            if connection.execute("SELECT to_regclass('pace.site')").fetchone() == (None,):
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
                    connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection


def _place(name: str, number: int) -> int:
    """An advisory lock's number, 64 bits with a sign."""
    word = hashlib.blake2b(f"{name}.{number}".encode(), digest_size=8).digest()
    return int.from_bytes(word, "big", signed=True)
