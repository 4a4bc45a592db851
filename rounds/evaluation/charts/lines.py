"""The simplest chart: named lines with points, in a file of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rounds.evaluation.charts.axes import STEPS, Axis, counts_axis, spaced_axis
from rounds.evaluation.charts.marks import EndNames, Hover, Line
from rounds.evaluation.charts.sheet import Mark, Plane, Sheet, Words, draw

_SHEET = Sheet(width=640, height=380, right=130, top=36)


@dataclass(frozen=True, slots=True)
class Axes:
    """Titles and ticks of the axes."""

    title: str
    x: str
    y: str
    x_places: Sequence[float] | None = None  # ticks; None: evenly
    evenly: bool = False  # ticks of `x_places` at equal distances, whatever their values


def line_chart(series: Mapping[str, Sequence[tuple[float, float]]], axes: Axes) -> str:
    """Draw named lines: a file of its own, with colours and a visible title.

    Args:
        series: points by name, each with rising x.
        axes: titles and ticks.

    Raises:
        ValueError: there is no point at all, or one is not finite.
    """
    points = [point for line in series.values() for point in line]
    if not points or not all(math.isfinite(value) for point in points for value in point):
        raise ValueError("a chart needs points, and all of them finite")
    plane = Plane(_along(points, axes), counts_axis(axes.y, max(y for _, y in points)), _SHEET)
    marks: list[Mark] = []
    for look, (name, line) in enumerate(series.items()):
        marks += [Line(line, look), Hover([(x, y, f"{name}: {y:g} at {x:g}") for x, y in line], 3.0, look)]
    marks.append(EndNames([(name, line[-1][1], look) for look, (name, line) in enumerate(series.items()) if line]))
    return draw(Words(axes.title), plane, marks, alone=True)


def _along(points: Sequence[tuple[float, float]], axes: Axes) -> Axis:
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    even = [low + (high - low) * step / STEPS for step in range(STEPS + 1)]
    return spaced_axis(axes.x, axes.x_places or even, evenly=axes.evenly)
