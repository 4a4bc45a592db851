"""Files put into an export's folder: what is the program's is kept or brought up to date, what is the user's stays.

A file is the program's when the ledger has it and it still is what was written: a text by its bytes, a picture by its
size. A caption that was corrected by hand is the user's from then on. New files get their names only when they are
whole, so that a killed export leaves none behind that is half of one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from storage.database.error_translation import FULL
from storage.exports.ledger import NOBODYS, Ledger, LedgerFile, SampleKey
from storage.folders.free_names import FreeNames

PART = ".crawl-part"
_PIECE = 1 << 20  # bytes that are copied at once
_NO_LINKS = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
)


Opening = Callable[[], AbstractContextManager[Path]]  # of a file of the gallery, for as long as it is read


class Result(StrEnum):
    """What became of a file."""

    WRITTEN = "written"
    KEPT = "unchanged"
    THEIRS = "changed by hand"  # the user's by now, and left alone
    TAKEN = "taken"  # something of the user's has the name


class How(StrEnum):
    """How pictures come into the folder, where their bytes stay as they are."""

    COPY = "copy"
    LINK = "link"  # a second name for the same file
    SYMLINK = "symlink"


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file that is to be there."""

    path: str  # relative to the folder, with slashes
    kind: str
    made_from: str  # the same as long as its content is
    sample: SampleKey = NOBODYS


class AlteredPicture(Exception):
    """A picture in the gallery is not what was stored there; it is not exported."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a picture in the gallery must be."""

    size: int  # bytes
    algorithm: str  # md5 | sha256
    digest: str  # hex


@dataclass(slots=True)
class Placement:
    """The folder of one export."""

    folder: Path
    ledger: Ledger
    count: Counter[Result] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)  # about the file system; once each

    def text(self, wanted: WantedFile, pieces: Iterable[str]) -> Result:
        """Write a text in UTF-8."""
        return self._place(wanted, lambda part: _write_text(part, pieces))

    def bytes(self, wanted: WantedFile, content: Callable[[], bytes]) -> Result:
        """Write bytes, which are asked for only where they are needed."""
        return self._place(wanted, lambda part: _write_bytes(part, content()))

    def picture(self, wanted: WantedFile, source: Opening, how: How, expected: Expected) -> Result:
        """Bring a picture here as it is.

        Args:
            wanted: what it is to be here.
            source: gives its path on this disk; called only where it is not here yet.
            how: by which means.
            expected: its size and digest.
        Raises:
            AlteredPicture: its bytes are not the expected ones.
            OSError: it cannot be read.
        """
        return self._place(wanted, lambda part: self._opened(source, part, how, expected))

    def file(self, wanted: WantedFile, fill: Callable[[BinaryIO], None]) -> Result:
        """Write a file that may be large."""

        def whole(part: Path) -> str:
            with part.open("xb") as file:
                fill(file)
            return ""

        return self._place(wanted, whole)

    def index(self, wanted: WantedFile, pieces: Iterable[str]) -> Result:
        """Write a list of what is here, which must be true: one that was changed by hand is moved aside, not lost."""
        path, known = self.folder / wanted.path, self.ledger.file(wanted.path)
        if os.path.lexists(path) and known is not None and not is_ours(path, known):
            aside = FreeNames().free(path.parent, f"{path.name}.bak")
            path.rename(aside)
            self.notes.append(f"{path} was changed by hand; that is {aside.name} now")
        return self.text(wanted, pieces)

    def move(self, key: SampleKey, folder: str) -> None:
        """Bring a sample's files from the folder where an earlier run had them; corrected captions come along."""
        for file in self.ledger.files_of(key):
            old = PurePosixPath(file.path)
            new = f"{folder}/{old.name}"
            if new == file.path or os.path.lexists(self.folder / new) or not (self.folder / file.path).exists():
                continue
            (self.folder / new).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / file.path).rename(self.folder / new)
            self.ledger.forget(file.path)
            self.ledger.record(replace(file, path=new))
            self._drop_empty((self.folder / file.path).parent)

    def remove_stale(self) -> int:
        """Remove the program's files that this run did not want; gives how many of them are the user's and stay."""
        theirs, emptied = 0, set()
        for file in self.ledger.stale_files():
            path = self.folder / file.path
            if is_ours(path, file):
                path.unlink()
                emptied.add(path.parent)
            elif os.path.lexists(path):
                theirs += 1
            self.ledger.forget(file.path)
        for below in sorted(emptied, key=lambda one: len(one.parts), reverse=True):
            self._drop_empty(below)
        for part in _parts(self.folder):  # of a killed run, of a post that left meanwhile
            part.unlink()
        return theirs

    def _drop_empty(self, below: Path) -> None:
        while below != self.folder and below.is_relative_to(self.folder) and not any(below.iterdir()):
            below.rmdir()
            below = below.parent

    def _place(self, wanted: WantedFile, write: Callable[[Path], str]) -> Result:
        path, known = self.folder / wanted.path, self.ledger.file(wanted.path)
        there = os.path.lexists(path)
        if known is not None and there:
            if not is_ours(path, known):
                self.ledger.record(known)
                return self._counted(Result.THEIRS)
            if known.made_from == wanted.made_from:
                self.ledger.record(_renewed(known, wanted))
                return self._counted(Result.KEPT)
        part = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:24]}{PART}")
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # of a killed program: nobody else calls a file so
        try:
            digest = write(part)
            size = part.lstat().st_size
            same = there and _same(path, part)
            if there and known is None and not same:
                return self._counted(Result.TAKEN)
            if not same:
                part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self.ledger.record(LedgerFile(wanted.path, wanted.kind, size, digest, wanted.made_from, wanted.sample))
        return self._counted(Result.KEPT if same else Result.WRITTEN)

    def _counted(self, result: Result) -> Result:
        self.count[result] += 1
        return result

    def _opened(self, source: Opening, part: Path, how: How, expected: Expected) -> str:
        with source() as path:
            return self._bring(path, part, how, expected)

    def _bring(self, source: Path, part: Path, how: How, expected: Expected) -> str:
        if source.stat().st_size != expected.size:
            raise AlteredPicture(f"has {source.stat().st_size} bytes instead of {expected.size}")
        if how is How.COPY or not self._linked(source, part, how):
            digest = hashlib.new(expected.algorithm, usedforsecurity=False)
            with source.open("rb") as old, part.open("xb") as new:
                while piece := old.read(_PIECE):
                    digest.update(piece)
                    new.write(piece)
            if digest.hexdigest() != expected.digest:
                raise AlteredPicture(f"has not the {expected.algorithm} {expected.digest}")
        return ""

    def _linked(self, source: Path, part: Path, how: How) -> bool:
        try:
            if how is How.LINK:
                os.link(source, part)
            else:
                source.stat()
                part.symlink_to(source)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            note = f"{self.folder}: {how} from {source.parent} is not possible ({error.strerror}); these are copies"
            if note not in self.notes:
                self.notes.append(note)
            return False
        return True


