"""A judge that can be replaced by a better one while pictures are in flight.

Scores, models and decisions that are filed together belong together: a look that began under one judge and ended under
another is done again, and whoever gets a look reads `models` before anything else runs (there is no `await` between).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from crawler.judge import Judge
from storage.records import JudgeStats, Look, ModelCard
from storage.uninterrupted import uninterrupted

__all__ = ["JudgeContext", "SwitchingJudge"]


class JudgeContext(Judge, Protocol):
    """A judge with processes of its own, open within a `with`; `classifier.judge.NetworkJudge` is one."""

    async def __aenter__(self) -> Judge: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SwitchingJudge:
    """Looks with whichever judge is in place; use as an async context manager, which opens the first one."""

    def __init__(self, first: JudgeContext) -> None:
        self._current = first
        self._under_way: Counter[int] = Counter()  # id of a judge -> looks that have begun and not ended
        self._idle: dict[int, asyncio.Event] = {}  # id of a replaced judge -> set when its last look has ended
        self._closed: list[JudgeStats] = []  # what the judges that were replaced have done

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models of the judge in place, by `Target.name`."""
        return self._current.models

    async def __aenter__(self) -> Self:
        """Open the first judge."""
        await self._current.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._current.__aexit__(kind, error, trace)

    async def switch_to(self, judge: JudgeContext) -> None:
        """Put an open judge in place; returns when the one before has ended its last look and is closed.

        The new judge belongs to this one from the call on. Looks that are running under the old one are repeated.
        """
        old, self._current = self._current, judge
        try:
            if self._under_way[id(old)]:
                self._idle[id(old)] = asyncio.Event()
                await self._idle[id(old)].wait()
        finally:
            self._idle.pop(id(old), None)
            self._closed.append(old.stats())
            await _close(old)

    async def look(self, picture: bytes) -> Look:
        """Decode and score one encoded picture by the judge that is in place when the look ends."""
        return await self._settled(lambda judge: judge.look(picture))

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """Score stored embeddings by the judge that is in place; targets whose backbone is missing are left out."""
        return await self._settled(lambda judge: judge.recall(embeddings))

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """See `Judge`; by the judge that is in place when the look ends."""
        return await self._settled(lambda judge: judge.look_inside(seen, file, frames))

    def stats(self) -> JudgeStats:
        """What all of them have done; device and runtime are those of the judge in place."""
        now = self._current.stats()
        every = [*self._closed, now]
        return JudgeStats(
            sum(stats.pictures for stats in every),
            sum(stats.batches for stats in every),
            sum(stats.device_busy_s for stats in every),
            sum(self._under_way.values()),
            now.device,
            now.runtime,
            now.tagger,
            sum(stats.tagger_busy_s for stats in every),
        )

    async def _settled(self, look: Callable[[Judge], Awaitable[Look]]) -> Look:
        """Look until the judge that was in place at the beginning still is at the end."""
        while True:
            judge = self._current
            try:
                seen = await self._counted(judge, look)
            except Exception:
                if judge is self._current:
                    raise
                continue  # a failure of a judge that was replaced meanwhile does not count
            if judge is self._current:
                return seen

    async def _counted(self, judge: Judge, look: Callable[[Judge], Awaitable[Look]]) -> Look:
        """One look, counted as under way until its end."""
        self._under_way[id(judge)] += 1
        try:
            return await look(judge)
        finally:
            self._under_way[id(judge)] -= 1
            if not self._under_way[id(judge)] and id(judge) in self._idle:
                self._idle[id(judge)].set()


@uninterrupted
async def _close(judge: JudgeContext) -> None:
    """To its end, whatever becomes of whoever switches: a judge has processes."""
    await judge.__aexit__(None, None, None)
