"""A judge that writes down every look, so that what was looked at twice is counted; one of its kind may dawdle."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.workers.slow_judge import SlowJudge
from distributed.messages import JudgeOrder
from storage.records import Look

_DAWDLES = "dawdles"


class NotedJudge(SlowJudge):
    """Notes the number of each picture in a file of its process."""

    def __init__(self, notes: Path, picture_s: float) -> None:
        super().__init__(picture_s)
        self._notes = notes / f"{os.getpid()}.looks"

    async def look(self, picture: bytes) -> Look:
        """The look of a picture whose bytes begin with its number."""
        found = await super().look(picture)
        with self._notes.open("ab", buffering=0) as file:
            file.write(picture.partition(b" ")[0] + b"\n")
        return found


@dataclass(frozen=True, slots=True)
class NotedJudges:
    """Makes them in the workers."""

    notes: Path  # a folder
    picture_s: float
    dawdler_s: float = 0.0  # that a picture takes the first one that is made; 0: none dawdles

    def __call__(self, order: JudgeOrder, folders: Mapping[str, Path]) -> NotedJudge:
        return self.make()

    def make(self) -> NotedJudge:
        """A judge of this process."""
        return NotedJudge(self.notes, self.dawdler_s if self.dawdler_s and self._first() else self.picture_s)

    def _first(self) -> bool:
        try:
            (self.notes / _DAWDLES).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def looks(self) -> Counter[int]:
        """By number of a picture, how often it was looked at."""
        return Counter(int(line) for file in self.notes.glob("*.looks") for line in file.read_bytes().split())

    def processes(self) -> list[int]:
        """Those that have looked at a picture."""
        return sorted(int(file.stem) for file in self.notes.glob("*.looks"))
