"""What lies behind the figures: plain, sky, night, room, petals, patterns."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from PIL import Image, ImageDraw

from demo.paint.pen import Color, lighter, mix

Palette = tuple[Color, Color, Color]
PALETTES: tuple[Palette, ...] = (
    ((255, 236, 226), (250, 196, 190), (255, 255, 255)),
    ((214, 236, 252), (142, 190, 236), (255, 255, 255)),
    ((232, 222, 250), (172, 150, 220), (255, 246, 220)),
    ((224, 246, 230), (146, 206, 176), (255, 255, 244)),
    ((255, 244, 210), (250, 206, 130), (255, 255, 255)),
    ((252, 224, 240), (236, 150, 190), (255, 250, 255)),
    ((90, 84, 150), (36, 32, 80), (250, 236, 190)),
    ((60, 110, 130), (26, 50, 84), (214, 250, 244)),
)  # fmt: skip
LIGHT_PALETTES, DARK_PALETTES = PALETTES[:6], PALETTES[6:]
Draw = Callable[[Image.Image, ImageDraw.ImageDraw, Palette, random.Random], None]


def draw_backdrop(size: tuple[int, int], name: str, rng: random.Random) -> Image.Image:
    """A backdrop of this size in pixels."""
    palette = rng.choice(DARK_PALETTES if name in ("night", "stars", "bokeh_night") else LIGHT_PALETTES)
    if name == "plain":
        return Image.new("RGB", size, rng.choice(((255, 255, 255), (250, 248, 244), palette[0])))
    image = gradient(size, palette[0], palette[1])
    draw = _DRAWERS.get(name)
    if draw is not None:
        draw(image, ImageDraw.Draw(image), palette, rng)
    return image


def gradient(size: tuple[int, int], top: Color, bottom: Color) -> Image.Image:
    """From one colour down to another."""
    column = Image.new("RGB", (1, 64))
    column.putdata([mix(top, bottom, row / 63) for row in range(64)])
    return column.resize((8, size[1]), Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def _sky(image: Image.Image, draw: ImageDraw.ImageDraw, _palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    for _ in range(5):
        x, y, size = rng.random() * width, rng.random() * height * 0.7, height * rng.uniform(0.05, 0.12)
        for puff in range(6):
            px, r = x + (puff - 2.5) * size * 0.8, size * (1.0 - abs(puff - 2.5) * 0.18)
            draw.ellipse((px - r, y - r * 0.8, px + r, y + r * 0.6), fill=(252, 253, 255))
    for _ in range(3):
        x = rng.random() * width
        hill = height * rng.uniform(0.78, 0.9)
        draw.ellipse(
            (x - width * 0.6, hill, x + width * 0.6, hill + height),
            fill=mix((140, 200, 140), (100, 170, 160), rng.random()),
        )


def _night(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    _sprinkle(image, draw, palette, rng)
    r, x, y = height * rng.uniform(0.06, 0.12), width * rng.uniform(0.1, 0.9), height * rng.uniform(0.08, 0.3)
    draw.ellipse((x - r, y - r, x + r, y + r), fill=(255, 246, 214))
    draw.ellipse((x - r * 0.5, y - r * 1.1, x + r * 1.3, y + r * 0.7), fill=mix(palette[0], palette[1], y / height))
    for index in range(9):
        left, top = width * index / 9, height * rng.uniform(0.72, 0.92)
        draw.rectangle((left, top, left + width / 8.5, height), fill=mix(palette[1], (16, 14, 36), 0.5))
        for row in range(3):
            draw.rectangle(
                (
                    left + width * 0.03,
                    top + height * (0.02 + 0.05 * row),
                    left + width * 0.05,
                    top + height * (0.04 + 0.05 * row),
                ),
                fill=(250, 214, 130),
            )


def _sprinkle(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    for _ in range(60):
        x, y, r = rng.random() * width, rng.random() * height, height * rng.uniform(0.001, 0.005)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=palette[2])


def _constellation(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    _sprinkle(image, draw, palette, rng)
    dots = [(rng.random() * width, rng.random() * height) for _ in range(9)]
    draw.line(dots, fill=mix(palette[1], palette[2], 0.5), width=max(1, height // 400))
    for x, y in dots:
        r = height * 0.008
        draw.polygon([(x, y - 2 * r), (x + r / 2, y - r / 2), (x + 2 * r, y), (x + r / 2, y + r / 2), (x, y + 2 * r),
            (x - r / 2, y + r / 2), (x - 2 * r, y),
                      (x - r / 2, y - r / 2)], fill=palette[2])  # fmt: skip


def _bokeh(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    for _ in range(26):
        x, y, r = rng.random() * width, rng.random() * height, height * rng.uniform(0.015, 0.08)
        draw.ellipse(
            (x - r, y - r, x + r, y + r),
            fill=mix(mix(palette[0], palette[1], y / height), palette[2], rng.uniform(0.15, 0.5)),
        )


def _petals(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    color = rng.choice(((255, 190, 206), (255, 226, 150), (200, 226, 160), (255, 255, 255)))
    for _ in range(46):
        x, y, r, turn = (
            rng.random() * width,
            rng.random() * height,
            height * rng.uniform(0.008, 0.02),
            rng.random() * 6.3,
        )
        ring = [(r * math.cos(a) * 1.6, r * math.sin(a) * 0.8) for a in (i * 0.7 for i in range(9))]
        draw.polygon([(x + px * math.cos(turn) - py * math.sin(turn),
            y + px * math.sin(turn) + py * math.cos(turn)) for px, py in ring],
                     fill=mix(color, palette[1], rng.uniform(0, 0.4)))  # fmt: skip


def _rays(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    x, y, far = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.6), width + height
    start = rng.random()
    for index in range(12):
        a, b = (start + index / 12) * 2 * math.pi, (start + (index + 0.5) / 12) * 2 * math.pi
        draw.polygon(
            [(x, y), (x + far * math.cos(a), y + far * math.sin(a)), (x + far * math.cos(b), y + far * math.sin(b))],
            fill=lighter(palette[0], 0.45),
        )


def _dots(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    step = height * rng.uniform(0.06, 0.11)
    for row in range(int(height / step) + 2):
        for column in range(int(width / step) + 2):
            x, y, r = (column + 0.5 * (row % 2)) * step, row * step, step * 0.2
            draw.ellipse((x - r, y - r, x + r, y + r), fill=lighter(palette[0], 0.55))


def _stripes(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    step = height * rng.uniform(0.06, 0.12)
    for index in range(-int(height / step), int((width + height) / step) + 1):
        x = index * 2 * step
        draw.polygon(
            [(x, height), (x + step, height), (x + step + height, 0), (x + height, 0)], fill=lighter(palette[0], 0.35)
        )


def _room(image: Image.Image, draw: ImageDraw.ImageDraw, palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    floor = height * rng.uniform(0.72, 0.85)
    draw.rectangle((0, floor, width, height), fill=mix((196, 152, 116), palette[1], 0.25))
    x, y, w, h = width * rng.uniform(0.05, 0.5), height * 0.1, width * 0.42, height * 0.42
    draw.rectangle((x, y, x + w, y + h), fill=(250, 250, 250))
    pane = height * 0.012
    for column in range(2):
        for row in range(2):
            left, top = x + pane + column * w / 2, y + pane + row * h / 2
            draw.rectangle(
                (left, top, left + w / 2 - 2 * pane, top + h / 2 - 2 * pane),
                fill=rng.choice(((176, 216, 246), (188, 222, 248))),
            )
    for side in (0.0, 1.0):
        edge = x + w * side
        draw.polygon([(edge - w * 0.16, y - pane * 2), (edge + w * 0.16, y - pane * 2),
            (edge + w * (0.10 if side else -0.02), y + h * 1.15),
                      (edge - w * (0.02 if side else 0.14), y + h * 1.15)], fill=palette[1])  # fmt: skip


def _sea(image: Image.Image, draw: ImageDraw.ImageDraw, _palette: Palette, rng: random.Random) -> None:
    width, height = image.size
    line = height * rng.uniform(0.5, 0.66)
    draw.rectangle((0, line, width, height), fill=(96, 176, 208))
    for _ in range(24):
        x, y, w = rng.random() * width, line + rng.random() * height * 0.25, width * rng.uniform(0.03, 0.12)
        draw.rectangle((x, y, x + w, y + height * 0.004), fill=(190, 230, 240))
    draw.ellipse((-width * 0.4, height * 0.84, width * 1.4, height * 1.4), fill=(246, 226, 182))


_DRAWERS: dict[str, Draw] = {
    "sky": _sky, "night": _night, "stars": _constellation, "bokeh": _bokeh, "bokeh_night": _bokeh, "petals": _petals,
        "rays": _rays, "dots": _dots,
    "stripes": _stripes, "room": _room, "sea": _sea,
}  # fmt: skip
BACKDROPS = ("plain", "gradient", *_DRAWERS)
