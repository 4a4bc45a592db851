"""Hair: what falls behind the head, the fringe before it, and the light on it."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from demo.paint.cast import Look
from demo.paint.pen import Color, Curve, Pen, Point, darker, lighter, lock, mix
from demo.paint.styles import Style

Colors = tuple[Color, Color, Color]  # hair, its tips, its shadow


def hair_colors(look: Look, style: Style) -> Colors:
    """The artist's colours for somebody's hair."""
    base = style.color(look.hair)
    return base, style.color(look.tips), darker(base, style.shade)


def draw_back_hair(pen: Pen, look: Look, style: Style, rng: random.Random) -> None:
    """All that falls behind head and body."""
    _BACKS[look.back](pen, hair_colors(look, style), rng)


def draw_front_hair(pen: Pen, look: Look, style: Style, turn: float) -> None:
    """The cap of hair over the head, the fringe, side locks and the shine."""
    colors = hair_colors(look, style)
    _side_locks(pen, look, colors)
    base = colors[0]
    dx = turn * 0.08
    outline = pen.shape(_fringe(look.bangs, dx), base)

    def inside(inner: Pen) -> None:
        for x in (-0.62, -0.28, 0.1, 0.46, 0.72):
            inner.stroke([(x * 0.35 + dx, -1.0), (x * 0.85 + dx, -0.55), (x + dx, -0.02)], 0.075, colors[2], (0.0, 0.6))
        if style.gloss > 0.15:
            _shine(inner, lighter(base, 0.25 + 0.4 * style.gloss), dx)

    pen.inside(outline, inside)
    if "ahoge" in look.extra:
        pen.shape(lock([(dx, -1.05), (dx + 0.16, -1.42), (dx + 0.42, -1.34)], 0.16), base, sharp=True)


def _shine(pen: Pen, light: Color, dx: float) -> None:
    for x, y, width in ((-0.52, -0.50, 0.22), (-0.18, -0.64, 0.3), (0.22, -0.64, 0.26), (0.54, -0.50, 0.16)):
        pen.stroke([(x - width / 2 + dx, y + 0.05), (x + dx, y - 0.02), (x + width / 2 + dx, y + 0.05)], 0.09, light)


def _side_locks(pen: Pen, look: Look, colors: Colors) -> None:
    length = 1.5 if look.bangs == "straight" or look.back in ("long", "bob") else 1.1
    if look.back == "short":
        length = 0.55
    for side in (-1, 1):
        points: list[Point] = [(side * 0.72, -0.55), (side * 0.92, 0.1), (side * 0.86, 0.6), (side * 0.74, length)]
        outline = pen.shape(lock(points, 0.34), colors[0], sharp=True)
        pen.inside(outline, partial(_tip_shade, side=side, colors=colors, length=length))


def _tip_shade(pen: Pen, side: int, colors: Colors, length: float) -> None:
    pen.stroke([(side * 0.66, -0.4), (side * 0.82, 0.2), (side * 0.70, length)], 0.12, colors[2], (0.5, 0.2))


_TOP: list[Point] = [
    (-0.88, 0.16),
    (-0.97, -0.30),
    (-0.88, -0.75),
    (-0.52, -1.08),
    (0.0, -1.18),
    (0.52, -1.08),
    (0.88, -0.75),
    (0.97, -0.30),
    (0.88, 0.16),
]
_FRINGES: dict[str, list[Point]] = {
    "straight": [(0.70, -0.06), (0.66, -0.10), (0.50, -0.02), (0.44, -0.12), (0.20, -0.04), (0.14, -0.13), (-0.10,
        -0.03), (-0.16, -0.13),
                 (-0.38, -0.03), (-0.44, -0.12), (-0.62, -0.03), (-0.70, -0.06)],
    "parted": [(0.76, 0.22), (0.66, -0.02), (0.55, 0.06), (0.42, -0.34), (0.16, -0.62), (0.04, -0.30), (-0.02,
        -0.18), (-0.10, -0.58),
               (-0.40, -0.32), (-0.55, 0.06), (-0.66, -0.02), (-0.76, 0.22)],
    "swept": [(0.74, 0.20), (0.62, -0.06), (0.50, 0.04), (0.34, -0.24), (0.20, 0.02), (-0.02, -0.22), (-0.14, -0.02),
        (-0.36, -0.40),
              (-0.46, -0.62), (-0.60, -0.24), (-0.74, 0.18)],
    "messy": [(0.76, 0.16), (0.64, -0.12), (0.56, 0.10), (0.40, -0.16), (0.26, 0.06), (0.14, -0.22), (0.0, 0.08),
        (-0.14, -0.20), (-0.30, 0.04),
              (-0.40, -0.18), (-0.56, 0.12), (-0.66, -0.10), (-0.76, 0.14)],
    "curtain": [(0.78, 0.30), (0.66, 0.02), (0.50, 0.12), (0.40, -0.10), (0.28, -0.04), (0.12, -0.34), (0.02, -0.66),
        (-0.22, -0.20), (-0.40, 0.18),
                (-0.56, 0.44), (-0.66, 0.20), (-0.78, 0.36)],
}  # fmt: skip


def _fringe(name: str, dx: float) -> list[Point]:
    return [*_TOP, *((x + dx, y) for x, y in _FRINGES[name])]


# --- behind the head


def _strands(pen: Pen, outline: Curve, colors: Colors, xs: tuple[float, ...], low: float) -> None:
    """Fill a mass of hair with shadow near the head, light tips and a few strands."""

    def inside(inner: Pen) -> None:
        inner.shape(
            [(-2.4, low - 0.9), (0, low - 1.15), (2.4, low - 0.9), (2.4, low + 1.2), (-2.4, low + 1.2)],
            mix(colors[0], colors[1], 0.75),
            line=False,
        )
        inner.shape(
            [(-0.9, -0.6), (0.9, -0.6), (1.05, 0.9), (0.5, 1.8), (-0.5, 1.8), (-1.05, 0.9)], colors[2], line=False
        )
        for x in xs:
            inner.stroke([(x * 0.8, -0.4), (x * 1.1, low * 0.5), (x, low)], 0.07, colors[2], (0.2, 0.0))

    pen.inside(outline, inside)


def _long(pen: Pen, colors: Colors, rng: random.Random) -> None:
    sway = rng.uniform(-0.25, 0.25)
    points = [(-0.7, -0.9), (0.7, -0.9), (1.08, 0.2), (1.2, 1.8), (1.35 + sway, 3.4), (1.0 + sway, 4.6),
        (0.75 + sway, 4.1), (0.45 + sway, 4.8),
              (0.1 + sway, 4.2), (-0.3 + sway, 4.9), (-0.6 + sway, 4.2), (-1.0 + sway, 4.7), (-1.3 + sway, 3.4),
              (-1.2, 1.8), (-1.08, 0.2)]  # fmt: skip
    _strands(pen, pen.shape(points, colors[0]), colors, (-0.9, -0.4, 0.35, 0.85), 4.0)


def _bob(pen: Pen, colors: Colors, rng: random.Random) -> None:
    flick = rng.uniform(0.0, 0.15)
    points = [(-0.7, -0.95), (0.7, -0.95), (1.06, -0.1), (1.12, 0.6), (1.24 + flick, 1.02), (0.92, 1.0), (0.75,
        1.22), (0.3, 1.08), (-0.3, 1.08),
              (-0.75, 1.22), (-0.92, 1.0), (-1.24 - flick, 1.02), (-1.12, 0.6), (-1.06, -0.1)]  # fmt: skip
    _strands(pen, pen.shape(points, colors[0]), colors, (-0.85, 0.85), 1.0)


def _short(pen: Pen, colors: Colors, rng: random.Random) -> None:
    flick = rng.uniform(0.0, 0.1)
    points = [(-0.7, -1.0), (0.7, -1.0), (1.05, -0.2), (1.02, 0.35), (0.95 + flick, 0.72), (0.6, 0.7), (-0.6, 0.7),
        (-0.95 - flick, 0.72),
              (-1.02, 0.35), (-1.05, -0.2)]  # fmt: skip
    _strands(pen, pen.shape(points, colors[0]), colors, (), 0.7)


def _tail(pen: Pen, spine: list[Point], width: float, colors: Colors) -> None:
    outline = pen.shape(lock(spine, width), colors[0], sharp=True)

    def inside(inner: Pen) -> None:
        inner.stroke([spine[-2], spine[-1]], width * 1.4, mix(colors[0], colors[1], 0.8), (0.8, 1))
        shifted = [(x - width * 0.22, y) for x, y in spine]
        inner.stroke(shifted, width * 0.22, colors[2], (0.4, 0.1))
        lit = [(x + width * 0.2, y) for x, y in spine]
        inner.stroke(lit, width * 0.12, lighter(colors[0], 0.25), (0.0, 0.0))

    pen.inside(outline, inside)


def _twin_low(pen: Pen, colors: Colors, rng: random.Random) -> None:
    _short(pen, colors, rng)
    for side in (-1, 1):
        out, wave = rng.uniform(0.9, 1.5), rng.uniform(-0.25, 0.35)
        spine = [
            (side * 0.75, 0.35),
            (side * (out + 0.15), 1.5),
            (side * (out + wave), 3.0),
            (side * (out + 0.5 - wave), 4.6),
        ]
        _tail(pen, spine, 0.62, colors)


def _twin_high(pen: Pen, colors: Colors, rng: random.Random) -> None:
    _short(pen, colors, rng)
    for side in (-1, 1):
        out, wave = rng.uniform(1.3, 1.7), rng.uniform(-0.2, 0.4)
        spine = [
            (side * 0.75, -0.75),
            (side * (out + 0.1), -0.5),
            (side * (out + 0.4), 1.2),
            (side * (out + wave), 3.0),
            (side * (out + 0.3), 4.0),
        ]
        _tail(pen, spine, 0.60, colors)


def _drills(pen: Pen, colors: Colors, rng: random.Random) -> None:
    _short(pen, colors, rng)
    out = rng.uniform(1.15, 1.35)
    for side in (-1, 1):
        for step in range(6, -1, -1):
            x, y, r = side * (out + 0.06 * step), -0.2 + 0.42 * step, 0.42 - 0.045 * step
            outline = pen.oval((x, y), r, 0.34, mix(colors[0], colors[1], step / 6), line=True)
            curl = [(x - r, y + 0.12), (x, y + 0.24), (x + r, y + 0.05)]
            pen.inside(outline, partial(Pen.stroke, points=curl, width=0.14, color=colors[2]))


def _ponytail(pen: Pen, colors: Colors, rng: random.Random) -> None:
    side = rng.choice((-1, 1))
    out = rng.uniform(0.9, 1.5)
    spine = [
        (side * 0.3, -0.9),
        (side * (out + 0.2), -0.6),
        (side * (out + 0.35), 0.9),
        (side * out, 2.4),
        (side * (out + 0.3), 3.2),
    ]
    _tail(pen, spine, 0.66, colors)
    _short(pen, colors, rng)


def _braid(pen: Pen, colors: Colors, rng: random.Random) -> None:
    _short(pen, colors, rng)
    side = rng.choice((-1, 1))
    out = rng.uniform(0.9, 1.2)
    for step in range(9, -1, -1):
        x, y = side * (out + 0.12 * (step % 2) - 0.03 * step), 0.5 + 0.36 * step
        shape: list[Point] = [
            (x - 0.26, y - 0.2),
            (x, y - 0.1),
            (x + 0.26, y - 0.2),
            (x + 0.24, y + 0.12),
            (x, y + 0.32),
            (x - 0.24, y + 0.12),
        ]
        pen.shape(shape, mix(colors[0], colors[1], step / 9))
        pen.stroke([(x - 0.2, y - 0.1), (x, y + 0.1)], 0.05, colors[2])
    x, y = side * (out - 0.2), 0.5 + 0.36 * 10
    pen.shape(lock([(x, y - 0.1), (x, y + 0.3), (x + 0.1 * side, y + 0.6)], 0.3), colors[1], sharp=True)


_BACKS: dict[str, Callable[[Pen, Colors, random.Random], None]] = {
    "long": _long, "bob": _bob, "short": _short, "twin_low": _twin_low, "twin_high": _twin_high, "drills": _drills,
    "ponytail": _ponytail, "braid": _braid,
}  # fmt: skip
