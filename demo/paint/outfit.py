"""The body and what it wears, from the neck down."""

from __future__ import annotations

from functools import partial

from demo.paint.cast import Clothes, Look
from demo.paint.hats import bow, star
from demo.paint.pen import Color, Curve, Pen, Point, darker, lighter, mix
from demo.paint.styles import Style

# elbow and hand of each arm, right then left, in units from the middle of the head
POSES: dict[str, tuple[tuple[Point, Point], tuple[Point, Point]]] = {
    "down": (((1.12, 2.25), (1.22, 3.1)), ((-1.12, 2.25), (-1.22, 3.1))),
    "wave": (((1.45, 2.0), (1.6, 0.95)), ((-1.12, 2.25), (-1.1, 3.1))),
    "chest": (((1.1, 2.3), (0.28, 2.15)), ((-1.12, 2.3), (-0.22, 2.3))),
    "hips": (((1.5, 2.2), (0.78, 2.85)), ((-1.5, 2.2), (-0.78, 2.85))),
    "peace": (((1.35, 2.2), (1.12, 0.85)), ((-1.5, 2.2), (-0.78, 2.85))),
    "cheer": (((1.5, 1.6), (1.55, 0.3)), ((-1.5, 1.6), (-1.55, 0.3))),
    "reach": (((1.3, 1.9), (2.2, 1.75)), ((-1.12, 2.25), (-1.2, 3.1))),
    "think": (((1.15, 2.35), (0.38, 1.12)), ((-1.2, 2.4), (0.3, 2.55))),
}


HAND: Color = (255, 230, 214)  # hands have the colour of every face here


def draw_cape(pen: Pen, look: Look, style: Style, sway: float) -> None:
    """A cape behind the body."""
    if look.clothes.cape is None:
        return
    color = style.color(look.clothes.cape)
    outline = pen.shape([(-0.8, 1.35), (0.8, 1.35), (1.25, 2.6), (1.75 + sway, 4.6), (0.9 + sway, 4.95), (0.2 + sway,
        4.7), (-0.8 + sway, 5.0),
                         (-1.7 + sway, 4.6), (-1.25, 2.6)], color)  # fmt: skip
    pen.inside(
        outline,
        lambda inner: inner.shape(
            [(-0.9, 1.2), (0.9, 1.2), (0.8 + sway, 5.2), (-0.8 + sway, 5.2)],
            darker(color, 0.15 + style.shade),
            line=False,
        ),
    )


def draw_body(pen: Pen, look: Look, style: Style, pose: str) -> None:
    """Legs, skirt, torso, neck; arms that hang behind come first."""
    clothes = look.clothes
    skin = style.color(look.skin)
    _legs(pen, clothes, style, skin)
    _skirt(pen, clothes, style)
    arms = POSES[pose]
    for side, (elbow, hand) in zip((1, -1), arms, strict=True):
        if not _crosses(hand):
            _arm(pen, clothes, style, (side, elbow, hand))
    _neck(pen, skin, style)
    _torso(pen, clothes, style, skin)
    _neckwear(pen, clothes, style)


def draw_front_arms(pen: Pen, look: Look, style: Style, pose: str) -> None:
    """Arms that lie over body or face."""
    for side, (elbow, hand) in zip((1, -1), POSES[pose], strict=True):
        if _crosses(hand):
            _arm(pen, look.clothes, style, (side, elbow, hand))


def _crosses(hand: Point) -> bool:
    return abs(hand[0]) < 1.15 and hand[1] < 2.9


def _neck(pen: Pen, skin: Color, style: Style) -> None:
    outline = pen.shape(
        [(-0.24, 0.7), (0.24, 0.7), (0.25, 1.3), (0.62, 1.5), (0.0, 1.75), (-0.62, 1.5), (-0.25, 1.3)], skin, sharp=True
    )
    shadow = mix(skin, (200, 110, 120), 0.4 + 0.3 * style.shade)
    pen.inside(
        outline,
        lambda inner: inner.shape(
            [(-0.4, 0.6), (0.4, 0.6), (0.24, 1.12), (0.0, 1.2), (-0.24, 1.12)], shadow, line=False
        ),
    )


def _torso(pen: Pen, clothes: Clothes, style: Style, skin: Color) -> None:
    main, trim, inner_color = style.color(clothes.dress), style.color(clothes.trim), style.color(clothes.inner)
    body: list[Point] = [(-0.30, 1.42), (-0.72, 1.46), (-0.86, 1.72), (-0.70, 2.15), (-0.52, 2.7), (-0.62, 3.15),
        (0.62, 3.15), (0.52, 2.7), (0.70, 2.15),
                         (0.86, 1.72), (0.72, 1.46), (0.30, 1.42), (0.0, 1.62)]  # fmt: skip
    outline = pen.shape(body, main)

    def inside(inner: Pen) -> None:
        inner.shape([(-0.34, 1.3), (0.34, 1.3), (0.30, 2.0), (0.0, 2.35), (-0.30, 2.0)], inner_color, line=False)
        inner.stroke([(0.62, 1.5), (0.62, 2.2), (0.42, 2.9)], 0.3, darker(main, style.shade), (0.6, 0.6))
        inner.stroke([(-0.6, 2.66), (0.0, 2.78), (0.6, 2.66)], 0.2, trim, (1, 1))
        inner.line([(-0.34, 1.4), (-0.30, 2.0), (0.0, 2.35), (0.30, 2.0), (0.34, 1.4)], trim, 1.8)
        _motif(inner, clothes.motif, trim, skin)

    pen.inside(outline, inside)


