"""A judge whose pictures take a stated time and no processor, so that many workers can be told apart on two cores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from distributed.messages import JudgeOrder
from storage.records import JudgeStats, Look


class SlowJudge:
    """Waits for each picture, one after the other; its score is the picture's own number."""

    def __init__(self, picture_s: float) -> None:
        self._picture_s = picture_s
        self._one_at_a_time = asyncio.Lock()
        self._pictures = 0

    tagger = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def look(self, picture: bytes) -> Look:
        """The look of a picture whose bytes begin with its number."""
        async with self._one_at_a_time:
            await asyncio.sleep(self._picture_s)
        self._pictures += 1
        return Look(scores={"bench": int(picture.partition(b" ")[0]) / 1e9})

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """Nothing moves here.

        Raises:
            ValueError: always; the benchmark hands out still pictures alone.
        """
        raise ValueError("only still pictures are handed out here")

    def stats(self) -> JudgeStats:
        """What was looked at; nothing computes."""
        return JudgeStats(self._pictures, self._pictures, 0.0, 0, "none", "sleep")


@dataclass(frozen=True, slots=True)
class SlowJudges:
    """Makes them in the workers."""

    picture_s: float

    def __call__(self, order: JudgeOrder, folders: Mapping[str, Path]) -> SlowJudge:
        return SlowJudge(self.picture_s)
