"""What was measured so far, one line of JSON each, written as it comes.

A run that was ended goes on where it was, and two runs at a time, of other rows, may share one file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


class Measurements:
    """Trainings by the words that decide them."""

    def __init__(self, file: Path | None = None, say: Callable[[str], None] = lambda _: None) -> None:
        """Set where measurements are kept.

        Args:
            file: JSON lines; None: in memory alone.
            say: hears what is not measured again.
        """
        self._file, self._say = file, say
        self._known: dict[str, Any] = {}
        self.loads: list[float] = []  # of the machine, over the minute before each measurement ended

    def once(self, what: str, kind: type[Record], measure: Callable[[], Record]) -> Record:
        """What an earlier run measured by the same words, or what `measure` gives now.

        Args:
            what: everything that decides the result: which pictures, which network, settings, seed.
            kind: of the record, a dataclass of plain values; its tuples come back as lists.
            measure: trains; its errors are the caller's.
        """
        known = self._known.get(what)
        if known is None and self._file:
            known = _read(self._file).get(what)
        if known is not None:
            self._say(f"  measured before: {what}")
            self.loads.append(known["load"])
            return kind(**known["record"])
        record, load = measure(), round(os.getloadavg()[0], 1)
        self.loads.append(load)
        self._known[what] = {"load": load, "record": asdict(record)}
        if self._file:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write("\n" * _is_cut(self._file) + json.dumps({"what": what, **self._known[what]}) + "\n")
        return record


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    known = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError):  # a run was ended while it wrote this one
            entry = json.loads(line)
            known[entry["what"]] = entry
    return known


def _is_cut(file: Path) -> bool:
    """Whether the last line has no end: a run was ended while it wrote."""
    content = file.read_bytes()
    return bool(content) and not content.endswith(b"\n")
