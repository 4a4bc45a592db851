"""The seven-layer network that we are measured against: `bench.scoring` for speed, `bench.quality` for errors.

Filters 3, 64, 128, 256, 512, 1024, 2048, 3x3 convolutions with ReLU, 2x2 maximum pools, dense 2048 and 1024, one
sigmoid; 512 pixels; 44 million parameters.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SIZE = 512  # pixels of both sides
FILTERS = (3, 64, 128, 256, 512, 1024, 2048)
UNITS = (2048, 1024)  # of the dense layers before the last one
LEAST_UNPADDED = 382  # pixels; seven unpadded convolutions and pools leave nothing of smaller pictures

FloatPixels = npt.NDArray[np.float32]


def build(size: int = SIZE, filters: tuple[int, ...] = FILTERS, units: tuple[int, ...] = UNITS) -> Any:
    """The network, untrained: a `keras.Model` from pictures to probabilities, shape (n, 1).

    Pictures are RGB, 0..255, shape (n, size, size, 3).
    Convolutions are unpadded as written; pictures under 382 pixels need padding for all seven to fit.
    """
    import keras

    padding = "valid" if size >= LEAST_UNPADDED else "same"
    model = keras.Sequential([keras.Input((size, size, 3)), keras.layers.Rescaling(1 / 255)])
    for channels in filters:
        model.add(keras.layers.Conv2D(channels, 3, activation="relu", padding=padding))
        model.add(keras.layers.MaxPooling2D(2, padding=padding))
    model.add(keras.layers.Flatten())
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    return model


def pixels(picture: bytes, size: int = SIZE) -> FloatPixels:
    """An encoded picture as the network wants it: RGB, 0..255, shape (size, size, 3), stretched."""
    with Image.open(io.BytesIO(picture)) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)
