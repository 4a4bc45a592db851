"""EfficientNetV2-B0, with weights published for ImageNet: sees more than the small one, costs more time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SIZE = 224  # pixels of both sides
MEGABYTES = 24.3  # of the published weights, without the top


def build(size: int = SIZE, weights: Path | str | None = None) -> Any:
    """A `keras.Model` from RGB pictures, 0..255, shape (n, size, size, 3), to features.

    Args:
        size: of the input, pixels.
        weights: a local weights file of Keras' own (without the top), `imagenet` to download, None for random ones.
    """
    import keras

    return keras.applications.EfficientNetV2B0(
        input_shape=(size, size, 3),
        include_top=False,
        weights=None if weights is None else str(weights),
        pooling="avg",
        include_preprocessing=True,
    )
