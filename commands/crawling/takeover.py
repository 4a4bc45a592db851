"""The network is trained beside a crawl that first models decide; it takes over when it is measured to be better.

This is what the crawl knows of it: whether a network is trained, how far the training is, and its result. The work
itself is in `commands.crawling.network_beside`, which is imported only when there is some.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from commands.terminal.console import say
from crawler.pipeline import decide_again
from crawler.run import Run


class State(StrEnum):
    """What became of a target's network."""

    TRAINING = "training"
    TOOK_OVER = "took over"  # it is in force
    NOT_BETTER = "not better"  # it is registered, and the first model stays in force
    FAILED = "failed"  # there is none; the next crawl tries again
    STOPPED = "stopped"  # by the end of the run; the next crawl trains it


@dataclass(slots=True)
class Succession:
    """One target's first model, and the one that may follow it."""

    target: str
    before: str  # name of the model in force when the crawl began: `mona/1`
    model: str | None = None  # name of the new one
    state: State = State.TRAINING
    why: str = ""
    seconds: float = 0.0  # from the crawl's beginning

    def end(self, state: State, why: str, seconds: float) -> None:
        """Record the result."""
        self.state, self.why, self.seconds = state, why, seconds

    def to_json(self) -> dict[str, Any]:
        """As in `crawl --json`."""
        return {
            "target": self.target,
            "before": self.before,
            "model": self.model,
            "state": str(self.state),
            "why": self.why,
            "seconds": round(self.seconds, 1),
        }

    def words(self) -> str:
        """A sentence for people."""
        if self.state is State.TOOK_OVER:
            return f"{self.model} took over from {self.before} after {self.seconds:.0f} s: {self.why}"
        if self.state is State.NOT_BETTER:
            return f"{self.before} stays in force; {self.model} is no better: {self.why}"
        if self.state is State.FAILED:
            return f"{self.before} stays in force; the network could not be trained: {self.why}"
        return f"{self.before} stays in force; its network is not trained yet, the next crawl without --limit does that"


@dataclass(slots=True)
class Takeover:
    """Work beside a crawl, which may put other models in force."""

    successions: list[Succession] = field(default_factory=list)
    stage: str = ""  # of the work: loading, training …
    share: float = 0.0  # of the stage that is done, 0..1
    _work: asyncio.Task[None] | None = None
    _run: Run | None = None

    def begin(self, successions: Sequence[Succession], work: Coroutine[Any, Any, None]) -> None:
        """Start the work; whoever starts it calls `cancel` in the end."""
        self.successions.extend(successions)
        self._work = asyncio.create_task(work, name="network beside the crawl")
        self._work.add_done_callback(lambda _: self._no_longer_awaited())

    def attach(self, run: Run) -> None:
        """Let the run know that other models may come."""
        self._run = run
        run.successor = run.awaited = self._work is not None
        if self._work is not None and self._work.done():
            run.awaited = False

    def report(self, stage: str, share: float, words: str) -> None:
        """How far the work is; the crawl's own progress shows it."""
        self.stage, self.share = stage, share
        if self._run is not None and self._run.awaited:
            self._run.doing = self._progress()

    async def finish(self, run: Run) -> None:
        """When the crawl has processed every post: wait for the work, then decide again what other models decided.

        A stop request ends the waiting; the models in force stay.

        Raises:
            whatever ended the work for a reason that is not its own; and as `crawl` does.
        """
        if self._work is None:
            return
        await self._settled(self._work, run.stop)
        if any(one.state is State.TOOK_OVER for one in self.successions) and not run.stop.is_set():
            run.doing = "deciding again what other models have decided"
            await decide_again(run)
        run.doing = ""

    async def cancel(self) -> None:
        """End the work, if it has not ended, and wait until it has."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        for one in self.successions:
            one.state = State.STOPPED if one.state is State.TRAINING else one.state

    async def _settled(self, work: asyncio.Task[None], stop: asyncio.Event) -> None:
        if not work.done() and not stop.is_set():
            names = ", ".join(one.before for one in self.successions)
            say(
                f"everything is decided by {names}; waiting for the network that is still being trained "
                "(Ctrl-C goes on without it)"
            )
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        if work.done():
            work.result()
        else:
            await self.cancel()

    def _progress(self) -> str:
        return f"network: {self.stage} {self.share:.0%}" if self.stage else "network"

    def _no_longer_awaited(self) -> None:
        if self._run is not None:
            self._run.awaited, self._run.doing = False, ""
