"""Where a gallery's files are: the one border through which all of them are put, moved, read and listed.

`storage.files.tree.Tree` is a folder of this machine. Paths are relative to the gallery, with `/`, and built by this
room only; whatever returns is durable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.archive_records import Digest
from storage.files.disk import Disk


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the file system says about a regular file."""

    size: int  # bytes
    links: int


class FileStore(Protocol):
    """All files of one gallery."""

    root: Path  # the gallery's folder on this machine: its lock, its log, what is in flight
    disk: Disk  # of that folder
    at_once: int  # of how many files that are read side by side each comes sooner
    renames: bool  # whether a file moves in one step; else there are two of it for a moment
    keeps_links: bool  # whether a file can have a second name; else that is a copy

    def close(self) -> None:
        """Let go of what is held open."""

    def where(self, path: str) -> str:
        """Where a file is, for people."""

    def try_promises(self) -> None:
        """Ask for what may be refused, before anything depends on it."""

    def prepare_staging(self) -> None:
        """Make sure that `staging/` is a folder of this machine, and no link."""

    def is_absent(self, path: str) -> bool:
        """Whether there is certainly nothing of that name."""

    def is_taken(self, path: str) -> bool:
        """Whether a name is taken, by whatever; a place that nothing may be put into is refused."""

    def facts(self, path: str) -> FileStat | None:
        """Size of a file, or None where there is nothing."""

    def at(self, path: str) -> AbstractContextManager[Path]:
        """A file of this disk with the bytes: the one itself, or a copy that is gone afterwards."""

    def put(self, staging: str, path: str, content: bytes, *, flush: bool = True) -> None:
        """Give bytes a name, whole or not at all."""

    def flushes_together(self) -> bool:
        """Whether many files are better made durable by `flush_together` than one by one."""

    def flush_together(self) -> bool:
        """Make all that was put without a flush durable; False: it must be put once more."""

    def make_durable(self, path: str, *, keep: bool = False) -> FileStat:
        """Make sure of a file that somebody else wrote."""

    def holds(self, path: str, digest: Digest) -> bool:
        """Whether a file of that name is there, with these bytes."""

    def bring_in(self, source: Path, target: str) -> None:
        """Make a copy of a file of this disk that lies elsewhere, whole or not at all."""

    def move(self, source: str, target: str) -> None:
        """Give a file another name, replacing what has it."""

    def link(self, source: str, target: str) -> None:
        """Give a file a second name, or make a copy."""

    def remove(self, path: str) -> bool:
        """Remove a file; says whether one was there."""

    def read(self, path: str) -> bytes:
        """A whole small file."""

    def digest(self, path: str) -> Digest:
        """Size, md5 and sha256 of the bytes as they are read now."""

    def names(self, path: str) -> list[str]:
        """The entries of a folder, sorted; nothing where it is not there."""

    def walk(self, path: str) -> Iterator[tuple[str, bool]]:
        """Everything below a folder but folders: its path, and whether it is a regular file."""
