"""What the checker goes by: a gallery's rows and files, read without the program and without touching the root.

The database is copied together with its write-ahead log and opened as a copy, so that looking at a gallery right
after a kill neither repairs nor changes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DATABASE = "crawl.db"
IDENTITY = ".gallery-id"
PLACES = ("gallery", "trash", "damaged", "renditions", "staging")


@dataclass(frozen=True, slots=True)
class Expected:
    """What should be true of a gallery, from outside; only what is stated is checked."""

    posts: frozenset[int] | None = None  # every post id that the site listed
    files: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # post id -> (md5, bytes) as published
    canary: str | None = None  # a secret that must be nowhere
    texts: Mapping[str, str] = field(default_factory=dict)  # name -> output, command lines, other hosts' requests
    labels: Sequence[tuple[int, str, str]] = ()  # (post id, target, value) that the program acknowledged, in order
    last_exit: int | None = None  # how the last command ended, when it got as far as a run


@dataclass(frozen=True, slots=True)
class OnDisk:
    """One entry of the root that is no folder."""

    path: str  # relative to the root, with /
    regular: bool
    size: int  # bytes
    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RootContents:
    """One gallery at one moment."""

    root: Path
    rows: sqlite3.Connection  # a copy; writing to it is harmless
    files: Mapping[str, OnDisk]  # by path; only those below PLACES are hashed
    expected: Expected

    def all(self, query: str, *parameters: Any) -> list[sqlite3.Row]:
        """The rows of one question."""
        return self.rows.execute(query, parameters).fetchall()


class NoDatabase(Exception):
    """There is no database, or it cannot be opened."""


@contextlib.contextmanager
def gathered(root: Path, expected: Expected) -> Iterator[RootContents]:
    """Read what lies below a root, and its database.

    Raises:
        NoDatabase: there is none that opens.
    """
    if not (root / DATABASE).is_file():
        raise NoDatabase(f"{root / DATABASE} is not there")
    with tempfile.TemporaryDirectory(prefix="checker-") as folder:
        for suffix in ("", "-wal"):
            if (root / (DATABASE + suffix)).exists():
                shutil.copyfile(root / (DATABASE + suffix), Path(folder) / (DATABASE + suffix))
        rows = sqlite3.connect(Path(folder) / DATABASE, isolation_level=None)
        rows.row_factory = sqlite3.Row
        try:
            rows.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield RootContents(root, rows, walk(root), expected)
        except sqlite3.DatabaseError as error:
            raise NoDatabase(f"{root / DATABASE}: {error}") from error
        finally:
            rows.close()


def walk(root: Path) -> dict[str, OnDisk]:
    """Every entry below the root that is no folder; no link is followed."""
    found = {}
    for folder, _, names in _walk(root):
        for name in names:
            path = folder / name
            relative = path.relative_to(root).as_posix()
            with contextlib.suppress(FileNotFoundError):
                found[relative] = _look(path, relative)
    return found


def _walk(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Folder by folder; links to folders count as files."""
    entries = sorted(root.iterdir())
    folders = [entry for entry in entries if entry.is_dir() and not entry.is_symlink()]
    yield root, [entry.name for entry in folders], [entry.name for entry in entries if entry not in folders]
    for folder in folders:
        yield from _walk(folder)


def _look(path: Path, relative: str) -> OnDisk:
    facts = path.lstat()
    regular = stat.S_ISREG(facts.st_mode)
    if not regular or relative.partition("/")[0] not in PLACES:
        return OnDisk(relative, regular, facts.st_size, "", "")
    content = path.read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return OnDisk(relative, True, len(content), md5, hashlib.sha256(content).hexdigest())


def tree_digest(folder: Path) -> str:
    """One hash over names, kinds, links and bytes below a folder: equal only when nothing was touched."""
    total = hashlib.sha256()
    for top, folders, names in _walk(folder):
        for name in sorted((*folders, *names)):
            path = top / name
            facts = path.lstat()
            total.update(f"{path.relative_to(folder)}|{stat.S_IFMT(facts.st_mode):o}|{facts.st_size}|".encode())
            if path.is_symlink():
                total.update(str(path.readlink()).encode())
            elif stat.S_ISREG(facts.st_mode):
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
