"""The file system calls that were made, and which of them a power cut would still undo.

A name that was given, taken away or changed is durable once its folder was flushed; bytes are durable once their file
was. `Journal` watches a test's calls and knows at any moment what is still in the air; whatever lies in `staging/` may
be, for nothing relies on it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event


@dataclass(slots=True)
class Journal:
    """The steps below one root, in order, and what is not durable yet."""

    root: Path
    steps: list[str] = field(default_factory=list)  # "rename gallery -> trash", "fsync trash", "commit"
    folders: set[str] = field(default_factory=set)  # whose names are not durable
    files: set[int] = field(default_factory=set)  # inodes whose bytes are not
    flushed_files: set[int] = field(default_factory=set)  # inodes of all that were ever flushed
    wrong: list[str] = field(default_factory=list)  # commits before which something was still in the air

    def written(self, path: Path) -> None:
        """Somebody wrote this file without flushing it."""
        self.files.add(path.stat().st_ino)

    @property
    def in_the_air(self) -> list[str]:
        """What a power cut would undo now."""
        return [*(f"names of {folder}" for folder in sorted(self.folders)), *(f"bytes of {n}" for n in self.files)]

    def name_changed(self, path: Path, step: str) -> None:
        """A name in the path's folder was given or taken away."""
        folder = self.place(path.parent)
        self.steps.append(f"{step} {folder}")
        if folder is not None and folder != "staging":
            self.folders.add(folder)

    def flushed(self, descriptor: int) -> None:
        """A file or folder was flushed."""
        where = Path(f"/proc/self/fd/{descriptor}").readlink()
        self.files.discard(os.fstat(descriptor).st_ino)
        self.flushed_files.add(os.fstat(descriptor).st_ino)
        if where.is_dir() and (folder := self.place(where)) is not None:
            self.folders.discard(folder)
            self.steps.append(f"fsync {folder}")

    def everything_flushed(self) -> None:
        """The whole file system was flushed."""
        self.flushed_files |= self.files
        self.files.clear()
        self.folders.clear()
        self.steps.append("flush of everything")

    def committed(self) -> None:
        """Rows were committed: whatever they may speak of must be durable."""
        self.steps.append("commit")
        self.wrong += [f"{what} at commit {self.steps.count('commit')}" for what in self.in_the_air]

    def place(self, folder: Path) -> str | None:
        """A folder relative to the root; None outside of it."""
        return str(folder.relative_to(self.root)) if folder.is_relative_to(self.root) else None


def _resolved(name: Any, handle: int | None) -> Path:
    return Path(f"/proc/self/fd/{handle}").readlink() / name if handle is not None else Path(name).absolute()


@contextmanager
def watched(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """Keep a journal of everything that this process does below a root."""
    journal = Journal(root.resolve())

    def watching(name: str, note: Callable[..., None]) -> None:
        real = getattr(os, name)

        def recorded(*arguments: Any, **more: Any) -> Any:
            result = real(*arguments, **more)
            note(*arguments, **more)
            return result

        monkeypatch.setattr(os, name, recorded)

    def renamed(source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        journal.name_changed(_resolved(source, src_dir_fd), "name taken from")
        journal.name_changed(_resolved(target, dst_dir_fd), "name given in")

    def linked(_: Any, target: Any, *, dst_dir_fd: int | None = None, **__: Any) -> None:
        journal.name_changed(_resolved(target, dst_dir_fd), "name given in")

    watching("replace", renamed)
    watching("rename", renamed)
    watching("link", linked)
    really_unlink = os.unlink

    def unlinked(path: Any, *, dir_fd: int | None = None) -> None:
        facts = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        really_unlink(path, dir_fd=dir_fd)
        if facts.st_nlink == 1:
            journal.files.discard(facts.st_ino)  # its bytes are nobody's any more
        journal.name_changed(_resolved(path, dir_fd), "name taken from")

    monkeypatch.setattr(os, "unlink", unlinked)
    watching("mkdir", lambda path, mode=0, *, dir_fd=None: journal.name_changed(_resolved(path, dir_fd), "folder in"))
    watching("fsync", journal.flushed)

    def opened(path: Any, flags: int, *_: Any, dir_fd: int | None = None, **__: Any) -> None:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            journal.written(_resolved(path, dir_fd))
            journal.name_changed(_resolved(path, dir_fd), "file in")

    watching("open", opened)

    with _commits_told_to(journal):
        try:
            yield journal
        finally:
            monkeypatch.undo()


@contextmanager
def _commits_told_to(journal: Journal) -> Iterator[None]:
    def committing(connection: Connection) -> None:
        on_a_server = connection.dialect.name == "postgresql"
        asked = connection.exec_driver_sql("SHOW transaction_read_only" if on_a_server else "PRAGMA query_only")
        if asked.scalar() in (0, "off"):  # a reader's commit records nothing
            journal.committed()

    event.listen(Engine, "commit", committing)
    try:
        yield
    finally:
        event.remove(Engine, "commit", committing)
