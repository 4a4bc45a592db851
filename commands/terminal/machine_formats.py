"""What programs read: one JSON object for each command with `--json`, and the formats of `crawl query`. UTF-8 always.

A command only says what belongs into its object. It is printed when the command has ended, whatever the end was, so
there is exactly one, and its `exit` is the true one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from commands.terminal.escapes import csv_cell, json_text, printable
from commands.terminal.streams import OUTPUT


@dataclass(slots=True, eq=False)
class _Reply:
    """The object that the command of the moment owes."""

    owed: bool = False
    record: dict[str, Any] = field(default_factory=dict)
    still_open: list[Mapping[str, Any]] = field(default_factory=list)
    error: str | None = None


_replies = [_Reply()]  # of the command at work, last; one stands below another only while a command runs in a command


@contextmanager
def one_reply() -> Iterator[None]:
    """While the block runs, it is one command's output that is put together."""
    reply = _Reply()
    _replies.append(reply)
    try:
        yield
    finally:
        _replies.remove(reply)


def owe_object() -> None:
    """The user asked for `--json`."""
    _replies[-1].owed = True


def object_is_owed() -> bool:
    """Whether the user asked for `--json`."""
    return _replies[-1].owed


def print_json(record: Mapping[str, Any]) -> None:
    """Put this into the command's object, which is printed at its end."""
    _replies[-1].record |= record


def note_error(text: str) -> None:
    """Why the command ends as it does, in words; the last one noted is the one that counts."""
    _replies[-1].error = text


def leave_open(what: str, count: int, why: str) -> None:
    """Something that the command did not complete, for its object; nothing where the count is 0.

    Args:
        what: is counted, as `posts`.
        count: how many.
        why: they are open, in words.
    """
    if count:
        _replies[-1].still_open.append({"what": what, "count": count, "why": why})


def finish(code: int) -> None:
    """Print the object that is owed.

    Args:
        code: that the program exits with.
    """
    reply = _replies[-1]
    if not reply.owed:
        return
    record = {name: value for name, value in reply.record.items() if name != "exit"}
    if code and reply.error is not None:
        record["error"] = reply.error
    if code or reply.still_open:
        record["open"] = reply.still_open
    OUTPUT.write_utf8(json_text(record | {"exit": int(code)}) + "\n")
    reply.owed = False


def print_json_line(record: Mapping[str, Any]) -> None:
    """One line of progress for a program, at once."""
    OUTPUT.write_utf8(json_text(record) + "\n")


def as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A list of objects."""
    return json_text([dict(zip(columns, row, strict=True)) for row in rows], indent=1) + "\n"


def as_jsonl(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """One object a line; whatever could be taken for the end of a line is escaped."""
    return "".join(json_text(dict(zip(columns, row, strict=True))) + "\n" for row in rows)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A header and rows; no cell is a formula or breaks a line, see `escapes.csv_cell`."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in columns])
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return file.getvalue()


def as_ids(ids: Iterable[Any]) -> str:
    """One a line, each once."""
    return "".join(f"{printable(str(one))}\n" for one in dict.fromkeys(ids))


def print_formatted(text: str) -> None:
    """A text in one of these formats, on standard output."""
    OUTPUT.write_utf8(text)
