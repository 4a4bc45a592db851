"""Folders with files that stand for pictures, and programs that die while they sort them."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.files.disk import Disk
from storage.folders.journal import Job
from storage.folders.moves import MoveOrder, Mover, MoveResult
from storage.folders.transfer import Expected
from tests.storage.deaths import Reaper

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


class DyingDisk(Reaper):
    """Opening a file by its number of the system counts as a step too: that is how a name is reserved."""

    STEPS = (*Reaper.STEPS, "open")


class WithoutLinks(Disk):
    """A file system without second names."""

    def link(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


@dataclass
class Shelf:
    """A folder with files, and another that they are moved into."""

    folder: Path
    disk: Disk = field(default_factory=Disk)

    def __post_init__(self) -> None:
        for name in self.names:
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode() * 300)
            os.utime(path, (1_600_000_000, 1_600_000_000))
        self.target.mkdir()

    names = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "b/3.png")  # two of them are called alike

    @property
    def source(self) -> Path:
        return self.folder / "from"

    @property
    def target(self) -> Path:
        return self.folder / "kept"

    def mover(self, what: str = "mona") -> Mover:
        job = Job((str(self.source),), (str(self.target), ""), what)
        return Mover(self.target, job, self.disk, lambda: NOW)

    def orders(self, names: Sequence[str] = names) -> list[MoveOrder]:
        """Those files that are there still."""
        return [order(self.source / name, self.target) for name in names if (self.source / name).exists()]

    def move_everything(self) -> tuple[Sequence[MoveResult], Path | None]:
        """One run of a program, from its beginning to its end."""
        with closing(self.mover()) as mover:
            mover.resume()
            orders = self.orders()
            results = mover.move(orders) if orders else ()
            mover.finish()
        return results, mover.journal

    def contents(self) -> dict[str, list[str]]:
        """By its content, where each file is; journals, locks and nothing else apart."""
        found: dict[str, list[str]] = {}
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.suffix != ".jsonl" and not path.name.endswith(".lock"):
                found.setdefault(path.read_bytes()[:7].decode(), []).append(str(path.relative_to(self.folder)))
        return found


def order(source: Path, folder: Path) -> MoveOrder:
    content = source.read_bytes()
    return MoveOrder(source, folder, Expected(len(content), hashlib.sha256(content).hexdigest()))


def snapshot(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder: bytes, times, modes."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
