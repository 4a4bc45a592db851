"""A small record that all processes of one user share: locked, read, changed, written back.

A record that cannot be read back counts as absent.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from crawler.errors import UsageError
from system.file_lock import TEXT_AT_MOST, lock_if_free

Facts = dict[str, float | str]
Change = Callable[[Facts], float]  # changes the facts in place, says how many seconds to wait

_FLAGS = os.O_RDWR | os.O_CREAT
for _name in ("O_CLOEXEC", "O_NOFOLLOW", "O_BINARY"):  # where the system has them
    _FLAGS |= getattr(os, _name, 0)


class LockBusy(Exception):
    """Another process holds the lock at this instant."""


class Record(Protocol):
    """Facts that can be changed by one party at a time."""

    def update(self, change: Change) -> float:
        """Apply a change.

        Returns: what the change returns.
        Raises: LockBusy: somebody else is changing it now.
        """
        ...


class OwnRecord:
    """A record that one process keeps for itself: for a site on this machine that asks for no limit."""

    def __init__(self) -> None:
        self._facts: Facts = {}

    def update(self, change: Change) -> float:
        """Apply a change; never busy."""
        return change(self._facts)


class SharedRecord:
    """A record in a file of the user's state directory."""

    def __init__(self, path: Path) -> None:
        """Raises: UsageError: the directory cannot be made."""
        self._path = path
        _make_private(path.parent)

    def update(self, change: Change) -> float:
        """Apply a change under the lock; about 20 microseconds.

        Raises:
            LockBusy: another process is changing it now.
            UsageError: the file cannot be opened, locked or written.
        """
        with _opened(self._path) as handle, _in_words(self._path):
            if not lock_if_free(handle):
                raise LockBusy
            text = _read(handle)
            facts = _parse(text)
            result = change(facts)
            changed = json.dumps(facts).encode()
            if changed != text:
                _write(handle, changed)
            return result


class SlotFiles:
    """A number of places that all processes share; each is held by locking a file of its own."""

    def __init__(self, stem: Path, count: int) -> None:
        self._paths = [stem.with_name(f"{stem.name}.{n}") for n in range(count)]
        self._held: set[int] = set()
        _make_private(stem.parent)

    def take(self) -> tuple[int, int] | None:
        """A free place as (number, handle), or None when all are taken."""
        for number, path in enumerate(self._paths):
            if number in self._held:
                continue
            handle = _open(path)
            with _in_words(path):
                is_ours = lock_if_free(handle)
            if is_ours:
                self._held.add(number)
                return number, handle
            os.close(handle)
        return None

    def give_back(self, place: tuple[int, int]) -> None:
        """Free a place again."""
        number, handle = place
        self._held.discard(number)
        os.close(handle)


def state_directory(environ: dict[str, str] | os._Environ[str]) -> Path:
    """Where programs keep what should survive a restart but is no document."""
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    else:
        base = environ.get("XDG_STATE_HOME", "")
        base = base if Path(base).is_absolute() else str(Path.home() / ".local" / "state")
    return Path(base) / "boorusieve"


def _make_private(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unusable(directory, error) from error


def _unusable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be used for the request budget that all runs share ({error.strerror}); "
        "make it writable or point XDG_STATE_HOME elsewhere"
    )


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """A disk that is full, or a file system without locks, is for the user to mend, and no bug."""
    try:
        yield
    except OSError as error:
        raise _unusable(path, error) from error


def _open(path: Path) -> int:
    try:
        return os.open(path, _FLAGS, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    handle = _open(path)
    try:
        yield handle
    finally:
        os.close(handle)  # drops the lock, too


def _read(handle: int) -> bytes:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, TEXT_AT_MOST)  # ours have about two hundred bytes


def _write(handle: int, text: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    os.write(handle, text)
    os.ftruncate(handle, len(text))


def _parse(text: bytes) -> Facts:
    try:
        facts = json.loads(text) if text else {}
    except ValueError:  # a process was killed between two writes
        return {}
    return facts if isinstance(facts, dict) else {}
