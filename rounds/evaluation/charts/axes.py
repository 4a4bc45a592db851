"""Axes of a chart: ranges, scales and ticks."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

STEPS = 5
_ROOM = 6  # decades of counts, both ways together, that leave room for every tick


def _plainly(value: float) -> float:
    return value


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values."""

    title: str
    low: float
    high: float
    ticks: Sequence[tuple[float, str]]  # value, text
    shape: Callable[[float], float] = field(default=_plainly)  # rising; what is drawn evenly

    def share(self, value: float) -> float:
        """How far along the axis a value lies, 0..1; values beyond the ends lie at the ends."""
        low, high = self.shape(self.low), self.shape(self.high)
        return min(1.0, max(0.0, (self.shape(value) - low) / ((high - low) or 1.0)))


def unit_axis(title: str, low: float = 0.0, steps: int = STEPS) -> Axis:
    """From `low` to 1."""
    return Axis(title, low, 1.0, [(at, f"{at:.3g}") for at in _even(low, 1.0, steps)])


def counts_axis(title: str, high: float) -> Axis:
    """From 0 to a round number over `high`."""
    top = round_up(high)
    return Axis(title, 0.0, top, [(at, f"{at:,g}") for at in _even(0.0, top, STEPS)])


def fitted_axis(title: str, values: Sequence[float]) -> Axis:
    """Round ticks around finite values, wherever they lie."""
    low, high = min(values), max(values)
    room = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(room / 4))
    step = next(step * times for times in (1, 2, 2.5, 5, 10) if room / (step * times) <= STEPS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [(number * step, f"{number * step:.6g}") for number in range(first, max(last, first + 1) + 1)]
    return Axis(title, ticks[0][0], ticks[-1][0], ticks)


def spaced_axis(title: str, places: Sequence[float], *, evenly: bool = False) -> Axis:
    """An axis with these ticks, rising; `evenly` puts them at equal distances whatever their values."""
    ticks = [(at, f"{at:,g}") for at in places]
    if not evenly:
        return Axis(title, places[0], places[-1], ticks)
    return Axis(title, places[0], places[-1], ticks, lambda value: float(min(bisect_left(places, value), len(places))))


def signed_counts_axis(title: str, up: int, down: int) -> Axis:
    """Counts upwards and, as negative values, downwards, log-like so that one stays visible beside thousands.

    A count n lies at log10(1 + n) from the middle.
    """
    ends = max(1, up), max(1, down)
    powers = [len(str(end)) for end in ends]
    first = 0 if sum(powers) <= _ROOM else 1  # the ones would stand on the zero
    ticks = {0: "0"}
    for most, sign in zip(powers, (1, -1), strict=True):
        ticks |= {sign * 10**power: f"{10**power:,}" for power in range(first, most)}
    return Axis(title, -float(ends[1]), float(ends[0]), sorted(ticks.items()), _like_log)


def round_up(value: float) -> float:
    """The next round number, at least 1."""
    if value <= 1:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if unit * step >= value)


def _even(low: float, high: float, steps: int) -> list[float]:
    return [low + (high - low) * step / steps for step in range(steps + 1)]


def _like_log(value: float) -> float:
    return math.copysign(math.log10(1 + abs(value)), value)
