"""Reading from an event loop: one thread waits for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from storage.database.engine import Database
from storage.database.error_translation import at_border

T = TypeVar("T")


class ReadingThread:
    """A thread with one read-only connection; every question is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive-reads")
        self._connection: Connection | None = None

    async def do(self, operation: Callable[[Connection], T], database: Database) -> T:
        """Ask, from an event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, operation, database)

    def _ask(self, operation: Callable[[Connection], T], database: Database) -> T:
        with at_border(database):
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                return operation(self._connection)

    def close(self) -> None:
        """Finish the running query, then close the connection."""
        self._thread.submit(self._drop).result()
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
