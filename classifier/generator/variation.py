"""What the discriminator sees, varied: real and painted pictures alike, and the generator learns through it.

Colour, place, and a square cut out, as in Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN
Training". How much is drawn here with NumPy, from the seed and the step's number, so a training that goes on sees what
it would have seen; what is done to pictures is Keras' backend-neutral operations alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.generator.networks import SIZE
from classifier.generator.settings import GeneratorSettings

COLUMNS = 7  # brightness, saturation, contrast, rows and columns moved, row and column of the square's middle


@dataclass(frozen=True, slots=True)
class Variation:
    """How much pictures vary."""

    colour: float  # 0..1
    shift: int  # pixels, at most
    square: int  # pixels of half the side of what is cut out

    @classmethod
    def of(cls, settings: GeneratorSettings) -> Variation:
        return cls(settings.colour, round(settings.shift * SIZE), round(settings.cutout * SIZE / 2))

    @property
    def nothing(self) -> bool:
        """Whether pictures stay as they are."""
        return not (self.colour or self.shift or self.square)

    def drawn(self, count: int, random: np.random.Generator, share: float = 1.0) -> Float32Array:
        """How each of so many pictures varies, shape (count, COLUMNS).

        Args:
            count: of the pictures.
            random: draws.
            share: 0..1, of the pictures that vary in colour and are cut; all are moved.
        """
        numbers = random.uniform(-1, 1, (count, COLUMNS)).astype(np.float32)
        numbers[:, :3] *= self.colour
        numbers[:, 3:5] = np.round(numbers[:, 3:5] * self.shift)
        numbers[:, 5:] = np.floor((numbers[:, 5:] + 1) / 2 * SIZE)
        stays = random.random(count) >= share
        numbers[stays, :3] = 0.0
        numbers[stays, 5:] = -SIZE  # the square lies outside
        return numbers


def varied(pictures: Any, how: Any, variation: Variation) -> Any:
    """Pictures, varied.

    Args:
        pictures: (n, 96, 96, 3), -1..1.
        how: from `Variation.drawn`, (n, COLUMNS).
        variation: which of the three is done at all.

    Returns:
        The same shape; beyond -1..1 where colours vary, 0 where there is nothing.
    """
    if variation.colour:
        pictures = _coloured(pictures, how)
    if variation.shift:
        pictures = _moved(pictures, how, variation.shift)
    if variation.square:
        pictures = pictures * _left(how, variation.square)
    return pictures


def _coloured(pictures: Any, how: Any) -> Any:
    from keras import ops

    brightness, saturation, contrast = (how[:, column, None, None, None] for column in range(3))
    pictures = pictures + brightness
    grey = ops.mean(pictures, axis=3, keepdims=True)
    pictures = (pictures - grey) * (1 + 2 * saturation) + grey
    middle = ops.mean(pictures, axis=(1, 2, 3), keepdims=True)
    return (pictures - middle) * (1 + contrast) + middle


def _moved(pictures: Any, how: Any, most: int) -> Any:
    from keras import ops

    wide = ops.pad(pictures, [[0, 0], [most, most], [most, most], [0, 0]])
    places = ops.arange(SIZE, dtype="int32")[None, :] + most
    rows, columns = (places + ops.cast(how[:, column, None], "int32") for column in (3, 4))
    wide = ops.take_along_axis(wide, rows[:, :, None, None], axis=1)
    return ops.take_along_axis(wide, columns[:, None, :, None], axis=2)


def _left(how: Any, square: int) -> Any:
    """1 where a picture stays, 0 in the square, (n, 96, 96, 1)."""
    from keras import ops

    places = ops.arange(SIZE, dtype="float32")
    in_rows = ops.abs(places[None, :, None, None] - how[:, 5, None, None, None]) < square
    in_columns = ops.abs(places[None, None, :, None] - how[:, 6, None, None, None]) < square
    return 1 - ops.cast(ops.logical_and(in_rows, in_columns), "float32")
