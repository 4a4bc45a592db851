"""A better judge takes the place of the first while pictures are in flight."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType

import pytest

from crawler.switching_judge import SwitchingJudge
from storage.records import JudgeStats, Look, ModelCard


@dataclass
class Gated:
    """A judge whose looks end when they are let through; its score is its own number."""

    number: int
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    gated: bool = True
    breaks: bool = False
    opened: bool = False
    looks: int = 0

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return {"mona": ModelCard("mona", self.number, str(self.number) * 64, str(self.number) * 64, 0.5)}

    async def __aenter__(self) -> Gated:
        self.opened = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened = False
        self.let_through()

    async def look(self, picture: bytes) -> Look:
        if self.gated:
            self.waiting.append(asyncio.get_running_loop().create_future())
            await self.waiting[-1]
        return self._seen()

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        await asyncio.sleep(0)
        return self._seen()

    def let_through(self) -> None:
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)

    def stats(self) -> JudgeStats:
        return JudgeStats(self.looks if self.opened else 0, self.looks, 1.0, 0, f"device {self.number}", "fake")

    def _seen(self) -> Look:
        if self.breaks or not self.opened:
            raise RuntimeError("closed under the look")
        self.looks += 1
        return Look({"mona": self.number / 10})


def score(look: Look) -> float:
    return look.scores["mona"]


async def some_turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@asynccontextmanager
async def a_switch_during_a_look(
    first: Gated, second: Gated
) -> AsyncIterator[tuple[SwitchingJudge, asyncio.Task[Look], asyncio.Task[None]]]:
    """The judge, a look that began under the first one, and the switch that waits for it."""
    async with SwitchingJudge(first) as judge:
        looking = asyncio.create_task(judge.look(b""))
        await some_turns()
        switching = asyncio.create_task(judge.switch_to(second))
        await some_turns()
        yield judge, looking, switching


async def test_a_look_that_began_under_the_old_judge_is_done_again_under_the_new() -> None:
    first, second = Gated(1), await Gated(2, gated=False).__aenter__()
    async with a_switch_during_a_look(first, second) as (judge, looking, switching):
        first.let_through()

        assert score(await looking) == 0.2
        await switching
        assert judge.models == second.models


async def test_the_old_judge_stays_open_until_its_last_look_has_ended() -> None:
    first, second = Gated(1), await Gated(2, gated=False).__aenter__()
    async with SwitchingJudge(first) as judge:
        looking = [asyncio.create_task(judge.look(b"")) for _ in range(3)]
        await some_turns()
        switching = asyncio.create_task(judge.switch_to(second))
        await some_turns()

        assert first.opened
        assert score(await judge.look(b"")) == 0.2  # nobody waits for the old one's looks

        first.let_through()
        await asyncio.gather(*looking, switching)
        assert not first.opened
        assert second.opened
    assert not second.opened


async def test_trouble_of_a_judge_that_was_replaced_ends_nothing() -> None:
    first, second = Gated(1, breaks=True), await Gated(2, gated=False).__aenter__()
    async with a_switch_during_a_look(first, second) as (_, looking, switching):
        first.let_through()

        assert score(await looking) == 0.2
        await switching


async def test_trouble_of_the_judge_in_place_is_raised() -> None:
    async with SwitchingJudge(Gated(1, gated=False, breaks=True)) as judge:
        with pytest.raises(RuntimeError, match="closed under the look"):
            await judge.look(b"")


async def test_a_switch_that_is_broken_off_closes_the_old_judge_and_its_looks_are_done_again() -> None:
    first, second = Gated(1), await Gated(2, gated=False).__aenter__()
    async with a_switch_during_a_look(first, second) as (_, looking, switching):
        switching.cancel()

        assert score(await looking) == 0.2
        assert not first.opened


async def test_stored_embeddings_are_scored_again_too() -> None:
    first, second = Gated(1), await Gated(2).__aenter__()
    async with SwitchingJudge(first) as judge:
        recalling = asyncio.create_task(judge.recall({}))
        await asyncio.sleep(0)

        await judge.switch_to(second)

        assert score(await recalling) == 0.2


async def test_figures_count_what_both_judges_did() -> None:
    first, second = Gated(1, gated=False), await Gated(2, gated=False).__aenter__()
    async with SwitchingJudge(first) as judge:
        await judge.look(b"")
        await judge.switch_to(second)
        await judge.look(b"")
        await judge.look(b"")

        stats = judge.stats()

    assert (stats.pictures, stats.device_busy_s, stats.device) == (3, 2.0, "device 2")


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_the_order_of_events_a_look_and_the_models_belong_together(seed: int) -> None:
    order = random.Random(seed)
    judges = [Gated(number) for number in range(1, 5)]
    torn: list[float] = []

    async def look(judge: SwitchingJudge) -> None:
        for _ in range(order.randint(0, 4)):
            await asyncio.sleep(0)
        seen = await (judge.look(b"") if order.random() < 0.7 else judge.recall({}))
        number = judge.models["mona"].number
        torn.extend([score(seen)] if score(seen) != number / 10 else [])

    async with SwitchingJudge(judges[0]) as judge:
        busy = [asyncio.create_task(look(judge)) for _ in range(40)]
        switches = []
        for following in judges[1:]:
            await some_turns(order.randint(1, 6))
            switches.append(asyncio.create_task(judge.switch_to(await following.__aenter__())))
            for one in order.sample(judges, len(judges)):
                await some_turns(order.randint(0, 3))
                one.let_through()
        while not all(task.done() for task in busy):
            await asyncio.sleep(0)
            judges[-1].let_through()
            for one in judges:
                one.let_through()
        await asyncio.gather(*busy, *switches)

    assert torn == []
    assert [one.opened for one in judges] == [False] * 4
