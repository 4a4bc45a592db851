"""Hats and what else sits on a head: one part behind it, one before."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from demo.paint.cast import Look
from demo.paint.pen import Color, Pen, Point, darker, lighter
from demo.paint.styles import Style

Draw = Callable[[Pen, Color, Color, Style], None]


def draw_hat_back(pen: Pen, look: Look, style: Style) -> None:
    """What lies behind the head: brims, bows."""
    draw = _BEHIND.get(look.hat)
    if draw is not None:
        draw(pen, style.color(look.hat_color), style.color(look.hat_trim), style)


def draw_hat_front(pen: Pen, look: Look, style: Style) -> None:
    """What lies over the hair."""
    draw = _BEFORE.get(look.hat)
    if draw is not None:
        draw(pen, style.color(look.hat_color), style.color(look.hat_trim), style)
    if "hairpin" in look.extra:
        star(pen, (0.74, -0.36), 0.15, style.color((244, 206, 104)))


def star(pen: Pen, middle: Point, size: float, fill: Color, points: int = 5, *, line: bool = True) -> None:
    """A star."""
    outline: list[Point] = []
    for index in range(points * 2):
        radius = size if index % 2 == 0 else size * (0.46 if points > 4 else 0.34)
        angle = math.pi * index / points - math.pi / 2
        outline.append((middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle)))
    pen.shape(outline, fill, sharp=True, line=line)


def bow(pen: Pen, middle: Point, size: float, fill: Color) -> None:
    """A ribbon tied into a bow."""
    x, y = middle
    for side in (-1, 1):
        pen.shape([(x, y), (x + side * 0.5 * size, y - 0.42 * size), (x + side * 0.95 * size, y - 0.3 * size),
            (x + side * 0.9 * size, y + 0.3 * size),
                   (x + side * 0.45 * size, y + 0.3 * size)], fill)  # fmt: skip
        pen.stroke([(x + side * 0.1 * size, y), (x + side * 0.6 * size, y + 0.02)], 0.08 * size, darker(fill, 0.3))
    pen.oval((x, y), 0.16 * size, 0.2 * size, darker(fill, 0.15), line=True)


def _witch_back(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    brim: list[Point] = [
        (-2.05, -0.28),
        (-1.3, -0.78),
        (0.0, -0.95),
        (1.3, -0.78),
        (2.05, -0.36),
        (1.5, 0.0),
        (0.7, 0.1),
        (-0.7, 0.1),
        (-1.45, 0.06),
    ]
    outline = pen.shape(brim, darker(color, 0.25 + style.shade / 2))

    def lining(inner: Pen) -> None:
        inner.shape([(-1.7, -0.28), (0, -0.75), (1.7, -0.34), (0.9, 0.2), (-0.9, 0.2)], darker(color, 0.42), line=False)
        for x, y in ((-1.45, -0.3), (1.4, -0.34), (-1.15, -0.1), (1.1, -0.12)):
            star(inner, (x, y), 0.1, trim, 4, line=False)

    pen.inside(outline, lining)


def _witch_front(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    crown: list[Point] = [(-1.0, -0.68), (-0.78, -1.35), (-0.42, -2.05), (0.1, -2.6), (0.75, -2.86), (1.28, -2.62),
        (1.34, -2.36), (0.98, -2.46),
                          (0.72, -2.28), (0.78, -1.9), (0.92, -1.3), (1.0, -0.68)]  # fmt: skip
    outline = pen.shape(crown, color)
    dark, light = darker(color, style.shade), lighter(color, 0.22)

    def folds(inner: Pen) -> None:
        inner.shape([(0.35, -0.5), (0.62, -1.4), (0.42, -2.2), (0.9, -2.9), (1.5, -2.4), (1.2, -0.5)], dark, line=False)
        inner.stroke([(-0.72, -0.9), (-0.48, -1.5), (-0.1, -2.1)], 0.14, light)
        inner.stroke([(-0.2, -1.7), (0.2, -1.62), (0.6, -1.75)], 0.09, dark)

    pen.inside(outline, folds)
    pen.shape([(-1.02, -0.72), (-0.94, -1.02), (0.0, -1.22), (0.95, -1.02), (1.02, -0.72), (0.0, -0.9)], trim)
    brim: list[Point] = [
        (-2.05, -0.28),
        (-1.25, -0.66),
        (0.0, -0.86),
        (1.25, -0.68),
        (2.05, -0.36),
        (1.2, -0.46),
        (0.0, -0.58),
        (-1.2, -0.42),
    ]
    front = pen.shape(brim, color)
    pen.inside(front, lambda inner: inner.stroke([(-1.9, -0.28), (0.0, -0.60), (1.9, -0.34)], 0.09, dark, (1, 1)))
    pen.line([(-1.98, -0.29), (-1.2, -0.43), (0.0, -0.59), (1.2, -0.47), (1.98, -0.37)], trim, 1.6)
    star(pen, (0.0, -1.06), 0.24, lighter(trim, 0.25))
    star(pen, (1.34, -2.2), 0.17, trim, 4)


def _kasa_back(pen: Pen, color: Color, _trim: Color, style: Style) -> None:
    pen.shape([(-2.0, -0.5), (0, -0.9), (2.0, -0.5), (1.2, -0.15), (-1.2, -0.15)], darker(color, 0.3 + style.shade / 2))


def _kasa_front(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    shape: list[Point] = [
        (-2.15, -0.5),
        (-1.2, -1.05),
        (-0.3, -1.5),
        (0.0, -1.6),
        (0.3, -1.5),
        (1.2, -1.05),
        (2.15, -0.5),
        (1.1, -0.55),
        (0, -0.62),
        (-1.1, -0.55),
    ]
    outline = pen.shape(shape, color)

    def inside(inner: Pen) -> None:
        inner.shape([(0.2, -1.7), (2.3, -0.5), (0.9, -0.5)], darker(color, style.shade), line=False, sharp=True)
        for x in (-1.4, -0.7, 0.0, 0.7, 1.4):
            inner.line([(0, -1.6), (x, -0.5)], darker(color, 0.3), 0.8)

    pen.inside(outline, inside)
    pen.line([(-2.12, -0.5), (-1.1, -0.56), (0, -0.63), (1.1, -0.56), (2.12, -0.5)], trim, 2.0)
    for side in (-1, 1):
        pen.stroke([(side * 1.5, -0.55), (side * 1.55, 0.2), (side * 1.48, 0.9)], 0.16, trim, (0.8, 0.4))


def _cap(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    """A tall cap with a brim at the front and blossoms at its side."""
    outline = pen.shape(
        [
            (-0.92, -0.62),
            (-0.86, -1.35),
            (-0.5, -1.72),
            (0.0, -1.8),
            (0.5, -1.72),
            (0.86, -1.35),
            (0.92, -0.62),
            (0, -0.8),
        ],
        color,
    )
    pen.inside(
        outline,
        lambda inner: inner.shape(
            [(0.3, -0.5), (0.45, -1.9), (1.1, -1.6), (1.1, -0.5)], darker(color, style.shade), line=False
        ),
    )
    pen.shape([(-1.12, -0.50), (-0.9, -0.78), (0.0, -0.98), (0.9, -0.78), (1.12, -0.50), (0.0, -0.68)], trim)
    for x, y in ((0.7, -1.0), (0.92, -0.84), (0.86, -1.14)):
        star(pen, (x, y), 0.17, lighter(trim, 0.35))
    pen.shape([(-0.2, -1.15), (0.2, -1.15), (0.14, -1.5), (-0.14, -1.5)], (226, 190, 110))


def _mob(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    """A soft round cap with a pompon."""
    outline = pen.shape(
        [(-1.1, -0.58), (-1.2, -1.1), (-0.7, -1.62), (0.1, -1.72), (0.85, -1.5), (1.2, -1.0), (1.1, -0.58), (0, -0.76)],
        color,
    )
    pen.inside(
        outline, lambda inner: inner.stroke([(1.2, -0.6), (0.9, -1.2), (0.3, -1.6)], 0.4, darker(color, style.shade))
    )
    pen.shape([(-1.16, -0.46), (-1.06, -0.76), (0.0, -0.94), (1.06, -0.76), (1.16, -0.46), (0.0, -0.66)], trim)
    pen.oval((-0.75, -1.55), 0.22, 0.22, trim, line=True)


def _beret(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    outline = pen.shape(
        [(-0.95, -0.66), (-1.35, -1.0), (-1.0, -1.45), (0.0, -1.6), (0.95, -1.35), (0.98, -0.66), (0, -0.9)], color
    )
    pen.inside(
        outline,
        lambda inner: inner.stroke(
            [(-1.2, -0.9), (-0.2, -0.98), (0.9, -0.7)], 0.26, darker(color, style.shade), (1, 1)
        ),
    )
    pen.stroke([(-0.05, -1.56), (0.0, -1.72), (0.1, -1.76)], 0.1, color, (1, 0.6))
    star(pen, (0.55, -1.05), 0.18, trim)


def _headdress(pen: Pen, color: Color, trim: Color, _style: Style) -> None:
    pen.shape([(-0.86, -0.72), (-0.7, -1.16), (0.0, -1.36), (0.7, -1.16), (0.86, -0.72), (0.0, -1.02)], color)
    for x in (-0.5, -0.17, 0.17, 0.5):
        pen.oval((x, -1.18 + 0.3 * x * x), 0.13, 0.13, color, line=True)
    pen.line([(-0.8, -0.78), (0.0, -1.06), (0.8, -0.78)], trim, 2.2)
    bow(pen, (0.88, -0.72), 0.4, trim)


def _ribbon_back(pen: Pen, color: Color, _trim: Color, _style: Style) -> None:
    bow(pen, (0.0, -1.18), 1.05, color)


def _ribbon_front(pen: Pen, color: Color, trim: Color, _style: Style) -> None:
    for side in (-1, 1):
        bow(pen, (side * 0.93, 0.0), 0.28, color)
        star(pen, (side * 0.93, 0.0), 0.11, trim, line=False)


def _bow_front(pen: Pen, color: Color, trim: Color, _style: Style) -> None:
    for side in (-1, 1):
        bow(pen, (side * 0.78, -0.86), 0.42, color)
        pen.oval((side * 0.78, -0.86), 0.09, 0.09, trim)


def _horns(pen: Pen, color: Color, trim: Color, _style: Style) -> None:
    for side in (-1, 1):
        pen.limb(
            [(side * 0.5, -0.98), (side * 0.72, -1.3), (side * 0.66, -1.62), (side * 0.42, -1.72)], (0.3, 0.04), color
        )
        pen.line([(side * 0.46, -1.06), (side * 0.62, -1.12)], trim, 1.8)


def _buns(pen: Pen, color: Color, trim: Color, style: Style) -> None:
    for side in (-1, 1):
        outline = pen.shape(
            [(side * 0.38, -1.0), (side * 0.42, -1.5), (side * 0.78, -1.74), (side * 1.0, -1.3), (side * 0.9, -0.8)],
            color,
        )
        fold = [(side * 0.9, -0.8), (side * 0.85, -1.3), (side * 0.7, -1.7)]
        pen.inside(outline, partial(Pen.stroke, points=fold, width=0.16, color=darker(color, style.shade)))
        bow(pen, (side * 0.64, -0.98), 0.3, trim)


def _crown(pen: Pen, color: Color, trim: Color, _style: Style) -> None:
    pen.shape(
        [(-0.4, -1.1), (-0.46, -1.6), (-0.2, -1.35), (0, -1.7), (0.2, -1.35), (0.46, -1.6), (0.4, -1.1)],
        color,
        sharp=True,
    )
    pen.oval((0, -1.28), 0.07, 0.07, trim)


_BEHIND: dict[str, Draw] = {"witch": _witch_back, "kasa": _kasa_back, "ribbon": _ribbon_back}
_BEFORE: dict[str, Draw] = {
    "witch": _witch_front, "kasa": _kasa_front, "cap": _cap, "mob": _mob, "beret": _beret, "headdress": _headdress,
    "ribbon": _ribbon_front, "bow": _bow_front, "horns": _horns, "buns": _buns, "crown": _crown,
}  # fmt: skip
