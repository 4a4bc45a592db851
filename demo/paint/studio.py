"""Paints a scene: backdrop, every figure from back to front, then the light over all."""

from __future__ import annotations

import random

from PIL import Image, ImageChops, ImageOps

from demo.paint.backdrop import draw_backdrop, gradient
from demo.paint.cast import CAST
from demo.paint.face import Expression, draw_head
from demo.paint.hair import draw_back_hair, draw_front_hair
from demo.paint.hats import draw_hat_back, draw_hat_front, star
from demo.paint.outfit import draw_body, draw_cape, draw_front_arms
from demo.paint.pen import Color, Frame, Ink, Pen
from demo.paint.scene import Figure, Scene
from demo.paint.styles import STYLES, Style

SCALE = 2  # painted this much larger, then reduced: that smooths the edges
NECK = (0.0, 1.05)
LIGHTS: dict[str, tuple[Color, Color]] = {
    "sunset": ((255, 196, 150), (255, 226, 214)),
    "moon": ((150, 160, 220), (190, 196, 240)),
    "rose": ((255, 214, 226), (255, 240, 246)),
    "mint": ((206, 244, 232), (240, 255, 250)),
    "lamp": ((255, 236, 190), (214, 170, 140)),
}


def paint(scene: Scene, frame: int = 0) -> Image.Image:
    """The picture, RGB, of the scene's size; later frames of a moving one blink."""
    rng = random.Random(scene.seed)  # noqa: S311 (a seeded choice, no secret)
    style = STYLES[scene.artist]
    canvas = draw_backdrop((scene.width * SCALE, scene.height * SCALE), scene.backdrop, rng)
    for number, figure in enumerate(scene.figures):
        own = random.Random(f"{scene.seed} {number}")  # noqa: S311 (a seeded choice, no secret)
        _draw_figure(canvas, figure, style, own, blink=frame == 1)
    if style.sparkle > 0.5:
        _sparkles(canvas, rng)
    return _lit(canvas.reduce(SCALE), scene.light, style, rng)


def _draw_figure(canvas: Image.Image, figure: Figure, style: Style, rng: random.Random, *, blink: bool) -> None:
    look = CAST[figure.character].dressed(figure.costume)
    width, height = canvas.size
    body = Frame(figure.x * width, figure.y * height, figure.head * height, mirrored=figure.mirrored)
    ink = Ink(style.line, style.ink, style.depth, style.shade)
    pen = Pen(canvas, body, ink)
    head = pen.framed(body.turned(figure.tilt, NECK))
    draw_hat_back(head, look, style)
    draw_cape(pen, look, style, rng.uniform(-0.4, 0.4))
    draw_back_hair(head, look, style, rng)
    draw_body(pen, look, style, figure.pose)
    draw_head(head, look, style, Expression(figure.expression, figure.gaze, blink))
    draw_front_hair(head, look, style, figure.gaze)
    draw_hat_front(head, look, style)
    draw_front_arms(pen, look, style, figure.pose)


def _sparkles(canvas: Image.Image, rng: random.Random) -> None:
    width, height = canvas.size
    pen = Pen(canvas, Frame(0, 0, height), Ink(0, (0, 0, 0), 0, 0))
    for _ in range(10):
        star(
            pen, (rng.random() * width / height, rng.random()), rng.uniform(0.006, 0.02), (255, 255, 255), 4, line=False
        )


def _lit(image: Image.Image, light: str, style: Style, rng: random.Random) -> Image.Image:
    if light in LIGHTS:
        image = ImageChops.multiply(image, gradient(image.size, *LIGHTS[light]))
    elif light in ("grey", "sepia"):
        grey = image.convert("L")
        white: Color = (255, 255, 255) if light == "grey" else (255, 246, 226)
        image = ImageOps.colorize(grey, (24, 20, 26) if light == "grey" else (62, 38, 24), white)
    if style.grain:
        image = _grained(image, style.grain, rng)
    return image


def _grained(image: Image.Image, strength: int, rng: random.Random) -> Image.Image:
    """Paper: a small tile of noise, repeated."""
    tile = Image.frombytes("L", (128, 128), rng.randbytes(128 * 128)).point(
        [255 - value * strength // 255 for value in range(256)]
    )
    paper = Image.new("L", image.size)
    for x in range(0, image.width, 128):
        for y in range(0, image.height, 128):
            paper.paste(tile, (x, y))
    return ImageChops.multiply(image, Image.merge("RGB", (paper, paper, paper)))
