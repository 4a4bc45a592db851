"""A budget's share of what several machines may ask of a site together, kept where all of them look: on a server.

Everybody takes leave of the budget of this machine first, and then of this one. A server is asked in a thread of its
own, one question after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from crawler.transport.shared_state import Facts

T = TypeVar("T")
WideChange = Callable[[Facts, float], float]  # changes the facts, given the time that all share, in seconds


class Pacekeeper(Protocol):
    """Where all machines look; asked by one thread at a time."""

    def update(self, name: str, change: WideChange) -> float:
        """Change one site's facts while nobody else does; gives what the change gives."""
        ...

    def take(self, name: str, count: int) -> int | None:
        """One of so many places, by its number; None when all are taken."""
        ...

    def give_back(self, name: str, number: int) -> None:
        """Free a place again."""
        ...

    def close(self) -> None:
        """Let go of all places."""
        ...


class Everywhere:
    """A pacekeeper, asked in a thread of its own."""

    def __init__(self, keeper: Pacekeeper) -> None:
        self._keeper = keeper
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pace")

    async def update(self, name: str, change: WideChange) -> float:
        """As the pacekeeper's."""
        return await self._asked(lambda: self._keeper.update(name, change))

    async def take(self, name: str, count: int) -> int | None:
        """As the pacekeeper's; a place that is granted to a caller who was cancelled meanwhile is given back."""
        found = asyncio.wrap_future(self._thread.submit(self._keeper.take, name, count))
        try:
            return await asyncio.shield(found)
        except asyncio.CancelledError:
            found.add_done_callback(lambda done: self._return(name, done))
            raise

    def give_back(self, name: str, number: int) -> None:
        """As the pacekeeper's, some time soon: a server that has gone has freed it already."""
        self._thread.submit(self._keeper.give_back, name, number)

    def close(self) -> None:
        """Let go of all places; waits for the question that is under way."""
        self._thread.submit(self._keeper.close)
        self._thread.shutdown()

    def _return(self, name: str, done: asyncio.Future[int | None]) -> None:
        if not done.cancelled() and done.exception() is None and (number := done.result()) is not None:
            self.give_back(name, number)

    async def _asked(self, question: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)


class Rules(Protocol):
    """How facts follow from what was asked and answered: a bucket of the budget's, by the clock that all share."""

    striking: bool  # whether the last look at the facts found us throttled

    def take(self, facts: Facts, now: float) -> float:
        """Take one permit, or say how many seconds to wait before asking again."""
        ...

    def strike(self, facts: Facts, now: float, stated: float | None, granted: float) -> float:
        """A 429 came in for a permit granted at that time."""
        ...

    def hold(self, facts: Facts, now: float, seconds: float) -> float:
        """The site stated a wait."""
        ...

    def forgive(self, facts: Facts) -> float:
        """A request was answered after all."""
        ...


@dataclass(frozen=True, slots=True)
class WideShare:
    """One kind of requests to one group of hosts, at all machines."""

    everywhere: Everywhere
    rules: Rules
    record: str  # name of its facts
    places: str  # name of its places

    async def take(self) -> float:
        """Take one permit, or say how many seconds to wait before asking again."""
        return await self.everywhere.update(self.record, self.rules.take)

    async def throttled(self, stated: float | None, ago: float) -> None:
        """A 429 came in for a permit granted so many seconds ago."""
        await self.everywhere.update(
            self.record, lambda facts, now: self.rules.strike(facts, now, stated, granted=now - ago)
        )

    async def hold(self, seconds: float) -> None:
        """Hold everybody back."""
        await self.everywhere.update(self.record, lambda facts, now: self.rules.hold(facts, now, seconds))

    async def fine(self) -> None:
        """A request was answered; costs nothing unless we were throttled before."""
        if self.rules.striking:
            self.rules.striking = False
            await self.everywhere.update(self.record, lambda facts, _: self.rules.forgive(facts))

    async def take_place(self, count: int) -> int | None:
        """One of the places that all machines share."""
        return await self.everywhere.take(self.places, count)

    def give_back(self, number: int) -> None:
        """Free a place again."""
        self.everywhere.give_back(self.places, number)
