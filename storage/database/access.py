"""How the parts of an open archive reach its database and its files: threads, transactions, the reserve, the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from storage.archive_records import ArchiveSettings
from storage.database.engine import Database
from storage.database.engines.location import database_of
from storage.database.error_translation import at_border, free_words
from storage.database.reading_thread import ReadingThread
from storage.database.writer import Writer
from storage.errors import ReserveReached
from storage.files.store import FileStore

T = TypeVar("T")


class Access:
    """One thread that writes to the database, one that reads it, a few for files; all of a gallery that we own."""

    root: Path
    database: Database
    tree: FileStore
    now: Callable[[], datetime]  # by the settings' clock; with a time zone
    closed: bool

    def __init__(self, tree: FileStore, settings: ArchiveSettings, on_rollback: Callable[[], None]) -> None:
        """Start the threads.

        Args:
            tree: the gallery's files; closed with this.
            settings: queue, threads, reserve, clock.
            on_rollback: called when a transaction was rolled back: ids met in it may not exist.
        Raises:
            GalleryBusy: another program owns the gallery, from another machine.
        """
        self.root = tree.root
        self.database = database_of(tree.root)
        self.tree = tree
        self.now = settings.clock
        self.closed = False
        self._settings = settings
        engine = self.database.writing_engine(busy_timeout_s=settings.busy_timeout_s)
        with at_border(self.database):  # on a server the connection is what holds the gallery
            connection = None if self.database.is_file else engine.connect()
        self._writer = Writer(
            engine,
            self.database,
            connection=connection,
            queue_size=settings.queue_size,
            batch_size=settings.batch_size,
            on_rollback=on_rollback,
        )
        self._files = ThreadPoolExecutor(settings.file_threads, thread_name_prefix="archive-files")
        self._reads = ReadingThread(self.database.reading_engine(busy_timeout_s=settings.busy_timeout_s))

    def close(self) -> None:
        """Finish what waits, fold the log in. Closing twice is harmless."""
        if self.closed:
            return
        self.closed = True
        self._files.shutdown(wait=True)
        self._reads.close()
        self._writer.close()
        self.tree.close()

    async def write(self, operation: Callable[[Connection], T]) -> T:
        """Carry out an operation in a transaction; returns after its commit."""
        return await self._writer.do(operation)

    def write_later(self, operation: Callable[[Connection], Any]) -> None:
        """The same some time soon; nobody waits for it. After the end it is dropped."""
        if not self.closed:
            self._writer.post(operation)

    async def read(self, operation: Callable[[Connection], T]) -> T:
        """Ask the database, in a transaction of its own."""
        return await self._reads.do(operation, self.database)

    async def on_disk(self, work: Callable[[], T]) -> T:
        """Work on files in a thread of its own; cancelling the caller does not interrupt it.

        Raises:
            ReserveReached: the disk is so full that only moving and removing files is left.
        """

        def bordered() -> T:
            with at_border(self.root):
                self._keep_reserve()
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._files, bordered)

    async def on_disk_to_the_last(self, work: Callable[[], T]) -> T:
        """The same without a look at the reserve: moving and removing files needs no room, and may make some."""
        return await asyncio.get_running_loop().run_in_executor(self._files, lambda: self._bordered(work))

    def _bordered(self, work: Callable[[], T]) -> T:
        with at_border(self.root):
            return work()

    def _keep_reserve(self) -> None:
        """Stop while there is still enough room to commit and to clean up."""
        reserve = self._settings.reserve_bytes
        if reserve and self._settings.disk.free_bytes(self.root) < reserve:
            kept_free = f"the reserve of {reserve / 1e6:.0f} MB"
            raise ReserveReached(f"{self.root}: {free_words(self.root)}, less than {kept_free}")
