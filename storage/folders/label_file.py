"""Labels of a folder's pictures in a table beside it: `pictures.labels.csv` of `pictures/`. Each is durable at once.

Columns: path below the folder, MD5 of the file, label, time. Lines are only ever added; of several lines of a file the
last holds, and an empty label takes it back. A line that a killed program left unfinished counts as never written.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import FolderBusy, StorageError, UnreadableFile
from system.file_lock import lock_if_free
from system.flush import flush
from system.regular_files import read_regular

ENDING = ".labels.csv"
_COLUMNS = ("path", "md5", "label", "at")
_LARGEST = 256 * 1024 * 1024  # bytes
_NOT_OURS = "is no table of labels of ours; move it away, or label a copy of the folder"


@dataclass(frozen=True, slots=True)
class PictureLabel:
    """What a person says of one file."""

    path: str  # below the folder, with slashes
    md5: str  # of the file when it was labelled
    label: str  # "": taken back


def label_file_of(folder: Path) -> Path:
    """Where the labels of a folder lie."""
    whole = folder.absolute()
    return whole.with_name(whole.name + ENDING)


class LabelFile:
    """The table, open to add to; use as a context manager."""

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        self.path = path
        self._now = now
        self._labels: dict[str, PictureLabel] = {}
        self._handle: io.FileIO | None = None

    def __enter__(self) -> Self:
        """Read what is there, and get ready to add.

        Raises:
            UnreadableFile: it is no table of labels.
            FolderBusy: another program labels the same folder.
            StorageError: the disk refuses.
        """
        self._read()  # before anything is made or changed: it may be another table
        try:
            self._handle = self.path.open("ab", buffering=0)
            self._begin(self._handle)
        except OSError as error:
            self._close()
            raise StorageError(f"{self.path}: {error.strerror or error}; no label was written") from error
        except (FolderBusy, UnreadableFile):
            self._close()
            raise
        return self

    def _begin(self, handle: io.FileIO) -> None:
        self._lock(handle.fileno())
        whole = self._read()  # nobody else adds to it now
        handle.truncate(len(whole))  # half a line of a killed program
        if not whole:
            self._add(_COLUMNS)
            flush(self.path.parent)

    def _close(self) -> None:
        if self._handle is not None:
            self._handle.close()

    def _lock(self, descriptor: int) -> None:
        try:
            free = lock_if_free(descriptor)
        except OSError:
            return  # a file system without locks: one person labels a folder at a time
        if not free:
            raise FolderBusy(f"{self.path}: another crawl label is at work there; wait for it, or end it")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def labels(self) -> dict[str, PictureLabel]:
        """What holds now, by path; nothing that was taken back."""
        return {path: one for path, one in self._labels.items() if one.label}

    def of(self, path: str, md5: str) -> str:
        """The label of a file with these bytes; "": it has none."""
        one = self._labels.get(path)
        return one.label if one is not None and one.md5 == md5 else ""

    def put(self, label: PictureLabel) -> None:
        """Write a label, or take one back; it is on the disk when this returns.

        Raises:
            StorageError: the disk refuses; what was written before holds.
        """
        try:
            self._add((label.path, label.md5, label.label, self._now().isoformat(timespec="seconds")))
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror or error}; this label was not written") from error
        self._labels[label.path] = label

    def _add(self, row: tuple[str, ...]) -> None:
        handle = self._handle
        if handle is None:
            raise ValueError("the label file is not open")
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(row)
        line, before = text.getvalue().encode("utf-8", "surrogateescape"), os.fstat(handle.fileno()).st_size
        try:
            if handle.write(line) != len(line):
                raise OSError(errno.ENOSPC, "the disk took only part of a line")
            os.fsync(handle.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                handle.truncate(before)  # the next line must not be added to half of this one
            raise

    def _read(self) -> bytes:
        """What is there, without half a line at its end; the labels are known then."""
        whole = _whole_lines(self.path)
        self._labels = {one.path: one for one in _parsed(self.path, whole)}
        return whole


def read_labels(path: Path) -> dict[str, PictureLabel]:
    """The labels of a table, by path; nothing that was taken back. It may be written to meanwhile.

    Raises:
        UnreadableFile: it is not there, or no table of labels.
    """
    if not path.exists():
        raise UnreadableFile(path, "is not there; crawl label FOLDER writes such a table")
    known = {one.path: one for one in _parsed(path, _whole_lines(path))}
    return {name: one for name, one in known.items() if one.label}


def _whole_lines(path: Path) -> bytes:
    """What is there, without half a line at its end.

    Raises:
        UnreadableFile: it cannot be read, or its only line is none of ours.
    """
    try:
        content = read_regular(path, _LARGEST).content
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UnreadableFile(path, f"cannot be read: {error.strerror or error}") from error
    whole = content[: content.rfind(b"\n") + 1]
    if not whole and not ",".join(_COLUMNS).encode().startswith(content):
        raise UnreadableFile(path, _NOT_OURS)
    return whole


def _parsed(path: Path, content: bytes) -> list[PictureLabel]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="")))
    except csv.Error:
        rows = [[]]
    if rows and tuple(rows[0]) != _COLUMNS:
        raise UnreadableFile(path, _NOT_OURS)
    return [PictureLabel(*row[:3]) for row in rows[1:] if len(row) == len(_COLUMNS)]
