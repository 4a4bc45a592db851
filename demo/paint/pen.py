"""Drawing in a figure's own measure: smooth shapes, tapered strokes, and painting inside a shape.

One unit is half a head. Everything is drawn at twice the final size and reduced at the end, which is what smooths the
edges. Curves are computed with element-wise arithmetic only and rounded, so that every machine gets the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Color = tuple[int, int, int]
Point = tuple[float, float]
Curve = npt.NDArray[np.float64]  # shape (points, 2)
Points = Sequence[Point] | Curve
MOST_STEPS = 6  # straight pieces between two points of a curve


def mix(first: Color, second: Color, share: float) -> Color:
    """A colour between two; `share` 0 gives the first, 1 the second."""
    red, green, blue = (round(one + (two - one) * share) for one, two in zip(first, second, strict=True))
    return red, green, blue


def darker(color: Color, share: float = 0.25) -> Color:
    """The shadow of a colour: darker, and cooler as shadows are."""
    return mix(color, (38, 24, 66), share)


def lighter(color: Color, share: float = 0.3) -> Color:
    """The lit side of a colour."""
    return mix(color, (255, 252, 244), share)


def smooth(points: Points, *, closed: bool, steps: int = MOST_STEPS) -> Curve:
    """A Catmull-Rom curve through the points, shape (n, 2)."""
    knots = np.asarray(points, np.float64)
    if closed:
        before, start, end, after = np.roll(knots, 1, 0), knots, np.roll(knots, -1, 0), np.roll(knots, -2, 0)
    else:
        padded = np.concatenate((knots[:1], knots, knots[-1:]))
        before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (part[:, None, :] for part in (before, start, end, after))
    curve = 0.5 * (2 * p1 + t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))))
    flat: Curve = curve.reshape(-1, 2)
    return flat if closed else np.concatenate((flat, knots[-1:]))


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a figure's measure lies on the canvas."""

    x: float  # pixels: where (0, 0) is
    y: float
    unit: float  # pixels a unit
    angle: float = 0.0  # degrees, clockwise
    mirrored: bool = False

    def place(self, points: Points) -> Curve:
        """Points in pixels, shape (n, 2)."""
        given = np.asarray(points, np.float64)
        turn = math.radians(self.angle)
        cos, sin = self.unit * math.cos(turn), self.unit * math.sin(turn)
        x, y = given[:, 0], given[:, 1]
        if self.mirrored:
            x = -x
        return np.stack((self.x + x * cos - y * sin, self.y + x * sin + y * cos), 1)

    def turned(self, angle: float, about: Point) -> Frame:
        """The same measure, turned about one of its points."""
        moved = replace(self, angle=self.angle + angle)
        was, now = self.place([about])[0], moved.place([about])[0]
        return replace(moved, x=moved.x + float(was[0] - now[0]), y=moved.y + float(was[1] - now[1]))


@dataclass(frozen=True, slots=True)
class Ink:
    """How lines are drawn."""

    width: float  # units
    color: Color
    depth: float  # 0 = lines take the colour of what they surround, 1 = all lines have the ink's colour
    shade: float  # strength of the shadows, 0..1


