"""The face: its shape, eyes that shine, brows, mouth, blush, and what sits on it."""

from __future__ import annotations

from dataclasses import dataclass

from demo.paint.cast import Look
from demo.paint.pen import Color, Pen, Point, darker, lighter, mix, oval
from demo.paint.styles import Style

DARK: Color = (54, 36, 52)
CLOSED = {"happy", "sleepy"}
EYE_X, EYE_Y = 0.40, 0.16  # units from the middle of the head
LASH: Color = (48, 32, 50)


@dataclass(frozen=True, slots=True)
class Expression:
    """A face's mood."""

    name: str
    turn: float = 0.0  # -1 looking left .. 1 right
    blink: bool = False


def face_outline(style: Style) -> list[Point]:
    """The head without hair."""
    low = 0.98 * style.chin
    right = [(0.80, -0.35), (0.79, 0.10), (0.72, 0.42), (0.50, 0.74), (0.20, low - 0.05)]
    left = [(-x, y) for x, y in reversed(right)]
    return [(0.0, -0.98), (0.55, -0.85), *right, (0.0, low), *left, (-0.55, -0.85)]


def draw_head(pen: Pen, look: Look, style: Style, mood: Expression) -> None:
    """Head, ears and all features; hair comes later."""
    skin = style.color(look.skin)
    shadow = mix(skin, (214, 120, 120), 0.32 + 0.3 * style.shade)
    for side in (-1, 1):
        _ear(pen, side, skin, shadow, "pointy_ears" in look.extra)
    outline = pen.shape(face_outline(style), skin)
    dx = mood.turn * 0.10

    def shading(inner: Pen) -> None:
        inner.shape(
            [(-0.9, -1.1), (0.9, -1.1), (0.86, -0.30), (0.45, -0.16), (0.0, -0.22), (-0.45, -0.16), (-0.86, -0.30)],
            shadow,
            line=False,
        )
        rosy = mix(skin, (255, 120, 120), 0.42 * style.blush)
        for side in (-1, 1):
            inner.oval((side * 0.46 + dx, 0.52), 0.19, 0.10, rosy)
            for step in range(3 if style.blush > 0.6 else 0):
                x = side * 0.46 + dx + (step - 1) * 0.09
                inner.line([(x - 0.03, 0.56), (x + 0.03, 0.49)], mix(rosy, (220, 60, 70), 0.4), 0.6)

    pen.inside(outline, shading)
    for side in (-1, 1):
        if side == -1 and "eyepatch" in look.extra:
            continue
        _eye(pen, side, look, style, mood)
        _brow(pen, side, look, style, mood)
    _nose_and_mouth(pen, mood, skin)
    _extras(pen, look, dx)


def _ear(pen: Pen, side: int, skin: Color, shadow: Color, pointed: bool) -> None:
    tip = 1.25 if pointed else 0.93
    pen.shape([(side * 0.74, -0.05), (side * tip, -0.12), (side * 0.9, 0.22), (side * 0.74, 0.32)], skin)
    pen.stroke([(side * 0.80, 0.02), (side * 0.86, 0.05), (side * 0.80, 0.2)], 0.05, shadow)


def _eye(pen: Pen, side: int, look: Look, style: Style, mood: Expression) -> None:
    x = side * EYE_X + mood.turn * 0.12
    squeeze = 1.0 - 0.16 * max(0.0, mood.turn * side)
    if mood.blink or mood.name in CLOSED or (mood.name == "wink" and side == 1):
        _closed_eye(pen, x, side, mood.name == "sleepy")
        return
    height = {"surprised": 1.12, "smug": 0.7, "serious": 0.8, "calm": 0.85}.get(mood.name, 1.0) * style.eye
    w, h = 0.25 * squeeze, 0.27 * height
    y = EYE_Y
    out = side

    def at(px: float, py: float) -> Point:
        return x + out * px * w / 0.25, y + py * h / 0.27

    white = [
        at(-0.22, -0.10),
        at(-0.05, -0.25),
        at(0.15, -0.22),
        at(0.26, -0.06),
        at(0.20, 0.16),
        at(0.02, 0.25),
        at(-0.15, 0.18),
    ]
    outline = pen.shape(white, (255, 252, 250), line=False)
    eyes = style.color(look.eyes)

    def iris(inner: Pen) -> None:
        rx, ry = 0.175 * style.iris, 0.235 * style.iris * height
        mx, my = x + mood.turn * 0.05 + out * 0.01, y + 0.015
        inner.stroke([at(-0.3, -0.16), at(0, -0.24), at(0.3, -0.12)], 0.16, (206, 200, 222))
        inner.oval((mx, my), rx, ry, darker(eyes, 0.55))
        inner.oval((mx, my + 0.015), rx * 0.86, ry * 0.9, eyes)
        inner.oval((mx, my - ry * 0.42), rx * 0.82, ry * 0.5, darker(eyes, 0.38))
        inner.oval((mx, my - 0.01), rx * 0.42, ry * 0.46, darker(eyes, 0.72))
        inner.oval((mx, my + ry * 0.56), rx * 0.55, ry * 0.28, lighter(eyes, 0.55))
        inner.oval((mx - 0.07, my - ry * 0.42), 0.065, 0.08, (255, 255, 255))
        inner.oval((mx + 0.075, my + ry * 0.38), 0.03, 0.035, (255, 255, 255))

    pen.inside(outline, iris)
    lash = mix(LASH, darker(style.color(look.hair), 0.6), 0.35)
    pen.stroke(
        [at(-0.27, -0.04), at(-0.10, -0.24), at(0.13, -0.255), at(0.27, -0.10), at(0.36, -0.09)],
        0.105,
        lash,
        (0.1, 0.1),
    )
    pen.stroke([at(0.26, -0.08), at(0.31, 0.0), at(0.34, 0.0)], 0.06, lash)
    pen.stroke([at(0.20, 0.17), at(0.03, 0.26), at(-0.10, 0.22)], 0.035, mix(lash, (180, 110, 110), 0.4))
    pen.stroke([at(-0.17, -0.33), at(0.05, -0.37), at(0.24, -0.27)], 0.028, mix(lash, (200, 130, 120), 0.5))