def _motif(pen: Pen, motif: str, trim: Color, skin: Color) -> None:
    if motif == "stars":
        star(pen, (0.0, 2.72), 0.2, lighter(trim, 0.5))
    elif motif == "buttons":
        for y in (1.85, 2.1, 2.35, 2.58):
            pen.oval((0.0, y), 0.055, 0.055, lighter(trim, 0.4), line=True)
    elif motif == "cross":
        pen.stroke([(0.0, 1.75), (0.0, 2.3)], 0.09, trim, (1, 1))
        pen.stroke([(-0.18, 1.95), (0.18, 1.95)], 0.09, trim, (1, 1))
    elif motif == "stripe":
        for y in (2.0, 2.2, 2.4):
            pen.stroke([(-0.8, y), (0.8, y)], 0.07, trim, (1, 1))
    elif motif == "diamond":
        pen.shape([(0.0, 1.8), (0.15, 2.05), (0.0, 2.3), (-0.15, 2.05)], trim, sharp=True)
    elif motif == "frill":
        for x in (-0.45, -0.15, 0.15, 0.45):
            pen.oval((x, 2.62), 0.16, 0.12, mix(skin, (255, 255, 255), 0.8))


def _neckwear(pen: Pen, clothes: Clothes, style: Style) -> None:
    trim, inner = style.color(clothes.trim), style.color(clothes.inner)
    if clothes.neck == "collar":
        for side in (-1, 1):
            pen.shape([(0.0, 1.55), (side * 0.28, 1.3), (side * 0.52, 1.45), (side * 0.32, 1.8)], inner, sharp=True)
        pen.shape([(-0.07, 1.6), (0.07, 1.6), (0.13, 2.1), (0.0, 2.25), (-0.13, 2.1)], trim, sharp=True)
    elif clothes.neck == "bow":
        bow(pen, (0.0, 1.62), 0.5, trim)
    elif clothes.neck == "choker":
        pen.stroke([(-0.26, 1.14), (0.0, 1.24), (0.26, 1.14)], 0.13, style.color(clothes.dress), (1, 1))
        pen.shape([(0.0, 1.18), (0.08, 1.3), (0.0, 1.44), (-0.08, 1.3)], trim, sharp=True)
    elif clothes.neck == "scarf":
        pen.shape([(-0.55, 1.25), (0.0, 1.08), (0.55, 1.25), (0.5, 1.55), (0.0, 1.72), (-0.5, 1.55)], trim)
        pen.shape([(0.15, 1.55), (0.45, 1.5), (0.5, 2.3), (0.2, 2.35)], trim)
    elif clothes.neck == "bell":
        pen.stroke([(-0.27, 1.18), (0.0, 1.28), (0.27, 1.18)], 0.12, trim, (1, 1))
        pen.oval((0.0, 1.4), 0.14, 0.14, (238, 200, 96), line=True)


def _skirt(pen: Pen, clothes: Clothes, style: Style) -> None:
    main, trim = style.color(clothes.dress), style.color(clothes.trim)
    if clothes.skirt == "shorts":
        pen.shape(
            [
                (-0.60, 2.9),
                (0.60, 2.9),
                (0.78, 3.5),
                (0.66, 3.82),
                (0.1, 3.62),
                (-0.1, 3.62),
                (-0.66, 3.82),
                (-0.78, 3.5),
            ],
            main,
        )
        return
    wide, low = (1.35, 4.15) if clothes.skirt == "short" else (1.55, 5.6)
    hem: list[Point] = [(wide, low), (wide * 0.6, low + 0.18), (wide * 0.3, low + 0.06), (0.0, low + 0.2),
        (-wide * 0.3, low + 0.06), (-wide * 0.6, low + 0.18),
                        (-wide, low)]  # fmt: skip
    outline = pen.shape([(-0.56, 2.75), (0.56, 2.75), (0.85, 3.2), *hem, (-0.85, 3.2)], main)

    def inside(inner: Pen) -> None:
        for x in (-0.62, -0.2, 0.28, 0.72):
            inner.stroke(
                [(x * 0.6, 2.9), (x * 1.1, (low + 3) / 2), (x * wide * 1.1, low + 0.2)],
                0.13,
                darker(main, style.shade),
                (0, 1),
            )
        inner.stroke([(wide, low - 0.08), (0.0, low + 0.06), (-wide, low - 0.08)], 0.12, trim, (1, 1))
        if clothes.motif == "stars":
            for x, y in ((-0.7, low - 0.5), (0.1, low - 0.6), (0.75, low - 0.45)):
                star(inner, (x, y), 0.12, lighter(trim, 0.5), line=False)

    pen.inside(outline, inside)


