"""The sheet that marks are drawn on: margins, grid, ticks, colours, and the text for screen readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Protocol

from rounds.evaluation.charts.axes import Axis

# After Okabe and Ito, for colour-blind readers; dark enough on white, light enough on black (3:1 and more).
_LIGHT = ("#0072b2", "#c85200", "#008060", "#a8447f", "#8a6200", "#3a6fd8")
_DARK = ("#56b4e9", "#ff9a4d", "#2fcf9f", "#eba0cb", "#f0c050", "#9db8ff")
LOOKS = len(_LIGHT)


def _colours(colours: Sequence[str]) -> str:
    return "".join(
        f".chart .s{number}{{stroke:{colour}}}.chart .f{number}{{fill:{colour}}}"
        for number, colour in enumerate(colours)
    )


STYLE = (
    ".chart{font:12px system-ui,sans-serif}"
    ".chart text{fill:#23262f}.chart .grid{stroke:#dcdfe8}.chart .track{stroke:#b4bac9}"
    ".chart .axis,.chart .guide{stroke:#6a7084}"
    ".chart .on{stroke:#fff;stroke-width:4;stroke-linejoin:round;paint-order:stroke}"
    ".chart .ring,.chart .rim{stroke:#fff}.chart .rim{stroke-width:4}.chart .ink{stroke:#23262f;stroke-width:1.5}"
    ".chart .line{fill:none;stroke-width:2}.chart .band{opacity:.17}.chart .hover{fill:transparent}"
    ".chart .d1{stroke-dasharray:8 3}.chart .d2{stroke-dasharray:2 3}.chart .d3{stroke-dasharray:9 3 2 3}"
    ".chart .d4{stroke-dasharray:5 5}.chart .d5{stroke-dasharray:1 4}"
    + _colours(_LIGHT)
    + "@media screen and (prefers-color-scheme:dark){"
    ".chart text{fill:#e2e5ee}.chart .grid{stroke:#333847}.chart .track{stroke:#565d70}"
    ".chart .axis,.chart .guide{stroke:#9aa1b5}"
    ".chart .on,.chart .ring,.chart .rim{stroke:#181b23}.chart .ink{stroke:#e2e5ee}"
    ".chart .band{opacity:.26}" + _colours(_DARK) + "}"
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """Sizes in pixels: the whole, and the margins around the plane."""

    width: int = 560
    height: int = 380
    left: int = 58
    right: int = 18
    top: int = 44
    bottom: int = 46


@dataclass(frozen=True, slots=True)
class Plane:
    """Two axes on a sheet."""

    x: Axis
    y: Axis
    sheet: Sheet = field(default_factory=Sheet)

    def across(self, value: float) -> float:
        """The pixel of an x."""
        return self.sheet.left + self.x.share(value) * (self.sheet.width - self.sheet.left - self.sheet.right)

    def up(self, value: float) -> float:
        """The pixel of a y."""
        return self.floor - self.y.share(value) * (self.floor - self.sheet.top)

    @property
    def floor(self) -> float:
        """The lowest pixel of the plane."""
        return self.sheet.height - self.sheet.bottom

    @property
    def edge(self) -> float:
        """The rightmost pixel of the plane."""
        return self.sheet.width - self.sheet.right


class Mark(Protocol):
    """Something to draw."""

    def draw(self, plane: Plane) -> Iterator[str]:
        """Give SVG elements, each whole."""
        ...


@dataclass(frozen=True, slots=True)
class Words:
    """Title and summary of a chart, for screen readers."""

    title: str
    summary: str = ""


def escaped(text: str) -> str:
    """Text escaped for XML; control characters, which XML cannot hold, are replaced."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def draw(words: Words, plane: Plane, marks: Sequence[Mark], *, alone: bool = False) -> str:
    """One SVG element.

    Args:
        words: its name and what it shows.
        plane: axes and sheet.
        marks: from back to front.
        alone: a file of its own: with colours and a visible title.
    """
    label = f"{words.title}. {words.summary}" if words.summary else words.title
    sheet = plane.sheet
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {sheet.width} {sheet.height}" role="img" '
        f'aria-label="{escaped(label)}">'
    ]
    if alone:
        parts.append(f"<style>{STYLE}</style>")
        parts.append(f'<text x="{sheet.left}" y="20" font-size="14" font-weight="600">{escaped(words.title)}</text>')
    parts += _grid(plane)
    for mark in marks:
        parts += mark.draw(plane)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid(plane: Plane) -> Iterator[str]:
    sheet = plane.sheet
    for value, text in plane.y.ticks:
        at = plane.up(value)
        yield f'<line class="grid" x1="{sheet.left}" x2="{plane.edge}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text x="{sheet.left - 8}" y="{at + 4:.1f}" text-anchor="end">{escaped(text)}</text>'
    for value, text in plane.x.ticks:
        at = plane.across(value)
        yield f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{plane.floor}" y2="{plane.floor + 4}"/>'
        yield f'<text x="{at:.1f}" y="{plane.floor + 18}" text-anchor="middle">{escaped(text)}</text>'
    yield f'<line class="axis" x1="{sheet.left}" x2="{plane.edge}" y1="{plane.floor}" y2="{plane.floor}"/>'
    middle, centre = (sheet.left + plane.edge) / 2, (sheet.top + plane.floor) / 2
    yield f'<text x="{middle:.0f}" y="{sheet.height - 8}" text-anchor="middle">{escaped(plane.x.title)}</text>'
    yield (
        f'<text transform="translate(14 {centre:.0f}) rotate(-90)" text-anchor="middle">{escaped(plane.y.title)}</text>'
    )
