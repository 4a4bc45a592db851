"""Paints a scene."""

from __future__ import annotations

import colorsys
import zlib

from PIL import Image, ImageDraw

from demo.paint.scene import Scene


def paint(scene: Scene, frame: int = 0) -> Image.Image:
    """The picture, RGB, of the scene's size."""
    image = Image.new("RGB", (scene.width, scene.height), (240, 240, 250 - frame))
    draw = ImageDraw.Draw(image)
    for figure in scene.figures:
        hue = zlib.crc32(figure.character.encode()) % 360 / 360
        red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.6, 0.8))
        x, y, r = figure.x * scene.width, figure.y * scene.height, figure.head * scene.height
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(red, green, blue))
    return image