def _legs(pen: Pen, clothes: Clothes, style: Style, skin: Color) -> None:
    stocking = style.color(clothes.legs) if clothes.legs is not None else skin
    shoes = style.color(clothes.shoes)
    for side in (-1, 1):
        leg: list[Point] = [(side * 0.06, 3.3), (side * 0.64, 3.3), (side * 0.62, 4.5), (side * 0.50, 5.6),
            (side * 0.44, 6.7), (side * 0.20, 6.7), (side * 0.16, 5.6),
                            (side * 0.10, 4.5)]  # fmt: skip
        outline = pen.shape(leg, skin)

        def inside(inner: Pen, side: int = side) -> None:
            inner.shape([(-1, 4.25), (1, 4.25), (1, 7), (-1, 7)], stocking, line=False, sharp=True)
            inner.stroke(
                [(side * 0.12, 3.3), (side * 0.16, 5.0), (side * 0.2, 6.7)], 0.14, darker(stocking, style.shade), (1, 1)
            )

        pen.inside(outline, inside)
        pen.shape(
            [(side * 0.14, 6.45), (side * 0.5, 6.45), (side * 0.66, 6.95), (side * 0.5, 7.12), (side * 0.12, 7.1)],
            shoes,
        )


def _arm(pen: Pen, clothes: Clothes, style: Style, arm: tuple[int, Point, Point]) -> None:
    side, elbow, hand = arm
    shoulder = (side * 0.74, 1.66)
    skin, main, trim = style.color(HAND), style.color(clothes.dress), style.color(clothes.trim)
    _bent(pen, (shoulder, elbow, hand), (0.36, 0.30, 0.22), skin)
    _hand(pen, elbow, hand, skin)
    if clothes.sleeves == "short":
        pen.shape(
            [(side * 0.5, 1.44), (side * 0.95, 1.42), (side * 1.2, 1.85), (side * 0.98, 2.1), (side * 0.62, 2.0)], main
        )
    elif clothes.sleeves == "long":
        _bent(pen, (shoulder, elbow, between(elbow, hand, 0.85)), (0.46, 0.42, 0.34), main)
        pen.limb([between(elbow, hand, 0.7), between(elbow, hand, 0.82)], (0.36, 0.38), trim)
        pen.stroke([shoulder, between(shoulder, elbow, 0.5), elbow], 0.09, darker(main, style.shade))
    elif clothes.sleeves == "wide":
        end = between(elbow, hand, 0.85)
        outline = _bent(pen, (shoulder, elbow, end), (0.44, 0.52, 0.95), main)
        pen.inside(outline, partial(Pen.limb, points=[between(elbow, hand, 0.68), end], widths=(0.98, 1.0), fill=trim))
        pen.limb([between(elbow, hand, 0.80), between(elbow, hand, 1.04)], (0.2, 0.2), skin)
        _hand(pen, elbow, hand, skin)
    else:
        pen.limb([between(elbow, hand, 0.0), between(elbow, hand, 0.85)], (0.40, 0.46), main)
        pen.limb([between(elbow, hand, 0.74), between(elbow, hand, 0.88)], (0.46, 0.48), trim)


def _bent(pen: Pen, points: tuple[Point, Point, Point], widths: tuple[float, float, float], fill: Color) -> Curve:
    """Two straight pieces with a round joint; one piece would cross itself in a sharp bend. Returns the lower one."""
    start, joint, end = points
    pen.limb([start, joint], widths[:2], fill)
    radius = widths[1] / 2
    lower = pen.limb([joint, end], widths[1:], fill)
    pen.oval(joint, radius, radius, fill, line=True)
    for far in (between(joint, start, 0.6), between(joint, end, 0.4)):
        pen.stroke([joint, far], widths[1] * 0.72, fill, (1, 0.9))
    return lower


def between(first: Point, second: Point, share: float) -> Point:
    """A point on the way."""
    return first[0] + (second[0] - first[0]) * share, first[1] + (second[1] - first[1]) * share


def _hand(pen: Pen, elbow: Point, hand: Point, skin: Color) -> None:
    tip = between(elbow, hand, 1.22)
    pen.oval(between(elbow, hand, 1.08), 0.17, 0.17, skin, line=True)
    for shift in (-0.09, 0.0, 0.09):
        across = (-(tip[1] - hand[1]), tip[0] - hand[0])
        end = (tip[0] + across[0] * shift * 5, tip[1] + across[1] * shift * 5)
        pen.stroke([hand, between(hand, end, 0.6), end], 0.10, skin, (1, 0.8))
