"""What the gallery knows of pictures in folders, beside a running crawl: short transactions, no lock, no file moved."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType

from storage.database.engine import BUSY_TIMEOUT_S
from storage.database.error_translation import at_border, not_writable
from storage.errors import GalleryBusy
from storage.files.disk import Disk
from storage.files.lock import GalleryLock
from storage.folders.looks import file_looks, posts_of, stored_looks
from storage.folders.records import FileKey, KnownFile, SeenFile
from storage.reader import Reader

LONG_LOG = 64 * 1024 * 1024  # bytes of the write-ahead log from which it is folded in, where no crawl is at work


class FolderStore:
    """Reads and records pictures of folders in a gallery that somebody else may own. Use it with `with`."""

    def __init__(self, reader: Reader, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        """Open.

        Args:
            reader: of the gallery; stays open when this closes.
            busy_timeout_s: how long to wait for another program's write.

        Raises:
            StorageError: nothing can be written there.
        """
        self._reader = reader
        self._database = reader.database
        if not os.access(reader.root, os.W_OK):
            raise not_writable(reader.root)
        self._engine = self._database.writing_engine(busy_timeout_s=busy_timeout_s, owner=False)
        self._wrote = False

    def __enter__(self) -> FolderStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the log in, where nobody else is at work, and let the connections go."""
        if self._wrote:
            self._fold_in()
        self._engine.dispose()

    def known(self, keys: Sequence[FileKey], backbones: Sequence[str], target: str | None) -> Sequence[KnownFile]:
        """What is known of each file.

        Args:
            keys: the files.
            backbones: hashes of the networks whose embeddings are wanted.
            target: whose labels are wanted; None: nobody's.
        """
        sha256s = [key.content.sha256 for key in keys]
        looks, posts = self._reader.ask(lambda c: (stored_looks(c, sha256s, backbones), posts_of(c, keys, target)))
        return [KnownFile(looks.get(key.content.sha256), post) for key, post in zip(keys, posts, strict=True)]

    def record(self, seen: Sequence[SeenFile]) -> None:
        """Record looks; durable on return.

        Raises:
            DatabaseBusy: a crawl held the database for too long; nothing of these was recorded.
        """
        if not seen:
            return
        with at_border(self._database), self._engine.connect() as connection, connection.begin():
            file_looks(connection, seen, datetime.now(UTC))
        self._wrote = True
        if self._database.log_size > LONG_LOG:
            self._fold_in()

    def _fold_in(self) -> None:
        """Only the holder of the gallery's lock may fold the log in; where a crawl has it, the crawl does."""
        with at_border(self._database):
            try:
                lock = GalleryLock.take(self._reader.root, "crawl classify", Disk())
            except GalleryBusy:
                return
            try:
                with self._engine.connect() as connection:
                    self._database.fold_in_if_possible(connection)
            finally:
                lock.release(clean=lock.was_clean)
