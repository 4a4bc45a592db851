"""Postgres: a database on a server, for one gallery, whose files lie in a folder that its machines share.

Who writes takes an advisory lock of the database for the length of the transaction, so that writers come one after the
other, as in SQLite: nothing is ever to be repeated because of another program. Who holds the gallery has a second lock
for as long as its connection lives, so that a program that lost its connection cannot go on beside the next holder.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.pool import NullPool, QueuePool

from storage.database.engine import BUSY_TIMEOUT_S, OPTION
from storage.database.engines.backup import placed, time_stamp
from storage.database.engines.moved import refuse_if_moved
from storage.database.tables import Base
from storage.errors import DatabaseError, GalleryBusy, RefusedRequest
from storage.files.disk import Disk
from system.child_process import ChildLostError, allowed, run

if TYPE_CHECKING:
    import psycopg

SCHEMES = ("postgresql", "postgres")
CONNECT_TIMEOUT_S = 10
_DUMP_WITHIN_S = 24 * 3600.0  # of a large database, on a slow line
HOLDER_TIMEOUT_S = 3.0  # a holder that was killed a moment ago still has its lock for so long, at most
_OURS = 0x62_73_76_31  # "bsv1": our advisory locks' first number
_WRITING, _HOLDING = 1, 2  # their second one
_DURABLE = """SELECT set_config('synchronous_commit', 'on', false)
WHERE current_setting('synchronous_commit') = 'off'"""  # as recorded is on disk, whatever the server does for others
_TABLES = """SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY relname"""
_SETTING = "SELECT set_config(%s, %s, false)"
_SETTINGS = """SELECT set_config('lock_timeout', %(lock_timeout)s, false), set_config('timezone', 'UTC', false),
  set_config('datestyle', 'ISO', false), set_config('standard_conforming_strings', 'on', false),
  set_config('idle_in_transaction_session_timeout', '0', false), set_config('statement_timeout', '0', false),
  set_config('jit', 'off', false), set_config('random_page_cost', '1.1', false)"""
# Our questions are short: to compile one costs more than to answer it. And they begin with few posts: at the usual
# price of a page that is not the next one, 4, a server reads every tag there is, not those of sixty pictures.
_TEMPORARY = """CREATE TEMPORARY TABLE IF NOT EXISTS lent_place (
    list text, version_id bigint, target text COLLATE "C", place bigint, PRIMARY KEY (version_id, target, list)
) ON COMMIT DELETE ROWS"""  # the only table that a read-only transaction may fill


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """A `storage.database.engine.Database` on a server."""

    url: str  # as `checked_url` gives it: without a password
    folder: Path

    def __str__(self) -> str:
        return self.url

    @property
    def is_file(self) -> bool:
        """It is on a server."""
        return False

    @property
    def exists(self) -> bool:
        """The root names it only after it was made."""
        return True

    @property
    def log_size(self) -> int:
        """The server folds its log in by itself."""
        return 0

    def size_of(self, connection: Connection) -> int:
        """Bytes on the server."""
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())

    def writing_engine(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S, owner: bool = True) -> Engine:
        """As the protocol says; every connection of the owner's holds the gallery while it lives."""

        def connect() -> Any:
            connection = self._connected(busy_timeout_s)
            if owner:
                self._hold(connection, busy_timeout_s)
            return connection

        engine = create_engine(
            "postgresql+psycopg://",
            creator=connect,
            poolclass=NullPool,
            use_native_hstore=False,  # no such type here: three trips to the server that find that out
            execution_options={OPTION: self},
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_OURS, _WRITING))
            if not owner:  # behind the lock: who moves the rows has it till they are moved
                refuse_if_moved(self.folder, self.url)

        return engine

    def reading_engine(self, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Engine:
        """As the protocol says; connections are kept for the next question, as a new one costs a server's process."""

        def connect() -> Any:
            import psycopg

            connection = self._connected(busy_timeout_s)
            with suppress(psycopg.errors.DiskFull), connection.transaction():
                connection.execute(_TEMPORARY)  # where there is no room for it, all can be read but lists by a rank
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            return connection

        return create_engine(
            "postgresql+psycopg://",
            creator=connect,
            poolclass=QueuePool,
            pool_size=2,
            max_overflow=14,
            pool_pre_ping=True,
            use_native_hstore=False,
            execution_options={OPTION: self},
        )

    def _connected(self, busy_timeout_s: float) -> psycopg.Connection[Any]:
        driver = driver_or_refusal()
        from storage.database.engines.postgres_values import adapt

        connection: psycopg.Connection[Any] = driver.connect(
            self.url, connect_timeout=CONNECT_TIMEOUT_S, application_name="boorusieve", client_encoding="utf8"
        )
        try:
            connection.autocommit = True  # outside of transactions: a trip to the server less, twice
            connection.execute(_SETTINGS, {"lock_timeout": _milliseconds(busy_timeout_s)})
            connection.execute(_DURABLE)
            connection.autocommit = False
            adapt(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _hold(self, connection: psycopg.Connection[Any], busy_timeout_s: float) -> None:
        import psycopg

        try:
            connection.autocommit = True
            connection.execute(_SETTING, ("lock_timeout", _milliseconds(HOLDER_TIMEOUT_S)))
            connection.execute("SELECT pg_advisory_lock(%s, %s)", (_OURS, _HOLDING))
            connection.execute(_SETTING, ("lock_timeout", _milliseconds(busy_timeout_s)))
            connection.autocommit = False
        except psycopg.errors.LockNotAvailable:
            connection.close()
            raise GalleryBusy(f"{self}: another program owns this gallery; wait for it, or stop it") from None
        except BaseException:
            connection.close()
            raise

    def problem(self) -> str | None:
        """Nothing can be said without asking the server."""
        return None

    def in_transaction(self, connection: Connection) -> bool:
        """Whether our transaction is still open, failed or not; False where the server has gone."""
        import psycopg

        driver: Any = connection.connection.driver_connection
        open_ones = (psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR)
        return not driver.closed and driver.info.transaction_status in open_ones

    def fold_in(self, connection: Connection) -> None:
        """The server does it by itself."""

    def fold_in_if_possible(self, connection: Connection) -> None:
        """The server does it by itself."""

    def has_schema(self, connection: Connection) -> bool:
        """Whether a gallery was begun here."""
        return connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is not None

    def begin_schema(self, connection: Connection) -> None:
        """Build the schema with which galleries on Postgres began; later steps follow.

        Raises:
            DatabaseError: another program's tables are there, or texts are not kept as UTF-8.
        """
        from migrations.postgres import FIRST, STATEMENTS

        with connection.begin():
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
            if encoding != "UTF8":
                raise DatabaseError(f"{self}: keeps texts as {encoding}; make a database with the encoding UTF8")
            if there := connection.exec_driver_sql(_TABLES).scalar():
                raise DatabaseError(
                    f"{self}: holds tables of something else ({there}); make an empty database: createdb NAME"
                )
            for statement in STATEMENTS:
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (%s)", (FIRST,))

    def before_steps(self, connection: Connection) -> None:
        """Nothing: references are watched all the time."""

    def orphans(self, connection: Connection) -> Sequence[str]:
        """None: the server refuses them."""
        return ()

    def check(self, connection: Connection, *, thorough: bool = False) -> list[str]:
        """Whether the guards are in force and, thorough, every row can be read."""
        from migrations.postgres import GUARDS

        rows = connection.exec_driver_sql("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'")
        in_force = set(rows.scalars())
        problems = [f"the guard {name} is not in force" for name in sorted(set(GUARDS) - in_force)]
        if thorough:
            for table in Base.metadata.sorted_tables:
                connection.execute(select(func.count(func.to_json(table.table_valued()))))
        return problems

    def lend(self, connection: Connection, places: Mapping[tuple[str, int, str], int]) -> None:
        """Into the connection's own passing table, until the transaction ends."""
        connection.exec_driver_sql("DELETE FROM lent_place")
        rows = [(*key, place) for key, place in places.items()]
        if rows:
            connection.exec_driver_sql("INSERT INTO lent_place VALUES (%s, %s, %s, %s)", rows)

    def new_numbers(self, connection: Connection, table: str, key: str, count: int) -> Sequence[int]:
        """By the sequence of the table's key."""
        taken = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
        return sorted(connection.exec_driver_sql(taken, (table, key, count)).scalars())

    def select(self, text: str, limit: int | None) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
        """The answer to one SELECT of the user's own; what else the user's role may do there, it may do so, too."""
        connection = self._connected(BUSY_TIMEOUT_S)
        from storage.database.engines.postgres_select import select_on

        return select_on(connection, text, limit)

    def back_up(self, folder: Path, name: str, disk: Disk | None = None) -> Path:
        """Have `pg_dump` write a copy, read it once, then give it its name.

        Raises:
            DatabaseError: there is no pg_dump, or it fails.
        """
        dump, restore = shutil.which("pg_dump"), shutil.which("pg_restore")
        if dump is None or restore is None:
            raise DatabaseError(f"{self}: no backup can be made without pg_dump; install Postgres's client programs")
        final = folder / f"crawl-{name}-{time_stamp()}.dump"
        with placed(final, disk or Disk()) as part:
            self._run(dump, "--format=custom", f"--file={part}", f"--dbname={self.url}")
            self._run(restore, "--file=/dev/null", str(part))
        return final

    def _run(self, *words: str) -> None:
        name = Path(words[0]).name
        try:
            done = run(words, _DUMP_WITHIN_S, allowed(name for name in os.environ if name.startswith("PG")))
        except ChildLostError as error:
            raise DatabaseError(f"{self}: {name} failed: {error}") from error
        if done.code:
            said = (done.errors.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"])[0]
            raise DatabaseError(f"{self}: {name} failed: {said}")


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"  # 0 would be for ever


def driver_or_refusal() -> Any:
    """The library that speaks to Postgres.

    Raises:
        RefusedRequest: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise RefusedRequest(
            f"a gallery on Postgres needs psycopg: pip install 'boorusieve[postgres]' ({error})"
        ) from None
    return psycopg


def checked_url(words: str) -> str:
    """An address of a Postgres database as it is remembered and shown.

    Raises:
        RefusedRequest: it is none, or has a password in it, which others could read.
    """
    try:
        parts = urlsplit(words.strip())
        password = parts.password
    except ValueError as error:
        raise RefusedRequest(f"{words!r} is no address of a database ({error})") from None
    if parts.scheme not in SCHEMES:
        raise RefusedRequest(f"{words!r} is no address of a database: write postgresql://USER@HOST/NAME")
    if password is not None or any(name.lower() == "password" for name, _ in parse_qsl(parts.query)):
        host = f"{parts.username}@{parts.hostname or ''}"
        raise RefusedRequest(
            f"postgresql://{host}{parts.path}: a password does not belong in an address that is remembered and shown; "
            "put it into ~/.pgpass or the environment variable PGPASSWORD"
        )
    # written out, because urlunsplit shortens an empty host
    rest = urlunsplit(("", "", parts.path, parts.query, ""))
    return f"postgresql://{parts.netloc}{rest}"
