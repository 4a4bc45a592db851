"""How many steps a training can afford, and how large each may be, from the speed that is measured as it goes.

A machine that is busy when training begins may be free a minute later, or the other way round. So the plan follows the
speed of the last steps both ways: down to what the time budget allows, and up again, but never beyond what was planned.

The budget is meant for a machine that is free. Time in which other work takes the processor away counts by the share
that is left, down to a half: so half the machine is enough for all steps, in at most twice the time.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Clock = Callable[[], float]
Share = Callable[[], float]  # of the processor time asked for, 0..1, that was got since the last call

LEAST_STEPS = 20  # that are done however little time there is
RESERVE = 0.88  # share of the time budget that training may plan with; the rest is for looking at pictures
LEAST_SHARE = 1 / 3  # of the planned steps; networks with 30 % of theirs agreed with the tags less than frozen features
_WARM_STEPS = 4  # the first ones compile and are not timed
_WINDOW = 40  # steps over which the speed is measured
_EVERY = 10  # steps between two looks at the speed
LEAST_COUNTED = 0.5  # share of the time that counts against the budget, however busy the machine is
_LONGEST_WARM_UP = 100  # steps
_LOWEST_RATE = 0.002  # share of the peak


class TrainingPace:
    """A training's steps: how many are done, how many there will be, and the share of the peak rate for the next."""

    def __init__(
        self, planned: int, budget_s: float, clock: Clock = time.monotonic, share: Share = lambda: 1.0
    ) -> None:
        """Begin.

        Args:
            planned: steps, when there is time enough.
            budget_s: seconds of a machine that is free, of which `RESERVE` is for the steps.
            clock: seconds.
            share: how much of the machine other work leaves.
        """
        self.planned = planned
        self.steps = planned
        self.step = 0
        self._left_s = budget_s * RESERVE
        self._clock, self._share_now = clock, share
        self._begun = self._counted_until = clock()
        self._counted_s, self._share = 0.0, 1.0
        self._paused_s = 0.0
        self._times: deque[float] = deque(maxlen=_WINDOW + 1)  # when the last steps ended, pauses left out
        self._timed_from = self._begun  # pauses left out
        self._last_rate = 0.0

    def stepped(self) -> None:
        """Count a step, and plan anew now and then, and before the last."""
        self.step += 1
        if self.step < _WARM_STEPS:
            return
        now = self._working()
        self._times.append(now)
        if self.step == _WARM_STEPS:
            self._timed_from = now
        if self.step >= LEAST_STEPS and (self.step % _EVERY == 0 or self.step >= self.steps):
            self._plan()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Time for something else counts against the budget and not against the speed."""
        before = self._clock()
        try:
            yield
        finally:
            self._paused_s += self._clock() - before

    def rate(self) -> float:
        """Share of the peak learning rate for the next step, 0..1: a warm-up, then half a cosine over the whole plan.

        Where the plan grows, the rate climbs back to the cosine's no faster than in the warm-up.
        """
        warm_up = max(1, min(_LONGEST_WARM_UP, self.steps // 8))
        falling = 0.5 * (1 + math.cos(math.pi * self.step / self.steps)) + _LOWEST_RATE
        self._last_rate = min(1.0, falling, self._last_rate + 1 / warm_up)
        return self._last_rate

    def seconds(self) -> float:
        """Since it began, pauses included."""
        return self._clock() - self._begun

    def counted_s(self) -> float:
        """Of these seconds, what counts against the budget."""
        return self._counted_s + self._share * (self._clock() - self._counted_until)

    def steps_per_s(self) -> float:
        """Over the whole training; 0 before anything was timed."""
        passed = self._working() - self._timed_from
        return max(0, self.step - _WARM_STEPS) / passed if passed > 0 else 0.0

    def _working(self) -> float:
        return self._clock() - self._paused_s

    def _count(self) -> None:
        now = self._clock()
        self._share = min(1.0, max(LEAST_COUNTED, self._share_now()))
        self._counted_s += self._share * (now - self._counted_until)
        self._counted_until = now

    def _plan(self) -> None:
        self._count()
        passed = self._times[-1] - self._times[0]
        speed = (len(self._times) - 1) / passed if passed > 0 else math.inf  # steps a second, lately
        left = max(0.0, self._left_s - self._counted_s) / self._share
        affordable = self.step + math.floor(min(left * speed, self.planned)) if left else self.step
        self.steps = min(self.planned, affordable)


def too_brief(trained: Mapping[str, Any]) -> str:
    """Why a network may not decide that did far fewer steps than planned, and what to do; empty where it may.

    Args:
        trained: `steps`, `planned_steps`, and `counted_s` or, from before that was kept, `seconds`, as a package's
            snapshot has them.
    """
    steps, planned = int(trained.get("steps") or 0), int(trained.get("planned_steps") or 0)
    if steps >= LEAST_SHARE * planned:
        return ""
    counted = float(trained.get("counted_s") or trained.get("seconds") or 0)
    minutes = math.ceil(counted / RESERVE / 60 * planned / max(1, steps))
    return (
        f"trained for only {steps / planned:.0%} of its steps; give it more time: [round_zero] minutes = {minutes} in "
        "crawl.toml where the machine stays as busy, then crawl train --how network"
    )
