"""SQLite: one file beside the gallery's pictures. Connections, settings, write transactions, what it can check.

Two kinds of connection: writers begin every transaction with BEGIN IMMEDIATE, so a read can never turn into a write
that fails; readers open the file read-only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage.database.engine import BUSY_TIMEOUT_S, OPTION
from storage.database.engines.backup import back_up
from storage.database.engines.moved import refuse_if_moved
from storage.database.engines.sqlite_select import select_in
from storage.errors import StorageError
from storage.files.disk import Disk

APPLICATION_ID = 0x62_73_76_31  # "bsv1": says in the file's header whose it is
JOURNAL_LIMIT = 64 * 1024 * 1024  # bytes that the write-ahead log keeps after a checkpoint
CACHE_KIB = -8192  # negative: KiB, for each of two connections; a larger one only grows with the gallery
CHECKPOINT_PAGES = 4000  # the lock holder's log is folded in after so many pages

SQLITE_WAL_FIXED = (3, 51, 3)  # older ones may corrupt when two connections checkpoint and write at once


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """A `storage.database.engine.Database` in a file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.path.parent

    @property
    def is_file(self) -> bool:
        """It is."""
        return True

    @property
    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def size_of(self, connection: Connection) -> int:
        """Bytes of the file; 0 while a backup takes its place."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    @property
    def log_size(self) -> int:
        """Bytes that wait to be folded in."""
        log = self.path.with_name(self.path.name + "-wal")
        return log.stat().st_size if log.exists() else 0

    def writing_engine(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S, owner: bool = True) -> Engine:
        """As the protocol says; only the owner's connections fold the write-ahead log in."""
        engine = create_engine(
            "sqlite://",
            creator=lambda: _connect(f"{self.path.absolute().as_uri()}?mode=rw", busy_timeout_s),
            poolclass=NullPool,
            execution_options={OPTION: self},
        )
        _settle(engine, _pragmas(CHECKPOINT_PAGES if owner else 0), "BEGIN IMMEDIATE")
        if not owner:  # behind the lock: who moves the rows has it till they are moved
            event.listen(engine, "begin", lambda connection: refuse_if_moved(self.folder, None))
        return engine

    def reading_engine(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
        """As the protocol says: the file is opened read-only and the connection refuses changes."""
        engine = create_engine(
            "sqlite://",
            creator=lambda: _connect(reading_uri(self.path), busy_timeout_s),
            poolclass=NullPool,
            execution_options={OPTION: self},
        )
        settings = ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY", "query_only=ON")
        _settle(engine, [f"PRAGMA {setting}" for setting in settings], "BEGIN")
        return engine

    def problem(self) -> str | None:
        """Why the file's first bytes say that it is no whole database of this program, or None."""
        return header_problem(self.path)

    def in_transaction(self, connection: Connection) -> bool:
        """Whether our transaction is still open; after a full disk SQLite has already rolled back."""
        driver = connection.connection.driver_connection
        return isinstance(driver, sqlite3.Connection) and driver.in_transaction

    def fold_in(self, connection: Connection) -> None:
        """Fold the write-ahead log in and cut it to nothing, as far as readers allow; outside transactions only."""
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection) and not driver.in_transaction:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def fold_in_if_possible(self, connection: Connection) -> None:
        """The same unless a reader or a full disk is in the way: the log stays then, and the next start does it."""
        with contextlib.suppress(sqlite3.Error, DBAPIError):
            self.fold_in(connection)

    def begin_schema(self, connection: Connection) -> None:
        """Say in the file's header whose it is; the steps build the rest."""
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.commit()

    def before_steps(self, connection: Connection) -> None:
        """Stop the watch over references: steps may rebuild tables. SQLite listens outside transactions only."""
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            driver.execute("PRAGMA foreign_keys=OFF")

    def orphans(self, connection: Connection) -> Sequence[str]:
        """Rows that refer to what is not there, for people."""
        rows = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [f"{row[0]} row {row[1]} refers to a {row[2]} that is not there" for row in rows]

    def check(self, connection: Connection, *, thorough: bool = False) -> list[str]:
        """What SQLite finds wrong inside the file."""
        pragma = "integrity_check(20)" if thorough else "quick_check(20)"
        rows = connection.exec_driver_sql(f"PRAGMA {pragma}").scalars().all()
        problems = [str(row) for row in rows if row != "ok"]
        return [*problems, *self.orphans(connection)[:20]] if thorough else problems

    def lend(self, connection: Connection, places: Mapping[tuple[str, int, str], int]) -> None:
        """A function of the connection: SQLite would give a table no index, and took minutes to join 20,000 rows."""
        driver = connection.connection.driver_connection
        if isinstance(driver, sqlite3.Connection):
            driver.create_function("place_among", 3, lambda *key: places.get(key), deterministic=True)

    def new_numbers(self, connection: Connection, table: str, key: str, count: int) -> Sequence[int]:
        """On from the last one: nobody else can write meanwhile."""
        last = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).scalar() or 0
        return range(last + 1, last + 1 + count)

    def select(self, text: str, limit: int | None) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
        """The answer to one SELECT of the user's own."""
        return select_in(reading_uri(self.path), text, limit)

    def back_up(self, folder: Path, name: str, disk: Disk | None = None) -> Path:
        """A verified copy of the file."""
        return back_up(self.path, folder, name, disk)


