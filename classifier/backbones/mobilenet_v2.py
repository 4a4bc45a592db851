"""MobileNetV2, with weights published for ImageNet: the usual small network to distil a large one into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIZE = 96  # pixels of both sides
MEGABYTES = 9.4  # of the published weights, without the top


def build(size: int = SIZE, weights: Path | str | None = None) -> Any:
    """A `keras.Model` from RGB pictures, 0..255, shape (n, size, size, 3), to features, shape (n, 1280).

    Args:
        size: of the input, pixels.
        weights: a local weights file of Keras' own (without the top), `imagenet` to download, None for random ones.
    """
    import keras

    pictures = keras.Input((size, size, 3), name="pictures")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scaled")(pictures)
    trunk = keras.applications.MobileNetV2(
        input_tensor=scaled,
        input_shape=(size, size, 3),
        include_top=False,
        weights=None if weights is None else str(weights),
        pooling="avg",
    )
    return keras.Model(pictures, trunk.outputs[0], name="mobilenet_v2")
