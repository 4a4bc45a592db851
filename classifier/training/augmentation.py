"""Changed copies of training pictures: what an artist may vary without drawing somebody else.

Turned a little, moved, scaled, mirrored, lit and coloured differently, partly covered. Hue stays: hair colour is
evidence. NumPy and Pillow only, so that it works the same under every Keras backend.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Pictures = npt.NDArray[np.uint8]
FloatPictures = npt.NDArray[np.float32]


_EVEN = np.full(3, 1 / 3, np.float32)  # weights of the three colours


@dataclass(frozen=True, slots=True)
class Changes:
    """How far a copy may differ; each is drawn evenly from -x..x around "unchanged" unless a comment says otherwise."""

    mirror: float = 0.5  # probability
    scale: float = 0.2  # natural logarithm
    turn: float = 0.26  # radians
    shift: float = 0.1  # of the side
    saturation: tuple[float, float] = (0.6, 1.3)  # factor
    channel_gain: float = 0.15
    contrast: float = 0.25
    brightness: float = 25.0  # of 255
    cover: float = 0.5  # probability that a rectangle is painted over
    cover_side: tuple[float, float] = (0.125, 0.33)  # of the side


def changed(pictures: Pictures, changes: Changes, random: np.random.Generator) -> FloatPictures:
    """One changed copy of each picture.

    Args:
        pictures: RGB, shape (n, size, size, 3), 0..255.
        changes: how far they may differ.
        random: decides; the same generator state gives the same copies.

    Returns:
        float32, same shape, 0..255.
    """
    return np.stack([_changed(picture, changes, random) for picture in pictures])


def _changed(picture: Pictures, changes: Changes, random: np.random.Generator) -> FloatPictures:
    return _covered(_recoloured(_moved(picture, changes, random), changes, random), changes, random)


def _moved(picture: Pictures, changes: Changes, random: np.random.Generator) -> FloatPictures:
    size = picture.shape[0]
    scale = float(np.exp(random.uniform(-changes.scale, changes.scale)))
    turn = random.uniform(-changes.turn, changes.turn)
    mirror = -1.0 if random.random() < changes.mirror else 1.0
    cosine, sine = np.cos(turn) / scale, np.sin(turn) / scale
    matrix = np.array([[cosine * mirror, sine], [-sine * mirror, cosine]])
    centre = np.full(2, size / 2)
    offset = centre - matrix @ (centre + random.uniform(-changes.shift, changes.shift, 2) * size)
    fill = tuple(int(level) for level in random.integers(0, 256, 3))
    moved = Image.fromarray(picture).transform(
        (size, size),
        Image.Transform.AFFINE,
        (matrix[0, 0], matrix[0, 1], offset[0], matrix[1, 0], matrix[1, 1], offset[1]),
        Image.Resampling.BILINEAR,
        fillcolor=fill,
    )
    return np.asarray(moved, dtype=np.float32)


def _recoloured(picture: FloatPictures, changes: Changes, random: np.random.Generator) -> FloatPictures:
    grey: FloatPictures = (picture @ _EVEN)[:, :, None]
    picture = grey + (picture - grey) * np.float32(random.uniform(*changes.saturation))
    picture *= random.uniform(1 - changes.channel_gain, 1 + changes.channel_gain, 3).astype(np.float32)
    contrast = np.float32(random.uniform(1 - changes.contrast, 1 + changes.contrast))
    light = np.float32(random.uniform(-changes.brightness, changes.brightness))
    lit: FloatPictures = np.clip((picture - 128) * contrast + 128 + light, 0, 255)
    return lit


def _covered(picture: FloatPictures, changes: Changes, random: np.random.Generator) -> FloatPictures:
    if random.random() >= changes.cover:
        return picture
    size = picture.shape[0]
    least, most = (max(1, int(side * size)) for side in changes.cover_side)
    height, width = random.integers(least, max(most, least + 1), 2)
    top, left = random.integers(0, size - height + 1), random.integers(0, size - width + 1)
    picture[top : top + height, left : left + width] = random.uniform(0, 255, 3)
    return picture
