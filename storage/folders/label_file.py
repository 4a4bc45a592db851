"""Labels of a folder's pictures in a table beside it: `pictures.labels.csv` of `pictures/`. Each is durable at once.

Columns: path below the folder, MD5 of the file, label, time. Lines are only ever added; of several lines of a file the
last holds, and an empty label takes it back. A line that a killed program left unfinished counts as never written.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.errors import StorageError, UnreadableFile
from system.flush import flush
from system.regular_files import read_regular

ENDING = ".labels.csv"
_COLUMNS = ("path", "md5", "label", "at")
_LARGEST = 256 * 1024 * 1024  # bytes


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
        self._handle: io.BufferedWriter | None = None

    def __enter__(self) -> Self:
        """Read what is there, and get ready to add.

        Raises:
            UnreadableFile: it is no table of labels.
            StorageError: the disk refuses.
        """
        content = self._read()
        whole = content[: content.rfind(b"\n") + 1]
        self._labels = {one.path: one for one in _parsed(self.path, whole)}
        try:
            handle = self.path.open("ab")
            handle.truncate(len(whole))  # half a line of a killed program
            self._handle = handle
            if not whole:
                self._add(_COLUMNS)
                flush(self.path.parent)
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror or error}; no label was written") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.close()

    @property
    def labels(self) -> dict[str, PictureLabel]:
        """What holds now, by path; nothing that was taken back."""
        return {path: one for path, one in self._labels.items() if one.label}

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
        handle.write(text.getvalue().encode("utf-8", "surrogateescape"))
        handle.flush()
        os.fsync(handle.fileno())

    def _read(self) -> bytes:
        try:
            return read_regular(self.path, _LARGEST).content
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UnreadableFile(self.path, f"cannot be read: {error.strerror or error}") from error


def _parsed(path: Path, content: bytes) -> list[PictureLabel]:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="")))
    if rows and tuple(rows[0]) != _COLUMNS:
        raise UnreadableFile(path, "is no table of labels of ours; move it away, or label a copy of the folder")
    return [PictureLabel(*row[:3]) for row in rows[1:] if len(row) == len(_COLUMNS)]
