"""A folder of pictures cut from videos, with a table of them: each is whole, nothing is overwritten, work goes on.

`frames.csv` has a row for every picture: its file, the video, the time in seconds, which part of the frame it is, its
hash. A second file, hidden, names the videos that were read to their end, and how. Both only grow; a line that a
killed program left unfinished counts as never written. Pictures come first, their rows second.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from storage.database.error_translation import at_border
from storage.errors import UnreadableFile
from storage.files.disk import Disk
from storage.folders.transfer import Expected, Occupied, is_file_of, part_of, publish
from system.flush import flush
from system.regular_files import read_regular

TABLE, ENDED = "frames.csv", ".crawl-frames-ended.csv"
COLUMNS = ("file", "video", "time_s", "part", "hash", "video_id", "how")
_ENDED_COLUMNS = ("video_id", "how", "video")
_LARGEST = 1024 * 1024 * 1024  # bytes of a table
_LONGEST_STEM = 180  # bytes


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One picture."""

    file: str  # its name in the folder
    video: str  # the video's name
    time_s: float
    part: str  # whole | left | right
    hash: int  # 0..2**64-1
    video_id: str  # by its bytes
    how: str  # what was asked for: `every 1 s, halves`


class FrameFolder:
    """The folder, open to add to; use as a context manager."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        """The folder is there, and nobody else writes into it."""
        self.folder, self._disk = folder, disk
        self.rows: list[FrameRow] = []
        self._ended: set[tuple[str, str]] = set()
        self._files: set[str] = set()
        self._ids_of: dict[str, set[str]] = defaultdict(set)  # by a video's stem
        self._handles: dict[str, io.BufferedWriter] = {}

    def __enter__(self) -> Self:
        """Read what is there.

        Raises:
            UnreadableFile: a table of that name is not ours.
            StorageError: the disk refuses.
        """
        try:
            self._read_tables()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for handle in self._handles.values():
            handle.close()

    def _read_tables(self) -> None:
        for cells in self._open(TABLE, COLUMNS):
            try:
                row = FrameRow(cells[0], cells[1], float(cells[2]), cells[3], int(cells[4], 16), cells[5], cells[6])
            except ValueError:
                raise UnreadableFile(self.folder / TABLE, f"has a row that is not ours: {cells[:4]}") from None
            self._note(row)
        self._ended = {(cells[0], cells[1]) for cells in self._open(ENDED, _ENDED_COLUMNS)}

    def is_done(self, video_id: str, how: str) -> bool:
        """Whether a video was read to its end in this way."""
        return (video_id, how) in self._ended

    def reached(self, video_id: str, how: str) -> float:
        """Time of the last picture of a video that was got in this way; 0: there is none."""
        return max((one.time_s for one in self.rows if (one.video_id, one.how) == (video_id, how)), default=0.0)

    def stem_for(self, video: Path, video_id: str) -> str:
        """What the pictures' names begin with: the video's name, with the id's beginning where another video has it."""
        plain = "".join(char if char.isprintable() else "_" for char in video.stem).lstrip(".") or "video"
        stem = os.fsdecode(os.fsencode(plain)[:_LONGEST_STEM])
        others = self._ids_of[stem] - {video_id}
        chosen = f"{stem}-{video_id[:8]}" if others else stem
        self._ids_of[chosen].add(video_id)
        return chosen

    def has(self, file: str) -> bool:
        """Whether the table has a picture of that name."""
        return file in self._files

    def put(self, row: FrameRow, content: bytes) -> None:
        """Write a picture and its row; a file that has exactly these bytes already is taken for it.

        Raises:
            Occupied: something else has its name; it is left alone.
            StorageError: the disk refuses; what was written before holds.
        """
        target = self.folder / row.file
        with at_border(target):
            try:
                self._write(target, content)
            except Occupied:
                if not is_file_of(target, Expected(len(content), hashlib.sha256(content).hexdigest())):
                    raise
            cells = (row.file, row.video, f"{row.time_s:.6f}", row.part, f"{row.hash:016x}", row.video_id, row.how)
            self._add(TABLE, cells)
        self._note(row)

    def end(self, video_id: str, how: str, video: str) -> None:
        """Say that a video was read to its end."""
        with at_border(self.folder / ENDED):
            self._add(ENDED, (video_id, how, video))
        self._ended.add((video_id, how))

    def _write(self, target: Path, content: bytes) -> None:
        part = part_of(target)
        part.unlink(missing_ok=True)  # of a killed program: the name is ours alone
        try:
            with part.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            publish(part, target, self._disk)
        finally:
            part.unlink(missing_ok=True)

    def _note(self, row: FrameRow) -> None:
        self.rows.append(row)
        self._files.add(row.file)
        self._ids_of[_stem_of(row)].add(row.video_id)

    def _open(self, name: str, columns: tuple[str, ...]) -> list[list[str]]:
        """The whole rows of a table, which is then open to add to."""
        path = self.folder / name
        content = self._read(path)
        whole = content[: content.rfind(b"\n") + 1]
        rows = list(csv.reader(io.StringIO(whole.decode("utf-8", "surrogateescape"), newline="")))
        if content and (not rows or tuple(rows[0]) != columns):
            raise UnreadableFile(path, "is no table of crawl frames; name another folder, or move it away")
        with at_border(path):
            handle = path.open("ab")
            handle.truncate(len(whole))
            self._handles[name] = handle
            if not whole:
                self._add(name, columns)
                flush(self.folder)
        return [row for row in rows[1:] if len(row) == len(columns)]

    def _read(self, path: Path) -> bytes:
        try:
            return read_regular(path, _LARGEST, links=False).content
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UnreadableFile(path, f"cannot be read: {error.strerror or error}") from error

    def _add(self, name: str, cells: tuple[str, ...]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(cells)
        handle = self._handles[name]
        handle.write(text.getvalue().encode("utf-8", "surrogateescape"))
        handle.flush()


def frame_name(stem: str, time_s: float, part: str) -> str:
    """The name of a picture: `clip-00h03m12.480s-left.jpg`; the whole frame's has no part."""
    milliseconds = round(time_s * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    ending = "" if part == "whole" else f"-{part}"
    return f"{stem}-{hours:02d}h{minutes:02d}m{rest / 1000:06.3f}s{ending}.jpg"


def _stem_of(row: FrameRow) -> str:
    """What a picture's name begins with."""
    tail = frame_name("", row.time_s, row.part)
    return row.file.removesuffix(tail)
