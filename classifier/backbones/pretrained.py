"""The pretrained backbone: a network that was trained on photographs, and the picture's colours, side by side.

    pictures -> stages of EfficientNet-Lite0 (mean, maximum, means of quadrants) -+
             -> colours -----------------------------------------------------------+-> standardised -> projected

Nothing in it is trained on the gallery; only the projection is fitted there: which numbers vary together, so that 256
of them carry what 3,000 did. So every picture's embedding is one of a network that has never seen it, and a first model
takes seconds.

Each block counts the same: it is brought to length one, standardised, and divided by the root of its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.arrays import Float32Array
from classifier.backbones import colours, efficientnet_lite0
from classifier.principal import principal

NAME = "pretrained"
SIZE = efficientnet_lite0.SIZE
KEPT = 256  # numbers of the embedding; 384 rank no better, and make the file half as large again
PROJECTION = "projection"  # name of the layer
_FITTED_ON = 3000  # pictures at most, for the projection; more change nothing but the time
_TINY = 2.0**-20


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """From the blocks' numbers to the embedding: `numbers @ weights + bias`."""

    weights: Float32Array  # (numbers, kept)
    bias: Float32Array  # (kept,)


def blocks(maps: list[Any], pictures: Any) -> list[Any]:
    """The named blocks of features, each (n, d) of length one.

    Args:
        maps: of the tapped stages, from `efficientnet_lite0.taps`.
        pictures: RGB, 0..255, shape (n, size, size, 3); size a multiple of 64, so that all quadrants are as large.
    """
    from keras import ops

    quadrants = [_quadrants(one) for one in maps]
    means = ops.concatenate([ops.mean(one, (1, 2)) for one in quadrants], axis=1)
    largest = ops.concatenate([ops.max(one, (1, 2)) for one in maps], axis=1)
    found = [
        ops.concatenate([means, largest], axis=1),  # all ten at once would be too many for LiteRT's fast kernels
        ops.concatenate([ops.reshape(one, (-1, 4 * int(one.shape[3]))) for one in quadrants], axis=1),
        colours.features(pictures),
    ]
    return [_unit(one) for one in found]


def _unit(vectors: Any) -> Any:
    from keras import ops

    # LiteRT's fast kernels know no normalisation, which its converter sees where the small number is under the root
    return vectors / (ops.sqrt(ops.sum(ops.square(vectors), axis=1, keepdims=True)) + _TINY)


def _quadrants(one: Any) -> Any:
    """Means of a feature map's quadrants, shape (n, 2, 2, channels)."""
    from keras import ops

    side = int(one.shape[1]) // 2
    return ops.average_pool(one, side, strides=side, padding="valid")


def raw(size: int = SIZE, weights: efficientnet_lite0.Weights | None = None) -> Any:
    """A `keras.Model` from pictures to the blocks' numbers one after the other, not projected."""
    import keras

    trunk = efficientnet_lite0.taps(size, weights)
    numbers = keras.ops.concatenate(blocks(trunk.outputs, trunk.inputs[0]), axis=1)
    return keras.Model(trunk.inputs, numbers, name=NAME)


def projected(features: Any, projection: Projection) -> Any:
    """A `keras.Model` from pictures to embeddings: the features of `raw`, projected."""
    import keras

    layer = keras.layers.Dense(projection.weights.shape[1], dtype="float32", name=PROJECTION)
    model = keras.Model(features.inputs, layer(features.outputs[0]), name=NAME)
    layer.set_weights([projection.weights, projection.bias])
    layer.trainable = False
    return model


def sizes() -> tuple[int, ...]:
    """How many numbers each block has."""
    channels = sum(efficientnet_lite0.TAPPED)
    return (2 * channels, 4 * channels, colours.DIMENSION)


def fitted_projection(numbers: Float32Array, *, kept: int = KEPT, seed: int = 0) -> Projection:
    """The directions in which a gallery's pictures vary most, by principal components.

    Args:
        numbers: of `raw`, shape (n, d); at least two pictures.
        kept: directions; fewer where there are fewer pictures.
        seed: of the choice of pictures, where there are many.
    """
    random = np.random.default_rng(seed)
    chosen = numbers[np.sort(random.permutation(len(numbers))[:_FITTED_ON])]
    mean, scale = chosen.mean(axis=0), _scales(chosen)
    directions = principal((chosen - mean) * scale, min(kept, len(chosen) - 1), random)
    weights = scale[:, None] * directions
    return Projection(_halved(weights), _halved(-mean @ weights))


def _halved(numbers: Float32Array) -> Float32Array:
    """What half precision makes of them: as they will lie in the network's file."""
    return numbers.astype(np.float16).astype(np.float32)


def _scales(numbers: Float32Array) -> Float32Array:
    """One over the standard deviation, the root of the block's size, and the root of the number of blocks."""
    scale = 1 / np.maximum(numbers.std(axis=0), _TINY)
    for block in _slices():
        scale[block] /= np.float32(np.sqrt((block.stop - block.start) * len(sizes())))
    return np.asarray(scale, dtype=np.float32)


def _slices() -> Iterator[slice]:
    start = 0
    for size in sizes():
        yield slice(start, start + size)
        start += size
