"""What can be drawn on a plane: lines, bands, crosses with whiskers, bars, upright lines, names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rounds.evaluation.charts.sheet import LOOKS, Plane, escaped

Point = tuple[float, float]
_LETTER = 6.6  # px, on the wide side: names may leave a gap, but do not overlap
_ROW = 15.0  # px between names


@dataclass(frozen=True, slots=True)
class Line:
    """Points joined in their order; `look` chooses colour and dashes."""

    points: Sequence[Point]
    look: int = 0
    stepped: bool = False  # first along, then up or down: a figure that holds until it changes
    guide: bool = False  # grey and dashed: something to compare with

    def draw(self, plane: Plane) -> Iterator[str]:
        """One polyline a run of finite points."""
        kind = "guide d4" if self.guide else f"s{self.look % LOOKS} d{self.look % LOOKS}"
        for run in _runs(self.points):
            places = [(plane.across(x), plane.up(y)) for x, y in (_steps(run) if self.stepped else run)]
            yield f'<polyline class="line {kind}" points="{_path(places)}"/>'


@dataclass(frozen=True, slots=True)
class Band:
    """What lies between two lines: (x, low, high) each."""

    spans: Sequence[tuple[float, float, float]]
    look: int = 0
    stepped: bool = False

    def draw(self, plane: Plane) -> Iterator[str]:
        """One polygon a run of finite spans."""
        for run in _runs(self.spans):
            low, high = [(x, y) for x, y, _ in run], [(x, y) for x, _, y in run]
            if self.stepped:
                low, high = list(_steps(low)), list(_steps(high))
            places = [(plane.across(x), plane.up(y)) for x, y in [*high, *reversed(low)]]
            yield f'<polygon class="band f{self.look % LOOKS}" points="{_path(places)}"/>'


@dataclass(frozen=True, slots=True)
class Cross:
    """A point with whiskers; a whisker whose ends are not finite is left out."""

    at: Point
    upright: Point = (math.nan, math.nan)  # low and high y
    level: Point = (math.nan, math.nan)  # low and high x
    radius: float = 4.0  # px
    look: int = 0
    note: str = ""

    def draw(self, plane: Plane) -> Iterator[str]:
        """Whiskers, then the point."""
        if not _finite(self.at):
            return
        x, y = plane.across(self.at[0]), plane.up(self.at[1])
        colour = self.look % LOOKS
        if _finite(self.upright):
            low, high = (plane.up(end) for end in self.upright)
            yield f'<path class="line s{colour}" d="M{x:.1f} {low:.1f}V{high:.1f}{_ends(x, low, high)}"/>'
        if _finite(self.level):
            low, high = (plane.across(end) for end in self.level)
            yield f'<path class="line s{colour}" d="M{low:.1f} {y:.1f}H{high:.1f}{_sides(y, low, high)}"/>'
        note = f"<title>{escaped(self.note)}</title>" if self.note else ""
        yield f'<circle class="f{colour} ring" cx="{x:.1f}" cy="{y:.1f}" r="{self.radius:.1f}">{note}</circle>'


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars from y 0: (low x, high x, y, note) each; a bar of nothing is left out."""

    spans: Sequence[tuple[float, float, float, str]]
    look: int = 0

    def draw(self, plane: Plane) -> Iterator[str]:
        """One rectangle a bar, with a gap of a pixel between neighbours."""
        base = plane.up(0.0)
        for low, high, value, note in self.spans:
            if not value or not _finite((low, high, value)):
                continue
            left, right, end = plane.across(low), plane.across(high), plane.up(value)
            wide = max(1.0, right - left - 1)
            yield (
                f'<rect class="f{self.look % LOOKS}" x="{left:.1f}" y="{min(base, end):.1f}" width="{wide:.1f}" '
                f'height="{abs(base - end):.1f}"><title>{escaped(note)}</title></rect>'
            )


@dataclass(frozen=True, slots=True)
class Upright:
    """A vertical line over the full height with its name above: the threshold in force."""

    x: float
    name: str

    def draw(self, plane: Plane) -> Iterator[str]:
        """The line, and the name where it has room."""
        if not _finite((self.x,)):
            return
        at, top = plane.across(self.x), plane.sheet.top
        half = len(self.name) * _LETTER / 2
        place = min(max(at, plane.sheet.left + half), plane.edge - half)
        for kind in ("rim", "ink"):  # seen on bars of any colour
            yield f'<line class="{kind}" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 4}" y2="{plane.floor}"/>'
        yield f'<text x="{place:.1f}" y="{top - 8}" text-anchor="middle" font-weight="600">{escaped(self.name)}</text>'


