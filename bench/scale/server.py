"""A Postgres server of the benchmark's own, with an ordinary server's promises to its disk."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.equipment.postgres import PostgresServer, postgres_programs

ORDINARY = (  # what Debian sets, with room for a gallery of millions
    "listen_addresses=",
    "shared_buffers=1GB",
    "work_mem=64MB",
    "maintenance_work_mem=512MB",
    "max_wal_size=8GB",
)


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
