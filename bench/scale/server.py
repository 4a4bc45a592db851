"""A Postgres server of the benchmark's own, with an ordinary server's promises to its disk."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from tests.equipment.postgres import PostgresServer, postgres_programs

ORDINARY = (  # what Debian sets, with room for a gallery of millions
    "listen_addresses=",
    "shared_buffers=1GB",
    "work_mem=64MB",
    "maintenance_work_mem=512MB",
    "max_wal_size=8GB",
)


def processor_seconds(server: PostgresServer | None) -> float:
    """That this process has used so far, and all of a server's."""
    used = time.process_time()
    if server is not None:
        lines = (server.folder / "data" / "postmaster.pid").read_text().splitlines()
        postmaster = psutil.Process(int(lines[0]))
        times = postmaster.cpu_times()
        used += times.user + times.system + times.children_user + times.children_system
        for process in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                used += sum(process.cpu_times()[:2])
    return used


@contextmanager
def bench_server(disk: Path | None = None) -> Iterator[tuple[PostgresServer, Callable[[], Path]]]:
    """The server, and what makes a new, empty gallery on it; both go afterwards.

    Args:
        disk: a folder on the disk to measure; None: the temporary one. Its path must be short.
    """
    programs = postgres_programs()
    if programs is None:
        raise SystemExit("no Postgres server can be started here: apt-get install postgresql")
    folder = (disk or Path("/tmp")) / f"bench-postgres-{secrets.token_hex(4)}"
    server = PostgresServer.begun(programs, folder, os.getpid(), ORDINARY)
    numbers = itertools.count()
    with TemporaryDirectory() as roots:
        try:
            yield server, lambda: server.new_gallery(Path(roots) / f"gallery-{next(numbers)}")
        finally:
            server.stop("fast")
