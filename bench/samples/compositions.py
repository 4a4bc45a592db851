"""Whole pictures composed of face crops: figures on busy grounds, and pages of panels, with the tags that are true."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SHAPES = ((720, 960), (960, 720), (800, 800), (720, 1080))  # pixels; ordinary ones
_TRIES = 60  # at a place for a face where none is yet
_QUALITY = 88  # of the JPEG


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture of one face."""

    path: Path
    kind: str  # the character that it shows

    def image(self, side: int) -> Image.Image:
        """The face, so many pixels wide and high."""
        with Image.open(self.path) as image:
            return image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)


@dataclass(frozen=True, slots=True)
class Composed:
    """A picture, and the truth about it."""

    content: bytes  # a JPEG
    kinds: frozenset[str]  # the character that it shows
    figures: int  # faces in it
    share: tuple[float, float]  # of the picture's shorter side that each face takes: from, to
    boxes: tuple[tuple[int, int, int], ...] = ()  # left, top and side of each face in pixels, where they are known


def illustration(crops: Sequence[Crop], share: tuple[float, float], random: np.random.Generator) -> Composed:
    """Faces on a busy ground, apart from each other as far as there is room.

    Args:
        crops: one a figure.
        share: of the picture's shorter side that a face takes: from, to; 0..1.
        random: decides on shape, ground, sizes and places.
    """
    width, height = SHAPES[int(random.integers(len(SHAPES)))]
    picture = _ground(width, height, random)
    taken: list[tuple[int, int, int]] = []  # left, top, side
    for crop in crops:
        side = round(float(random.uniform(*share)) * min(width, height))
        left, top = _place(width, height, side, taken, random)
        taken.append((left, top, side))
        picture.paste(crop.image(side), (left, top), _mask(side))
    return Composed(_jpeg(picture), frozenset(crop.kind for crop in crops), len(crops), share, tuple(taken))


def page(crops: Sequence[Crop], side: int, random: np.random.Generator) -> Composed:
    """Panels in a column, a face each, with gutters of uneven height.

    Args:
        crops: one a panel, from above.
        side: width of the page in pixels.
        random: decides on gutters and on how much of a panel its face fills.
    """
    gutters = [int(side * gap) for gap in random.uniform(0, 0.15, len(crops))]
    faces = [int(side * share) for share in random.uniform(0.8, 1.0, len(crops))]
    picture, top = Image.new("RGB", (side, sum(gutters) + sum(faces)), "white"), 0
    for crop, gutter, face in zip(crops, gutters, faces, strict=True):
        picture.paste(crop.image(face), ((side - face) // 2, top + gutter))
        top += gutter + face
    return Composed(_jpeg(picture), frozenset(crop.kind for crop in crops), len(crops), (0.8, 1.0))


def rendition(composed: Composed, box: int) -> Composed:
    """The same picture as a site serves it, its longer side at most so many pixels."""
    with Image.open(io.BytesIO(composed.content)) as image:
        image.thumbnail((box, box), Image.Resampling.LANCZOS)
        return Composed(_jpeg(image), composed.kinds, composed.figures, composed.share)


def _ground(width: int, height: int, random: np.random.Generator) -> Image.Image:
    """Clouds of colour with shapes and lines all over."""
    clouds = Image.fromarray(random.integers(0, 256, (9, 9, 3)).astype(np.uint8))
    picture = clouds.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(70):
        x, y, long, high = (int(value) for value in random.uniform(0, 1, 4) * (width, height, width / 5, height / 5))
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        shape = int(random.integers(3))
        if shape == 0:
            draw.ellipse((x, y, x + long, y + high), fill=colour)
        elif shape == 1:
            draw.rectangle((x, y, x + long, y + high), outline=colour, width=4)
        else:
            draw.line((x, y, x + 2 * long, y + high), fill=colour, width=5)
    return picture.filter(ImageFilter.GaussianBlur(1))


def _place(
    width: int, height: int, side: int, taken: Sequence[tuple[int, int, int]], random: np.random.Generator
) -> tuple[int, int]:
    """Left and top of a square that covers no other; the last one tried where there is no room."""
    left = top = 0
    for _ in range(_TRIES):
        left, top = int(random.integers(width - side + 1)), int(random.integers(height - side + 1))
        if all(left + side <= x or x + other <= left or top + side <= y or y + other <= top for x, y, other in taken):
            break
    return left, top


def _mask(side: int) -> Image.Image:
    """Opaque in the middle, soft at the edge: no square edge reveals a pasted face."""
    mask = Image.new("L", (side, side), 0)
    ImageDraw.Draw(mask).ellipse((-side // 12, -side // 12, side + side // 12, side + side // 12), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(side / 24))


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()