def is_ours(path: Path, known: LedgerFile) -> bool:
    """Whether a file still is what was written; an empty one, as a power cut leaves it, counts as ours."""
    try:
        info = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
        return False
    if info.st_size == 0:
        return True
    if info.st_size != known.size:
        return False
    if not known.digest:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == known.digest


def is_full(error: OSError) -> bool:
    """Whether the disk is full: then everything ends, not this file alone."""
    return error.errno in FULL


def _parts(folder: Path) -> Iterator[Path]:
    """Files that were never finished; the folders' entries are not held in memory."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _parts(Path(entry.path))
            elif entry.name.startswith(".") and entry.name.endswith(PART):
                yield Path(entry.path)


def _renewed(known: LedgerFile, wanted: WantedFile) -> LedgerFile:
    return replace(known, kind=wanted.kind, sample=wanted.sample)


def _same(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes: a killed export wrote this one, and did not come to record it."""
    first, second = one.lstat(), other.lstat()
    if stat.S_IFMT(first.st_mode) != stat.S_IFMT(second.st_mode) or first.st_size != second.st_size:
        return False
    if stat.S_ISLNK(first.st_mode):
        return one.readlink() == other.readlink()
    with one.open("rb") as left, other.open("rb") as right:
        while piece := left.read(_PIECE):
            if piece != right.read(_PIECE):
                return False
    return True


def _write_text(part: Path, pieces: Iterable[str]) -> str:
    digest = hashlib.sha256()
    with part.open("xb") as file:
        for piece in pieces:
            content = piece.encode("utf-8", "backslashreplace")
            digest.update(content)
            file.write(content)
    return digest.hexdigest()


def _write_bytes(part: Path, content: bytes) -> str:
    part.write_bytes(content)
    return ""
