"""What the checker goes by: a gallery's rows and files, read without the program and without touching the root.

The database is copied together with its write-ahead log and opened as a copy, so that looking at a gallery right
after a kill neither repairs nor changes it. Rows that are on a server are read in one transaction into such a copy.
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

from tests.faults.checker import server_rows

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
    server: str = ""  # the address of the server's database that the rows were read from

    def all(self, query: str, *parameters: Any) -> list[sqlite3.Row]:
        """The rows of one question."""
        return self.rows.execute(query, parameters).fetchall()

    def is_refused(self, change: str) -> bool:
        """Whether the gallery's database itself refuses to change rows; nothing is changed by asking."""
        if self.server:
            return server_rows.is_refused(self.server, change)
        self.rows.execute("BEGIN")
        try:
            self.rows.execute(change)
        except sqlite3.IntegrityError:
            return True
        finally:
            self.rows.execute("ROLLBACK")
        return False


class NoDatabase(Exception):
    """There is no database, or it cannot be opened."""


@contextlib.contextmanager
def gathered(root: Path, expected: Expected) -> Iterator[RootContents]:
    """Read what lies below a root, and its database.

    Raises:
        NoDatabase: there is none that opens.
    """
    with tempfile.TemporaryDirectory(prefix="checker-") as folder:
        try:
            with contextlib.closing(rows_of(root, Path(folder))) as rows:
                yield RootContents(root, rows, walk(root), expected, server_rows.address_of(root))
        except sqlite3.DatabaseError as error:
            raise NoDatabase(f"{root / DATABASE}: {error}") from error


def has_rows(root: Path) -> bool:
    """Whether there is a database whose tables have been made."""
    if not (address := server_rows.address_of(root)):
        return (root / DATABASE).is_file()
    return server_rows.has_tables(address)


@contextlib.contextmanager
def reading(root: Path) -> Iterator[sqlite3.Connection]:
    """The rows of a gallery as they are now, for a question of a test's own."""
    with tempfile.TemporaryDirectory(prefix="rows-") as folder, contextlib.closing(rows_of(root, Path(folder))) as rows:
        rows.row_factory = None
        yield rows


def rows_of(root: Path, folder: Path) -> sqlite3.Connection:
    """A copy of a gallery's rows, in a file below `folder`.

    Raises:
        NoDatabase: there is none.
        sqlite3.DatabaseError: it does not open.
    """
    address = server_rows.address_of(root)
    if not has_rows(root):
        raise NoDatabase(f"{address or root / DATABASE} is not there")
    if not address:
        for suffix in ("", "-wal"):
            if (root / (DATABASE + suffix)).exists():
                shutil.copyfile(root / (DATABASE + suffix), folder / (DATABASE + suffix))
    rows = sqlite3.connect(folder / DATABASE, isolation_level=None)
    rows.row_factory = sqlite3.Row
    try:
        if address:
            server_rows.copy(address, rows)
        rows.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        rows.close()
        raise
    return rows


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