def _settle(engine: Engine, pragmas: Sequence[str], begin: str) -> None:
    """Every connection begins with these settings, every transaction with this word."""

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def reading_uri(path: Path) -> str:
    """How SQLite opens the file to read it.

    A reader makes the log's index beside the file where there is none, and takes it away again. Where it may not, the
    file is read as one that nobody changes: there is no log, and nobody here can begin one.

    Raises:
        StorageError: nothing can be made there, and what was written last is still in the log.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    if os.access(path.parent, os.W_OK):
        return uri
    if not _has_log(path):
        return f"{uri}&immutable=1"
    if path.with_name(path.name + "-shm").exists():
        return uri
    raise StorageError(
        f"{path}: lies where nothing can be written, and what was written last is still in {path.name}-wal; open the "
        "gallery once where it can be written, or read a copy of it"
    )


def _connect(uri: str, busy_timeout_s: float) -> sqlite3.Connection:
    return sqlite3.connect(
        uri, uri=True, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False, cached_statements=256
    )


def _pragmas(checkpoint_pages: int) -> Sequence[str]:
    settings: Mapping[str, object] = {
        "foreign_keys": "ON",
        "journal_mode": "WAL",
        "synchronous": "FULL",  # NORMAL loses the last commits in a power cut, and with them a file's decision
        "trusted_schema": "OFF",
        "cell_size_check": "ON",
        "mmap_size": 0,
        "journal_size_limit": JOURNAL_LIMIT,
        "temp_store": "MEMORY",
        "recursive_triggers": "ON",  # REPLACE must not slip past the triggers that guard decisions and labels
        "cache_size": CACHE_KIB,
        "wal_autocheckpoint": checkpoint_pages,
    }
    return [f"PRAGMA {name}={value}" for name, value in settings.items()]


def header_problem(path: Path) -> str | None:
    """Why the file's first bytes say that it is no whole database of this program, or None."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or header[:16] != b"SQLite format 3\0":
        return "its header is not a database's"
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        return "it belongs to another application"
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    changed, valid_for = header[24:28], header[92:96]
    # With a log beside it the file may well be short: a full disk can stop the folding-in after the first page.
    if changed == valid_for and path.stat().st_size < page * pages and not _has_log(path):
        return f"it is cut short: {path.stat().st_size} bytes instead of {page * pages}"
    return None


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.is_file() and log.stat().st_size > 0


def sqlite_warning() -> str | None:
    """What to tell the user about this SQLite, if anything."""
    if sqlite3.sqlite_version_info >= SQLITE_WAL_FIXED:
        return None
    return (
        f"has a rare write-ahead-log defect, fixed in {'.'.join(map(str, SQLITE_WAL_FIXED))}; "
        "galleries avoid it, because only one process at a time checkpoints"
    )
