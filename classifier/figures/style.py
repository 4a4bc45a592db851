"""The one style of every figure: light and dark, colours that people tell apart whatever they see, no fixed font.

    draw(name, title, alt, size, plot) -> plot(figure, palette) for either ground -> a Drawing: two SVG files and a PNG

Colours are of Okabe & Ito, "Color Universal Design", 2008; what differs in colour differs in marker or dash, too.
The same data give the same bytes: no date, no random ids.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

_FONTS = ("Inter", "DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "IPAGothic", "WenQuanYi Zen Hei", "Unifont")
_DPI = 144  # of the PNG


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours on one ground."""

    ground: str
    text: str
    quiet: str  # axes and grid
    lines: tuple[str, ...]  # for up to four things in one figure, in their order
    right: str  # answers that are right, and
    wrong: str  # wrong
    shades: LinearSegmentedColormap  # from nothing to much


def _palette(ground: str, text: str, quiet: str, lines: tuple[str, ...]) -> Palette:
    return Palette(
        ground, text, quiet, lines, lines[0], lines[1], LinearSegmentedColormap.from_list("", [ground, lines[0]])
    )


LIGHT = _palette("#ffffff", "#1a1d29", "#8a90a3", ("#0072b2", "#d55e00", "#009e73", "#9c4f80"))
DARK = _palette("#181b23", "#e8eaf2", "#6b7285", ("#56b4e9", "#e69f00", "#2fc79a", "#d99abf"))
DASHES = ("-", "--", "-.", ":")  # a line's, in the order of `Palette.lines`

Plot = Callable[[Figure, Palette], None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure, drawn."""

    name: str  # of its files: `confusion`
    title: str
    alt: str  # what it shows, for whoever does not see it
    light: bytes  # SVG
    dark: bytes  # SVG
    png: bytes  # on light ground

    def files(self) -> Mapping[str, bytes]:
        """File name -> content."""
        return dict(zip(files_of(self.name), (self.light, self.dark, self.png), strict=True))


def files_of(name: str) -> tuple[str, str, str]:
    """The names of a figure's files: on light ground, on dark ground, as PNG."""
    return (f"{name}.svg", f"{name}-dark.svg", f"{name}.png")


def draw(name: str, title: str, alt: str, size: tuple[float, float], plot: Plot) -> Drawing:
    """Draw a figure on either ground.

    Args:
        name: of its files.
        title: above it.
        alt: what it shows.
        size: width and height, inches.
        plot: draws into an empty figure with the colours that it is given.
    """
    light, png = _drawn(LIGHT, title, alt, size, plot, with_png=True)
    dark, _ = _drawn(DARK, title, alt, size, plot, with_png=False)
    return Drawing(name, title, alt, light, dark, png)


def _drawn(
    palette: Palette, title: str, alt: str, size: tuple[float, float], plot: Plot, *, with_png: bool
) -> tuple[bytes, bytes]:
    with _quietly(), mpl.rc_context(_settings(palette)):
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title)
        plot(figure, palette)
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None, "Title": title, "Description": alt})
        if with_png:
            figure.savefig(png, format="png", dpi=_DPI, metadata={"Title": title, "Description": alt, "Software": None})
    return svg.getvalue(), png.getvalue()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without a line for every letter that no font here has: names come in all scripts."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield
    finally:
        logger.setLevel(before)


@cache
def _installed() -> list[str]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in there] or ["DejaVu Sans"]


def _settings(palette: Palette) -> Any:
    """Of matplotlib; it types every key by itself."""
    return {
        "axes.edgecolor": palette.quiet,
        "axes.facecolor": palette.ground,
        "axes.grid": True,
        "axes.labelcolor": palette.text,
        "axes.prop_cycle": cycler(color=palette.lines),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": palette.text,
        "axes.titlesize": 10,
        "figure.facecolor": palette.ground,
        "figure.titlesize": 13,
        "font.family": _installed(),
        "font.size": 10,
        "grid.alpha": 0.35,
        "grid.color": palette.quiet,
        "legend.facecolor": palette.ground,
        "legend.framealpha": 0.9,
        "legend.labelcolor": palette.text,
        "savefig.facecolor": palette.ground,
        "svg.fonttype": "path",  # looks the same wherever it is opened
        "svg.hashsalt": "boorusieve",
        "text.color": palette.text,
        "xtick.color": palette.text,
        "ytick.color": palette.text,
    }
