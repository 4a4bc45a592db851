"""A file's lock belongs to whoever opened it, until it is closed or its process dies."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from system.file_lock import HELD_BY_ANOTHER, lock_if_free

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("commands", "crawler", "classifier", "storage", "rounds", "review", "demo", "system")
HOLDS = """
import os, sys, time
from system.file_lock import lock
lock(os.open(sys.argv[1], os.O_RDWR))
print("locked", flush=True)
time.sleep(60)
"""


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_a_file_is_locked_once_until_it_is_closed(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as second:
        with opened(tmp_path / "file") as first:
            assert lock_if_free(first)
            assert not lock_if_free(second)

        assert lock_if_free(second)


def test_a_locked_file_can_be_read_and_written_by_everybody(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as holder, opened(tmp_path / "file") as other:
        assert lock_if_free(holder)
        os.write(holder, b"who holds it")

        assert os.read(other, 100) == b"who holds it"


def test_the_lock_of_a_killed_process_is_free_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "file")]
    with opened(tmp_path / "file") as ours:
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None and holder.stdout.readline() == b"locked\n"
            assert not lock_if_free(ours)
            holder.send_signal(signal.SIGKILL)

        assert lock_if_free(ours)


@pytest.mark.parametrize("number", sorted(HELD_BY_ANOTHER))
def test_another_holder_is_no_failure(number: int) -> None:
    assert not lock_if_free(0, refusing(number))


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EIO, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_a_failure(number: int) -> None:
    with pytest.raises(OSError, match=os.strerror(number)):
        lock_if_free(0, refusing(number))


def refusing(number: int) -> object:
    def lock(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    return lock


def test_nothing_else_locks_files() -> None:
    locking = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import) and {alias.name for alias in node.names} & {"fcntl", "msvcrt"}
    }

    assert locking == {"system/file_lock.py"}