@dataclass(frozen=True, slots=True)
class Note:
    """Text at a place in the plane, on the side of its middle so that it stays inside."""

    at: Point
    text: str
    away: float = 10.0  # px from the place

    def draw(self, plane: Plane) -> Iterator[str]:
        """The text, with an outline in the background colour."""
        if not _finite(self.at):
            return
        x, y = plane.across(self.at[0]), plane.up(self.at[1])
        left, high = x > (plane.sheet.left + plane.edge) / 2, y < (plane.sheet.top + plane.floor) / 2
        anchor, across = ("end", x - self.away) if left else ("start", x + self.away)
        lower = y + self.away + 10 if high else y - self.away
        yield (
            f'<text class="on" x="{across:.1f}" y="{lower:.1f}" text-anchor="{anchor}" font-weight="600">'
            f"{escaped(self.text)}</text>"
        )


@dataclass(frozen=True, slots=True)
class Captions:
    """Words over the plane, each over its x, rising; those without room are left out."""

    name: str
    texts: Sequence[tuple[float, str]]

    def draw(self, plane: Plane) -> Iterator[str]:
        """The name in the margin, then what fits."""
        y, free = plane.sheet.top - 14, -math.inf
        yield f'<text x="4" y="{y}">{escaped(self.name)}</text>'
        for x, text in self.texts:
            half = len(text) * _LETTER / 2
            place = plane.across(x) if _finite((x,)) else math.nan
            if place - half > free:
                free = place + half + 8
                yield f'<text x="{place:.1f}" y="{y}" text-anchor="middle">{escaped(text)}</text>'


@dataclass(frozen=True, slots=True)
class Hover:
    """Points with a tooltip: (x, y, note) each."""

    places: Sequence[tuple[float, float, str]]
    radius: float = 6.0  # px
    look: int | None = None  # visible dots; None: invisible

    def draw(self, plane: Plane) -> Iterator[str]:
        """One circle a place."""
        kind = "hover" if self.look is None else f"f{self.look % LOOKS}"
        for x, y, note in self.places:
            if _finite((x, y)):
                yield (
                    f'<circle class="{kind}" cx="{plane.across(x):.1f}" cy="{plane.up(y):.1f}" r="{self.radius:g}">'
                    f"<title>{escaped(note)}</title></circle>"
                )


@dataclass(frozen=True, slots=True)
class Legend:
    """Names of looks, in a row over the plane."""

    names: Sequence[tuple[str, int]]
    filled: bool = False  # a patch instead of a piece of line

    def draw(self, plane: Plane) -> Iterator[str]:
        """A sample and a name each."""
        x, y = float(plane.sheet.left), 14.0
        for name, look in self.names:
            colour = look % LOOKS
            if self.filled:
                yield f'<rect class="f{colour}" x="{x:.1f}" y="{y - 9:.1f}" width="22" height="10"/>'
            else:
                yield f'<path class="line s{colour} d{colour}" d="M{x:.1f} {y - 4:.1f}h22"/>'
            yield f'<text x="{x + 28:.1f}" y="{y:.1f}">{escaped(name)}</text>'
            x += 28 + len(name) * _LETTER + 16


@dataclass(frozen=True, slots=True)
class EndNames:
    """Names beside the ends of lines, moved apart so far that they do not overlap: (name, y of the end, look) each."""

    names: Sequence[tuple[str, float, int]]

    def draw(self, plane: Plane) -> Iterator[str]:
        """One text a name, inside the plane as long as they fit."""
        ordered = sorted((plane.up(y), name, look) for name, y, look in self.names if _finite((y,)))
        places = spread([place for place, _, _ in ordered], plane.floor)
        for place, (_, name, look) in zip(places, ordered, strict=True):
            yield f'<text class="f{look % LOOKS}" x="{plane.edge + 10}" y="{place + 4:.1f}">{escaped(name)}</text>'


def spread(places: Sequence[float], lowest: float) -> list[float]:
    """The same places, a row apart at least, none below `lowest`; rising in, rising out."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + _ROW) if moved else place)
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], lowest - _ROW * (len(moved) - 1 - number))
    return moved


def _runs(points: Iterable[tuple[float, ...]]) -> Iterator[list[tuple[float, ...]]]:
    """Neighbours that are all finite."""
    run: list[tuple[float, ...]] = []
    for point in points:
        if _finite(point):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _steps(points: Sequence[tuple[float, ...]]) -> Iterator[Point]:
    """The same points with corners: each y holds until the next x."""
    before: float | None = None
    for x, y in points:
        if before is not None:
            yield x, before
        yield x, y
        before = y


def _path(places: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _finite(values: Iterable[float]) -> bool:
    return all(math.isfinite(value) for value in values)


def _ends(x: float, low: float, high: float) -> str:
    return f"M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"


def _sides(y: float, low: float, high: float) -> str:
    return f"M{low:.1f} {y - 4:.1f}v8M{high:.1f} {y - 4:.1f}v8"
