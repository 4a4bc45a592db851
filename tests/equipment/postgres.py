"""A Postgres server of the tests' own: in a folder that goes again, reached by a socket in it, by nobody else.

One serves a whole run of pytest, all its processes: the first one that needs it starts it.
"""

from __future__ import annotations

import functools
import itertools
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.equipment.postgres_reuse import emptied

NAME = "tests"  # whom its databases belong to
NOT_HERE = "no Postgres server can be started here: apt-get install postgresql, pip install 'boorusieve[postgres]'"
SHARED = "BOORUSIEVE_TESTS_POSTGRES"  # environment variable: the folder of the run's server
_FAST = (  # as fast as a server can be that promises its disk nothing and has nobody to copy to
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "max_connections=200",
    "listen_addresses=",
)
# Waits for a process to end, however it ends, then ends the server and removes what both left.
_AFTERWARDS = """{ while kill -0 "$1" 2>/dev/null; do sleep 1; done
[ ! -f "$2/data/postmaster.pid" ] || kill -QUIT "$(head -n 1 "$2/data/postmaster.pid")"
for try in 1 2 3 4 5 6 7 8 9 10; do [ -f "$2/data/postmaster.pid" ] || break; sleep 0.3; done
rm -rf "$2" "$2.lock"; } & """


class PostgresServer:
    """One whose folder and data are there."""

    def __init__(self, programs: Path, folder: Path, settings: Sequence[str] = _FAST) -> None:
        self._programs = programs
        self._settings = settings
        self.folder = folder
        self._user = _unprivileged()
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        self._spare: list[str] = []  # databases of new, empty galleries

    @classmethod
    def begun(cls, programs: Path, folder: Path, lives_with: int, settings: Sequence[str] = _FAST) -> PostgresServer:
        """A new one, which ends with a process, however that ends.

        Args:
            programs: the folder of `initdb` and `pg_ctl`.
            folder: to be made.
            lives_with: the process's number.
            settings: of the server.
        """
        folder.mkdir(mode=0o700)
        server = cls(programs, folder, settings)
        server.own(folder)
        words = ["sh", "-c", _AFTERWARDS, "sh", str(lives_with), str(folder)]
        nothing = subprocess.DEVNULL  # not pytest's: who reads its output would wait for this process, too
        subprocess.run(
            words, check=True, cwd="/", stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
        locale = ("-E", "UTF8", "--locale=C.UTF-8")
        server._run("initdb", "-D", server._data, "-A", "trust", "-U", NAME, *locale, "--no-sync")
        server.start()
        return server

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Begin to answer."""
        settings = " ".join([f"-k {self.folder}", *(f"-c {setting}" for setting in self._settings)])
        self._run(
            "pg_ctl", "-D", self._data, "-w", "-t", "120", "-l", str(self.folder / "log"), "-o", settings, "start"
        )

    def stop(self, how: str = "immediate") -> None:
        """End at once, as a crash does; or `fast`, as an administrator has it."""
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "120", "-m", how, "stop")

    def start_again(self) -> None:
        """Begin to answer, if it does not."""
        if not (self.folder / "data" / "postmaster.pid").exists():
            self.start()

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{NAME}@/{database}?host={self.folder}"

    def own(self, folder: Path) -> None:
        """Let the server write to a folder."""
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)

    def new_database(self, template: str = "template0", where: str = "") -> str:
        """The address of a new database, a copy of another one; `where` may name a tablespace."""
        name = f"gallery_{os.getpid()}_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} {where}")
        self._made.append(name)
        return self.url(name)

    def name_of(self, root: Path) -> str:
        """The name of a gallery's database."""
        return (root / ".database").read_text().partition("@/")[2].partition("?")[0]

    def cut_off(self, database: str) -> None:
        """End every connection to a database, as a restart or a broken line does."""
        self.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'")

    @property
    def made(self) -> int:
        """How many databases it has that were not let go."""
        return len(self._made)

    def drop_databases(self, but: int = 0) -> None:
        """Let go of what was made but for the first so many, which tests of a module share.

        A gallery's database is emptied for the next one, at a tenth of the cost.
        """
        while len(self._made) > but:
            name = self._made.pop()
            if (self.folder / "pattern.txt").exists() and emptied(
                self.url(name), (self.folder / "pattern.txt").read_text()
            ):
                self._spare.append(name)
            else:
                self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a person types at the server, beside the program."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_gallery(self, root: Path) -> Path:
        """A new, empty gallery at `root`, whose rows are here; made once, then copied."""
        pattern = self.folder / "pattern" / "gallery-data"
        with FileLock(f"{self.folder}.lock"):
            if not (self.folder / "pattern.txt").exists():
                self._make_pattern(pattern)
        shutil.copytree(pattern, root)
        if self._spare:
            self._made.append(self._spare.pop())
            url = self.url(self._made[-1])
        else:
            url = self.new_database("pattern")
        (root / ".database").write_text(url + "\n")
        return root

    def copied(self, gallery: Path, root: Path) -> Path:
        """A copy of a gallery of this server that nobody has open, at `root`."""
        shutil.copytree(gallery, root, symlinks=True)
        (root / ".database").write_text(self.new_database(self.name_of(gallery)) + "\n")
        return root

    def _make_pattern(self, root: Path) -> None:
        from storage.archive import Archive
        from storage.archive_records import ArchiveSettings
        from tests.equipment.postgres_reuse import schema_mark

        self.sql("CREATE DATABASE pattern TEMPLATE template0")
        Archive.open(root, ArchiveSettings(reserve_bytes=0, database=self.url("pattern"))).close()
        (self.folder / "pattern.txt").write_text(schema_mark(self.url("pattern")))

    def _run(self, program: str, *words: str) -> None:
        as_whom: dict[str, Any] = {}
        if self._user is not None:
            as_whom = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [self._programs / program, *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            text=True,
            **as_whom,
        )
        if done.returncode:
            log = self.folder / "log"
            said = done.stderr or (log.read_text("utf-8", "replace")[-2000:] if log.exists() else "")
            raise RuntimeError(f"{program} failed: {said}")


def share_a_server() -> None:
    """Let this run of pytest, whose other processes are still to be started, have one server."""
    os.environ[SHARED] = f"{_new_folder()} {os.getpid()}"


@functools.cache
def _shared_server(programs: Path) -> PostgresServer:
    folder, run = os.environ[SHARED].split(" ")
    with FileLock(f"{folder}.lock"):
        if Path(folder).exists():
            return PostgresServer(programs, Path(folder))
        return PostgresServer.begun(programs, Path(folder), int(run))


@functools.cache
def _mortal_server(programs: Path) -> PostgresServer:
    return PostgresServer.begun(programs, _new_folder(), os.getpid())


def server_or_skip() -> PostgresServer:
    """This run's server; a test that needs one is skipped where none can be had."""
    return _shared_server(programs_or_skip())


def mortal_server_or_skip() -> PostgresServer:
    """A server of this process alone, for tests that stop it."""
    return _mortal_server(programs_or_skip())


def programs_or_skip() -> Path:
    """Where the server's programs are; a test that needs them is skipped where they, or the driver, are not."""
    programs = postgres_programs()
    if programs is None or _driver_is_missing():
        pytest.skip(NOT_HERE)
    return programs


def new_gallery_or_skip(root: Path) -> Path:
    """A new gallery on this run's server."""
    return server_or_skip().new_gallery(root)


def _new_folder() -> Path:
    """The name of one in /tmp: a socket's path may have 107 characters."""
    return Path(f"/tmp/boorusieve-postgres-{os.getpid()}-{secrets.token_hex(4)}")


def postgres_programs() -> Path | None:
    """Where the server's programs are; Debian keeps them out of the path, a folder for each version."""
    on_path = shutil.which("initdb")
    places = [Path(on_path).parent] if on_path else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    return next((place for place in places if (place / "initdb").exists()), None)


def _driver_is_missing() -> bool:
    try:
        import psycopg  # noqa: F401 - only whether it is there
    except ImportError:
        return True
    return False


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom the server runs as: it refuses to run as root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None