def _closed_eye(pen: Pen, x: float, side: int, down: bool) -> None:
    bend = 0.13 if down else -0.13
    y = EYE_Y + (0.06 if down else 0.08)
    pen.stroke([(x - side * 0.25, y), (x, y + bend), (x + side * 0.26, y - 0.01)], 0.075, LASH, (0.2, 0.2))
    pen.stroke([(x + side * 0.2, y + bend * 0.4), (x + side * 0.31, y + bend * 0.55)], 0.05, LASH)


def _brow(pen: Pen, side: int, look: Look, style: Style, mood: Expression) -> None:
    inner_y, outer_y = {
        "serious": (-0.20, -0.31), "smug": (-0.22, -0.34), "surprised": (-0.42, -0.40), "pout": (-0.22, -0.28),
            "shy": (-0.38, -0.28),
    }.get(mood.name, (-0.31, -0.31))  # fmt: skip
    x = mood.turn * 0.10
    points = [
        (side * 0.22 + x, inner_y),
        (side * 0.40 + x, (inner_y + outer_y) / 2 - 0.05),
        (side * 0.62 + x, outer_y + 0.03),
    ]
    pen.stroke(points, 0.05, darker(style.color(look.hair), 0.35), (0.3, 0.1))


def _nose_and_mouth(pen: Pen, mood: Expression, skin: Color) -> None:
    dx = mood.turn * 0.14
    line = mix(DARK, (170, 70, 70), 0.5)
    pen.stroke([(dx + 0.005, 0.44), (dx - 0.03, 0.485), (dx + 0.01, 0.495)], 0.03, mix(skin, (170, 80, 70), 0.6))
    y = 0.70
    if mood.name in ("laugh", "happy", "wink", "surprised"):
        wide, deep = (0.08, 0.13) if mood.name == "surprised" else (0.19, 0.17)
        top = -0.10 if mood.name == "surprised" else 0.0
        shape = [
            (dx - wide, y + top / 2),
            (dx, y + top),
            (dx + wide, y + top / 2),
            (dx + wide * 0.6, y + deep * 0.8),
            (dx, y + deep),
            (dx - wide * 0.6, y + deep * 0.8),
        ]
        outline = pen.shape(shape, (168, 58, 70))
        pen.inside(outline, lambda inner: _tongue(inner, dx, y, deep))
        return
    shapes: dict[str, list[Point]] = {
        "smug": [(-0.15, -0.02), (-0.08, 0.03), (0.0, -0.01), (0.08, 0.03), (0.17, -0.05)],
        "serious": [(-0.10, 0.01), (0.0, 0.0), (0.10, 0.01)],
        "calm": [(-0.09, 0.0), (0.0, 0.02), (0.09, 0.0)],
        "pout": [(-0.08, 0.04), (0.0, -0.02), (0.08, 0.04)],
        "shy": [(-0.10, 0.0), (-0.04, 0.03), (0.03, -0.01), (0.10, 0.02)],
        "sleepy": [(-0.06, 0.0), (0.0, 0.03), (0.06, 0.0)],
    }
    curve = shapes.get(mood.name, [(-0.15, -0.02), (0.0, 0.05), (0.15, -0.02)])
    pen.stroke([(dx + px, y + py) for px, py in curve], 0.042, line, (0.3, 0.3))


def _tongue(pen: Pen, dx: float, y: float, deep: float) -> None:
    pen.oval((dx, y + deep), 0.13, 0.09, (240, 128, 130))
    pen.shape(
        [(dx - 0.15, y - 0.04), (dx + 0.15, y - 0.04), (dx + 0.11, y + 0.025), (dx - 0.11, y + 0.025)],
        (255, 255, 255),
        line=False,
        sharp=True,
    )


def _extras(pen: Pen, look: Look, dx: float) -> None:
    if "mole" in look.extra:
        pen.oval((EYE_X + 0.12 + dx, 0.47), 0.025, 0.025, (80, 48, 48))
    if "eyepatch" in look.extra:
        x = -EYE_X + dx
        pen.stroke([(-0.8, -0.12), (x, -0.05), (0.5, -0.5)], 0.06, (52, 42, 62), (1, 1))
        pen.shape([(x - 0.30, -0.10), (x + 0.27, -0.14), (x + 0.24, 0.20), (x, 0.42), (x - 0.27, 0.24)], (60, 46, 76))
        pen.shape([(x, -0.02), (x + 0.09, 0.12), (x, 0.26), (x - 0.09, 0.12)], (214, 170, 90), sharp=True)
    if "glasses" in look.extra:
        for side in (-1, 1):
            ring = oval((side * EYE_X + dx, EYE_Y + 0.05), 0.31, 0.29)
            pen.line([*ring, ring[0]], (92, 62, 60), 1.3)
        pen.line([(dx - 0.1, EYE_Y), (dx, EYE_Y - 0.03), (dx + 0.1, EYE_Y)], (92, 62, 60), 1.3)
