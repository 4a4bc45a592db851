"""One politeness for all machines that use one database: each has a budget of its own, and a row has them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.errors import BlockedError
from crawler.sites import BUILTIN, site_from_url
from crawler.transport.budget import Budget, Kind, budget_for
from crawler.transport.shared_state import Facts
from crawler.transport.wide_budget import Everywhere
from tests.crawler.scenes import Clock

DANBOORU = BUILTIN["danbooru"]


class Row:
    """Stands for the server: facts by name, places, and a clock that is not the machines' own."""

    def __init__(self, clock: Clock) -> None:
        self._now = lambda: clock() + 1e9
        self.facts: dict[str, Facts] = {}
        self.taken: set[tuple[str, int]] = set()

    def update(self, name: str, change: Callable[[Facts, float], float]) -> float:
        return change(self.facts.setdefault(name, {}), self._now())

    def take(self, name: str, count: int) -> int | None:
        for number in range(count):
            if (name, number) not in self.taken:
                self.taken.add((name, number))
                return number
        return None

    def give_back(self, name: str, number: int) -> None:
        self.taken.discard((name, number))

    def close(self) -> None:
        self.taken.clear()


def machines(folder: Path, clock: Clock, everywhere: Everywhere, count: int = 3) -> list[Budget]:
    made = []
    for number in range(count):
        budget = budget_for(DANBOORU, state_dir=folder / str(number), clock=clock, sleep=clock.sleep, boot=str(number))
        budget.share(DANBOORU.group, everywhere)
        made.append(budget)
    return made


async def ask(budget: Budget, kind: Kind = Kind.API) -> float:
    async with budget.permit(kind) as permit:
        return permit.granted


async def test_machines_that_take_turns_have_one_machines_rate(tmp_path: Path) -> None:
    clock = Clock()
    everywhere = Everywhere(Row(clock))
    budgets = machines(tmp_path, clock, everywhere)

    times = [await ask(budgets[turn % 3]) for turn in range(200)]
    everywhere.close()

    assert max(sum(start <= one < start + 60 for one in times) for start in times) <= 60


async def test_a_wait_that_one_machine_was_told_holds_the_others_back(tmp_path: Path) -> None:
    clock = Clock()
    everywhere = Everywhere(Row(clock))
    first, second, third = machines(tmp_path, clock, everywhere)
    granted = await ask(first)

    await first.throttled(Kind.API, 120.0, granted)
    until = clock() + 120.0

    assert await ask(second) >= until
    await second.throttled(Kind.API, 1000.0, clock())  # longer than a run waits
    with pytest.raises(BlockedError):
        await ask(third)
    everywhere.close()


async def test_no_more_requests_run_at_once_than_one_machine_may_have(tmp_path: Path) -> None:
    clock = Clock()
    row = Row(clock)
    everywhere = Everywhere(row)
    first, second, _ = machines(tmp_path, clock, everywhere)
    allowed = first.at_once(Kind.FILE)
    held = [first.permit(Kind.FILE) for _ in range(allowed)]
    for permit in held:
        await permit.__aenter__()

    waiting = asyncio.create_task(ask(second, Kind.FILE))
    await asyncio.sleep(0)
    assert len(row.taken) == allowed
    await held[0].__aexit__(None, None, None)
    await waiting

    for permit in held[1:]:
        await permit.__aexit__(None, None, None)
    everywhere.close()
    assert row.taken == set()


async def test_a_site_of_this_machine_without_a_limit_asks_nobody(tmp_path: Path) -> None:
    site = site_from_url("http://127.0.0.1:1", name="here", allow_http=True)
    row = Row(Clock())
    everywhere = Everywhere(row)
    budget = budget_for(site)
    budget.share(site.group, everywhere)

    await ask(budget)
    everywhere.close()

    assert row.facts == {}
