"""What was measured so far, one line of JSON each, written as it comes: a run that was ended goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


class Measurements:
    """Trainings by the words that decide them."""

    def __init__(self, file: Path | None = None, say: Callable[[str], None] = lambda _: None) -> None:
        """Read what an earlier run measured.

        Args:
            file: JSON lines; None: nothing is kept.
            say: hears what is taken from the file.
        """
        self._file, self._say = file, say
        self._known = _read(file) if file else {}
        self.loads: list[float] = []  # of the machine, over the minute before each measurement ended

    def once(self, what: str, kind: type[Record], measure: Callable[[], Record]) -> Record:
        """What an earlier run measured by the same words, or what `measure` gives now.

        Args:
            what: everything that decides the result: which pictures, which network, settings, seed.
            kind: of the record, a dataclass of plain values; its tuples come back as lists.
            measure: trains; its errors are the caller's.
        """
        if (known := self._known.get(what)) is not None:
            self._say(f"  measured before: {what}")
            self.loads.append(known["load"])
            return kind(**known["record"])
        record, load = measure(), round(os.getloadavg()[0], 1)
        self.loads.append(load)
        self._known[what] = {"what": what, "load": load, "record": asdict(record)}
        if self._file:
            with self._file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(self._known[what]) + "\n")
        return record


def _read(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    known = {}
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:  # a run was ended while it wrote
        file.write_text(whole, encoding="utf-8")
    for line in whole.splitlines():
        entry = json.loads(line)
        known[entry["what"]] = entry
    return known
