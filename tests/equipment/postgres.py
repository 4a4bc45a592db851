"""A Postgres server of the tests' own: in a folder that goes again, reached by a socket in it, by nobody else."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

NAME = "tests"  # whom its databases belong to
NOT_HERE = "no Postgres server can be started here: apt-get install postgresql, pip install 'boorusieve[postgres]'"


class PostgresServer:
    """Started by `here`; ends with the process, or when told."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="boorusieve-postgres-", dir="/tmp"))
        self._user = _unprivileged()
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        self._template: tuple[str, Path] | None = None
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", NAME, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        """Begin to answer; as fast as a server without promises to its disk can."""
        settings = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=200"
        self._run(
            "pg_ctl", "-D", self._data, "-w", "-t", "120", "-l", str(self.folder / "log"), "-o", settings, "start"
        )

    def stop(self, how: str = "immediate") -> None:
        """End at once, as a crash does; or `fast`, as an administrator has it."""
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "120", "-m", how, "stop")

    def end(self) -> None:
        """Stop, and leave nothing behind."""
        if (self.folder / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://{NAME}@/{database}?host={self.folder}"

    def new_database(self, template: str = "template0") -> str:
        """The address of a new database, a copy of another one."""
        name = f"gallery_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made.append(name)
        return self.url(name)

    def name_of(self, root: Path) -> str:
        """The name of a gallery's database."""
        return (root / ".database").read_text().partition("@/")[2].partition("?")[0]

    def cut_off(self, database: str) -> None:
        """End every connection to a database, as a restart or a broken line does."""
        self.sql(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{database}'")

    def drop_databases(self) -> None:
        """Let go of what `new_database` made."""
        while self._made:
            self.sql(f"DROP DATABASE IF EXISTS {self._made.pop()} WITH (FORCE)")

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a person types at the server, beside the program."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_gallery(self, root: Path) -> Path:
        """A new, empty gallery at `root`, whose rows are here; made once, then copied."""
        from storage.archive import Archive
        from storage.archive_records import ArchiveSettings

        if self._template is None:
            pattern = self.folder.with_name(self.folder.name + "-root") / "gallery-data"
            atexit.register(shutil.rmtree, pattern.parent, ignore_errors=True)
            self.sql("CREATE DATABASE pattern TEMPLATE template0")
            Archive.open(pattern, ArchiveSettings(reserve_bytes=0, database=self.url("pattern"))).close()
            self._template = ("pattern", pattern)
        name, pattern = self._template
        shutil.copytree(pattern, root)
        (root / ".database").write_text(self.new_database(name) + "\n")
        return root

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


@functools.cache
def _server(programs: Path) -> PostgresServer:
    server = PostgresServer(programs)
    atexit.register(server.end)
    return server


def server_or_skip() -> PostgresServer:
    """This process's server; a test that needs one is skipped where none can be had."""
    return _server(programs_or_skip())


def programs_or_skip() -> Path:
    """Where the server's programs are; a test that needs them is skipped where they, or the driver, are not."""
    programs = _programs()
    if programs is None or _driver_is_missing():
        pytest.skip(NOT_HERE)
    return programs


def new_gallery_or_skip(root: Path) -> Path:
    """A new gallery on this process's server."""
    return server_or_skip().new_gallery(root)


def _programs() -> Path | None:
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
