"""Everything that is special to SQLite: connections, settings, write transactions, upserts, locks inside the file.

Other engines would get a module like this one; no other module of the room names a dialect. Two kinds of connection:
writers begin every transaction with BEGIN IMMEDIATE, so a read can never turn into a write that fails; readers open
the file read-only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Engine,
    Executable,
    Table,
    Update,
    bindparam,
    create_engine,
    event,
    exists,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import Insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage.database.tables import Base
from storage.errors import StorageError

APPLICATION_ID = 0x62_73_76_31  # "bsv1": says in the file's header whose it is
BUSY_TIMEOUT_S = 10.0
JOURNAL_LIMIT = 64 * 1024 * 1024  # bytes that the write-ahead log keeps after a checkpoint
CHECKPOINT_PAGES = 4000  # the lock holder's log is folded in after so many pages

SQLITE_WAL_FIXED = (3, 51, 3)  # older ones may corrupt when two connections checkpoint and write at once


def writing_engine(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S, checkpoints: bool = True) -> Engine:
    """An engine whose transactions all begin with BEGIN IMMEDIATE.

    Args:
        path: of the database file.
        busy_timeout_s: how long to wait for another program's write.
        checkpoints: whether its connections fold the write-ahead log in; only the gallery lock's holder may.
    """
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(f"{path.absolute().as_uri()}?mode=rw", busy_timeout_s),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in _pragmas(CHECKPOINT_PAGES if checkpoints else 0):
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def reading_engine(path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
    """An engine that cannot write: the file is opened read-only and the connection refuses changes."""
    engine = create_engine(
        "sqlite://",
        creator=lambda: _connect(reading_uri(path), busy_timeout_s),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        for setting in (
            "trusted_schema=OFF",
            "cell_size_check=ON",
            "mmap_size=0",
            "temp_store=MEMORY",
            "query_only=ON",
        ):
            cursor.execute(f"PRAGMA {setting}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


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
        "cache_size": -8192,  # KiB, for each of two connections: a larger one only grows with the gallery
        "wal_autocheckpoint": checkpoint_pages,
    }
    return [f"PRAGMA {name}={value}" for name, value in settings.items()]


def insert_new(table: type[Base]) -> Insert:
    """An INSERT that leaves a row that is already there (by any unique key) alone."""
    return insert(_table(table)).on_conflict_do_nothing()


def insert_or_update(
    table: type[Base],
    key: Sequence[str],
    changed: Sequence[str],
    computed: Mapping[str, Callable[[Any], ColumnElement[Any]]] | None = None,
) -> Insert:
    """An INSERT that, where the key exists, updates the named columns instead.

    Args:
        table: where.
        key: names of a unique key's columns.
        changed: columns that get the new row's value.
        computed: columns whose value follows from the row that is there and the columns of the new one, handed over.
    """
    statement = insert(_table(table))
    values: dict[str, Any] = {name: statement.excluded[name] for name in changed}
    values |= {name: value(statement.excluded) for name, value in (computed or {}).items()}
    return statement.on_conflict_do_update(index_elements=list(key), set_=values)


def insert_absent(
    connection: Connection, table: type[Base], key: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert those rows whose key is not there yet.

    For tables that refuse REPLACE: their guards stand before every insert, and ON CONFLICT would come after them.
    """
    if rows:
        columns = tuple(rows[0])
        connection.execute(_absent(table, tuple(key), columns), [_renamed(row, columns) for row in rows])


def update_or_insert(
    connection: Connection,
    table: type[Base],
    key: Sequence[str],
    changed: Sequence[str],
    rows: Sequence[Mapping[str, Any]],
) -> None:
    """Update the named columns of the rows whose key is there, insert the others; for tables that refuse REPLACE."""
    if rows:
        used = (*key, *changed)
        connection.execute(_known(table, tuple(key), tuple(changed)), [_renamed(row, used) for row in rows])
        insert_absent(connection, table, key, rows)


@cache
def _absent(row: type[Base], key: tuple[str, ...], columns: tuple[str, ...]) -> Insert:
    table = _table(row)
    there = exists(select(literal(1)).where(*(table.c[name] == _new(table, name) for name in key)))
    return insert(table).from_select(columns, select(*(_new(table, name) for name in columns)).where(~there))


@cache
def _known(row: type[Base], key: tuple[str, ...], changed: tuple[str, ...]) -> Update:
    table = _table(row)
    its_row = (table.c[name] == _new(table, name) for name in key)
    return update(table).where(*its_row).values({name: _new(table, name) for name in changed})


def _new(table: Table, column: str) -> BindParameter[Any]:
    return bindparam(f"new_{column}", type_=table.c[column].type)


def _renamed(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    return {f"new_{name}": row[name] for name in columns}


def new_id(connection: Connection, statement: Executable, values: Mapping[str, Any]) -> int:
    """Insert one row and give the number that it got."""
    key = connection.execute(statement, values).inserted_primary_key
    if key is None:
        raise TypeError("the statement inserted nothing that has a number")
    return int(key[0])


def _table(row: type[Base]) -> Table:
    table = row.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{row.__name__} is not a table")
    return table


def in_transaction(connection: Connection) -> bool:
    """Whether the database still has our transaction open; after a full disk it has already rolled back."""
    driver = connection.connection.driver_connection
    return isinstance(driver, sqlite3.Connection) and driver.in_transaction


def checkpoint(connection: Connection) -> None:
    """Fold the write-ahead log in and cut it to nothing, as far as readers allow; outside transactions only."""
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection) and not driver.in_transaction:
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def checkpoint_if_possible(connection: Connection) -> None:
    """Fold the log in unless a reader or a full disk is in the way: the log stays then, and the next start does it."""
    with contextlib.suppress(sqlite3.Error, DBAPIError):
        checkpoint(connection)


def set_foreign_keys(connection: Connection, *, on: bool) -> None:
    """Switch the watch over references; SQLite listens to this outside transactions only."""
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection):
        driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


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


def check(connection: Connection, *, thorough: bool = False) -> list[str]:
    """What SQLite finds wrong inside the file: nothing, when all is well."""
    pragma = "integrity_check(20)" if thorough else "quick_check(20)"
    rows = connection.exec_driver_sql(f"PRAGMA {pragma}").scalars().all()
    problems = [str(row) for row in rows if row != "ok"]
    if thorough:
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        problems += [f"{row[0]} row {row[1]} refers to a {row[2]} that is not there" for row in orphans[:20]]
    return problems


def sqlite_warning() -> str | None:
    """What to tell the user about this SQLite, if anything."""
    if sqlite3.sqlite_version_info >= SQLITE_WAL_FIXED:
        return None
    return (
        f"has a rare write-ahead-log defect, fixed in {'.'.join(map(str, SQLITE_WAL_FIXED))}; "
        "galleries avoid it, because only one process at a time checkpoints"
    )


Row = dict[str, Any]
