"""Looking without owning: read-only connections, short transactions, one thread that waits in our place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from storage.translate import at_border

T = TypeVar("T")


class ReadingThread:
    """A thread with one read-only connection; every question is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive-reads")
        self._connection: Connection | None = None

    async def do(self, operation: Callable[[Connection], T], database: Path) -> T:
        """Ask, from an event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._ask, operation, database)

    def do_now(self, operation: Callable[[Connection], T], database: Path) -> T:
        """Ask, and block."""
        return self._thread.submit(self._ask, operation, database).result()

    def _ask(self, operation: Callable[[Connection], T], database: Path) -> T:
        with at_border(database):
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                return operation(self._connection)

    def close(self) -> None:
        """Finish what was asked, then let the connection go."""
        self._thread.submit(self._drop).result()
        self._thread.shutdown(wait=True)
        self._engine.dispose()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Reader:
    """A gallery that somebody else may own."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self._engine = engine

    @classmethod
    def open(cls, root: Path) -> Reader:
        """Open a gallery for reading."""
        raise NotImplementedError