class Pen:
    """Draws on one canvas in one measure."""

    def __init__(self, image: Image.Image, frame: Frame, ink: Ink, origin: tuple[int, int] = (0, 0)) -> None:
        self.image = image
        self.frame = frame
        self.ink = ink
        self._origin = origin
        self._draw = ImageDraw.Draw(image)
        self._steps = 3 if frame.unit < 130 else 4 if frame.unit < 260 else MOST_STEPS

    def framed(self, frame: Frame) -> Pen:
        """A pen on the same canvas in another measure."""
        return Pen(self.image, frame, self.ink, self._origin)

    def line_color(self, fill: Color) -> Color:
        """What outlines a shape of this colour."""
        return mix(darker(fill, 0.62), self.ink.color, self.ink.depth)

    def shape(self, points: Points, fill: Color, *, line: bool = True, sharp: bool = False) -> Curve:
        """A filled, outlined shape; returns its outline in units for painting inside it."""
        outline = np.asarray(points, np.float64) if sharp else smooth(points, closed=True, steps=self._steps)
        pixels = self._pixels(outline)
        self._polygon(pixels, fill)
        if line and self.ink.width:
            ring = np.concatenate((pixels, pixels[:2]))
            width = max(1.5, self.ink.width * self.frame.unit)
            self._polygon(_sides(ring, np.full(len(ring), width)), self.line_color(fill))
        return outline

    def line(self, points: Points, color: Color, width: float = 1.0) -> None:
        """A smooth open line; `width` as a multiple of the ink's."""
        pixels = self._pixels(smooth(points, closed=False, steps=self._steps))
        thick = max(1.0, max(self.ink.width, 0.02) * width * self.frame.unit)
        self._polygon(_sides(pixels, np.full(len(pixels), thick)), color)

    def stroke(self, points: Points, width: float, color: Color, ends: tuple[float, float] = (0.0, 0.0)) -> None:
        """A brush stroke of `width` units in the middle and `ends` times that at its ends."""
        self._polygon(self._pixels(brush(points, width, ends, self._steps)), color)

    def limb(self, points: Points, widths: tuple[float, float], fill: Color) -> Curve:
        """An outlined limb from one width to another."""
        return self.shape(ribbon(points, widths, self._steps), fill, sharp=True)

    def oval(self, middle: Point, rx: float, ry: float, fill: Color, *, line: bool = False) -> Curve:
        """A filled ellipse."""
        return self.shape(oval(middle, rx, ry), fill, line=line, sharp=True)

    def inside(self, outline: Points, paint: Callable[[Pen], object]) -> None:
        """Paint, keeping within an outline."""
        pixels = self._pixels(outline)
        low, high = np.floor(pixels.min(0)).astype(int), np.ceil(pixels.max(0)).astype(int) + 1
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(self.image.width, int(high[0])), min(self.image.height, int(high[1]))
        if right <= left or bottom <= top:
            return
        layer = self.image.crop((left, top, right, bottom))
        mask = Image.new("L", layer.size, 0)
        ImageDraw.Draw(mask).polygon((pixels - (left, top)).ravel().tolist(), fill=255)
        dx, dy = self._origin
        paint(Pen(layer, self.frame, self.ink, (dx + left, dy + top)))
        self.image.paste(layer, (left, top), mask)

    def _pixels(self, points: Points) -> Curve:
        return np.round(self.frame.place(points) - self._origin, 2)

    def _polygon(self, pixels: Curve, fill: Color) -> None:
        self._draw.polygon(pixels.ravel().tolist(), fill=fill)


_ANGLES = [2 * math.pi * index / 28 for index in range(28)]
_CIRCLE = np.array([(math.cos(angle), math.sin(angle)) for angle in _ANGLES])


def oval(middle: Point, rx: float, ry: float) -> Curve:
    """Points of an ellipse, shape (28, 2)."""
    return _CIRCLE * (rx, ry) + middle


def brush(points: Points, width: float, ends: tuple[float, float], steps: int = MOST_STEPS) -> Curve:
    """The outline of a stroke that swells in its middle."""
    curve = smooth(points, closed=False, steps=steps)
    t = np.linspace(0, 1, len(curve))
    end = np.where(t < 0.5, ends[0], ends[1])
    swell = np.sqrt(np.clip(4 * t * (1 - t), 0, 1))
    return _sides(curve, width * (end + (1 - end) * swell))


def ribbon(points: Points, widths: tuple[float, float], steps: int = MOST_STEPS) -> Curve:
    """The outline of a band from one width to another."""
    curve = smooth(points, closed=False, steps=steps)
    return _sides(curve, np.linspace(widths[0], widths[1], len(curve)))


def lock(points: Points, width: float, steps: int = MOST_STEPS) -> Curve:
    """The outline of a lock of hair: full at the root, pointed at the tip."""
    curve = smooth(points, closed=False, steps=steps)
    t = np.linspace(0, 1, len(curve))
    return _sides(curve, width * (0.75 + 0.55 * t - 1.3 * t * t))


def _sides(curve: Curve, widths: npt.NDArray[np.float64]) -> Curve:
    """Both sides of a curve, there and back; `widths` one a point."""
    along = np.concatenate((curve[1:], curve[-1:])) - np.concatenate((curve[:1], curve[:-1]))
    length = np.sqrt(along[:, 0] * along[:, 0] + along[:, 1] * along[:, 1])
    half = (widths / (2 * np.where(length > 0, length, 1.0)))[:, None]
    normal = np.stack((-along[:, 1], along[:, 0]), 1) * half
    return np.concatenate((curve + normal, (curve - normal)[::-1]))
