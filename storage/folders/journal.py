"""The journal of files that are moved: lines of JSON, each durable before the move that it announces.

First a line that says what is sorted where, then one for every file: from where, to where, and what its bytes are. A
move that came to nothing is cancelled by a later line. The last line says that all is done, or was taken back. A
program that is killed leaves a journal without an end, and perhaps half a line: that move was never begun.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from storage.errors import UnreadableFile
from storage.folders.transfer import Expected
from system.flush import flush
from system.regular_files import UnsafeFile, open_regular

FORMAT = "crawl classify moves 1"
PREFIX, ENDING = "moved-", ".jsonl"
_LARGEST = 4 * 1024 * 1024 * 1024  # bytes of a journal: some ten million moves
_LONGEST_LINE = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Job:
    """What is sorted where; a killed job is gone on with by one that is equal."""

    sources: tuple[str, ...]  # the folders, absolute
    targets: tuple[str, ...]  # where files go, absolute; empty for what stays
    what: str  # by which word of the user's: mona

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"sources": list(self.sources), "targets": list(self.targets), "what": self.what}


@dataclass(frozen=True, slots=True)
class Move:
    """One file's move."""

    number: int  # counts up in its journal, from 1
    batch: int  # counts up; moves of one batch are begun together
    source: Path
    target: Path
    expected: Expected

    def to_json(self) -> dict[str, Any]:
        """Plain values; a name that is no text keeps its bytes."""
        return {
            "move": self.number,
            "batch": self.batch,
            "from": os.fspath(self.source),
            "to": os.fspath(self.target),
            "size": self.expected.size,
            "sha256": self.expected.sha256,
        }


@dataclass(frozen=True, slots=True)
class JournalContent:
    """What a journal says."""

    job: Job
    moves: tuple[Move, ...]  # without the cancelled ones
    ended: bool  # all of the job is done
    undone: bool  # all of it was taken back
    length: int  # bytes of whole lines; half a line may follow


class Journal:
    """A journal that is being written; whoever has it open has locked the folder that it lies in."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self._file = file

    @classmethod
    def create(cls, folder: Path, job: Job, now: datetime) -> Journal:
        """Begin a journal in a folder; its name tells when."""
        name = f"{PREFIX}{now:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}{ENDING}"
        path = folder / name
        journal = cls(path, path.open("xb"))
        try:
            journal.append([{"journal": FORMAT, "job": job.to_json(), "at": now.isoformat(timespec="seconds")}])
            flush(folder)
        except BaseException:
            journal.close()
            raise
        return journal

    @classmethod
    def reopen(cls, path: Path, content: JournalContent) -> Journal:
        """Go on with a journal behind its last whole line."""
        file = path.open("r+b")
        try:
            file.truncate(content.length)
            file.seek(content.length)
        except BaseException:
            file.close()
            raise
        return cls(path, file)

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Write lines; they are durable on return."""
        self._file.write(b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def read_journal(path: Path) -> JournalContent:
    """Read a journal.

    Raises:
        UnreadableFile: it is not there, or is no journal; names the line.
    """
    try:
        with open_regular(path, _LARGEST) as raw:
            return _content(path, _lines(path, raw))
    except FileNotFoundError:
        raise UnreadableFile(path, "is not there") from None
    except UnsafeFile as refused:
        raise UnreadableFile(path, refused.why) from None
    except OSError as error:
        raise UnreadableFile(path, f"cannot be read: {error.strerror or error}") from None


def unfinished_journals(folder: Path) -> Sequence[Path]:
    """The journals of a folder that have no end, oldest first; what cannot be read is none."""
    found = []
    for path in sorted(folder.glob(f"{PREFIX}*{ENDING}")):
        if _is_closed(path):
            continue
        try:
            content = read_journal(path)
        except UnreadableFile:
            continue
        if not content.ended and not content.undone:
            found.append(path)
    return found


def _is_closed(path: Path) -> bool:
    """Whether the last line is an end: told without reading the others, of which there may be a million."""
    try:
        with open_regular(path, _LARGEST) as raw:
            raw.seek(max(0, raw.seek(0, os.SEEK_END) - _LONGEST_LINE))
            record = json.loads(raw.read().rstrip(b"\n").rpartition(b"\n")[2])
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and ("end" in record or "undone" in record)


def _lines(path: Path, raw: Any) -> Iterator[tuple[int, bytes]]:
    """Whole lines with the position behind each; half a line at the end was never announced."""
    position, rest = 0, b""
    while piece := raw.read(1024 * 1024):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            position += len(line) + 1
            yield position, line
        if len(rest) > _LONGEST_LINE:
            raise UnreadableFile(path, "is no journal of crawl classify: its lines are too long")


def _content(path: Path, lines: Iterator[tuple[int, bytes]]) -> JournalContent:
    job: Job | None = None
    moves: dict[int, Move] = {}
    ended = undone = False
    length = 0
    for number, (position, line) in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if job is None:
                job = _job(record)
            elif "move" in record:
                move = _move(record)
                moves[move.number] = move
            elif "cancelled" in record:
                moves.pop(int(record["cancelled"]), None)
            ended, undone = ended or "end" in record, undone or "undone" in record
        except (ValueError, TypeError, KeyError):
            raise UnreadableFile(path, f"is no journal of crawl classify, or damaged: line {number}") from None
        length = position
    if job is None:
        raise UnreadableFile(path, "is no journal of crawl classify: it is empty")
    return JournalContent(job, tuple(moves.values()), ended, undone, length)


def _job(record: Any) -> Job:
    if record["journal"] != FORMAT:
        raise ValueError(record["journal"])
    job = record["job"]
    return Job(tuple(map(str, job["sources"])), tuple(map(str, job["targets"])), str(job["what"]))


def _move(record: Any) -> Move:
    source, target = Path(_text(record["from"])), Path(_text(record["to"]))
    if not (source.is_absolute() and target.is_absolute()):
        raise ValueError(record)
    expected = Expected(int(record["size"]), _text(record["sha256"]))
    return Move(int(record["move"]), int(record["batch"]), source, target, expected)


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError(value)
    return value
