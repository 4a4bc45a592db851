"""A line chart as one SVG text: no library, readable in light and dark, every point with its numbers when touched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by the colour-blind too
_WIDTH, _HEIGHT = 640, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 130, 36, 46
_STEPS = 5


@dataclass(frozen=True, slots=True)
class Axes:
    """What the axes say."""

    title: str
    x: str
    y: str
    x_places: Sequence[float] | None = None  # ticks; None: evenly
    evenly: bool = False  # ticks of `x_places` at equal distances, whatever their values


def line_chart(series: Mapping[str, Sequence[tuple[float, float]]], axes: Axes) -> str:
    """Draw named lines.

    Args:
        series: points by name, each with rising x.
        axes: titles and ticks.

    Raises:
        ValueError: there is no point at all, or one is not finite.
    """
    points = [point for line in series.values() for point in line]
    if not points or not all(math.isfinite(value) for point in points for value in point):
        raise ValueError("a chart needs points, and all of them finite")
    frame = _Frame.of(points, axes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(axes.title)}" font-family="system-ui, sans-serif" font-size="12">',
        "<style>text{fill:#222}.grid{stroke:#ccc}@media(prefers-color-scheme:dark)"
        "{text{fill:#ddd}.grid{stroke:#444}}</style>",
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="600">{escape(axes.title)}</text>',
        *_grid(frame, axes),
    ]
    ends = sorted((frame.y(line[-1][1]), name) for name, line in series.items() if line)
    places = dict(zip((name for _, name in ends), _spread([end for end, _ in ends]), strict=True))
    for number, (name, line) in enumerate(series.items()):
        if line:
            parts += _line(frame, line, (name, places[name]), _COLOURS[number % len(_COLOURS)])
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where values lie on the paper."""

    ticks: tuple[float, ...]
    evenly: bool
    top: float  # the largest y

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]], axes: Axes) -> _Frame:
        low, high = min(x for x, _ in points), max(x for x, _ in points)
        even = tuple(low + (high - low) * step / _STEPS for step in range(_STEPS + 1))
        ticks = tuple(axes.x_places) if axes.x_places else even
        return cls(ticks, axes.evenly, _round_up(max(y for _, y in points)))

    def x(self, value: float) -> float:
        width = _WIDTH - _LEFT - _RIGHT
        if self.evenly:
            at = next((number for number, tick in enumerate(self.ticks) if tick >= value), len(self.ticks) - 1)
            return _LEFT + width * at / max(1, len(self.ticks) - 1)
        span = self.ticks[-1] - self.ticks[0] or 1.0
        return _LEFT + width * (value - self.ticks[0]) / span

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / (self.top or 1.0)


def _grid(frame: _Frame, axes: Axes) -> list[str]:
    right, floor = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = []
    for step in range(_STEPS + 1):
        value = frame.top * step / _STEPS
        at = frame.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>')
    for tick in frame.ticks:
        parts.append(f'<text x="{frame.x(tick):.1f}" y="{floor + 18}" text-anchor="middle">{tick:g}</text>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(axes.x)}</text>')
    centre = (_TOP + floor) / 2
    parts.append(
        f'<text transform="translate(14 {centre:.0f}) rotate(-90)" text-anchor="middle">{escape(axes.y)}</text>'
    )
    return parts


def _line(frame: _Frame, points: Sequence[tuple[float, float]], label: tuple[str, float], colour: str) -> list[str]:
    name, place = label
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
    dots = [
        f'<circle cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="3" fill="{colour}">'
        f"<title>{escape(name)}: {y:g} at {x:g}</title></circle>"
        for x, y in points
    ]
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    end = f'<text x="{_WIDTH - _RIGHT + 10}" y="{place + 4:.1f}" style="fill:{colour}">{escape(name)}</text>'
    return [line, *dots, end]


def _spread(places: Sequence[float]) -> list[float]:
    """The same places, moved apart so far that labels do not overlap; rising in, rising out."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + 15) if found else place)
    return found


def _round_up(value: float) -> float:
    """The next round number, at least 1."""
    if value <= 1:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(unit * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if unit * step >= value)
