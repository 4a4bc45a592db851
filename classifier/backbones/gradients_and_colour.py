"""Hand-made features: where edges run, which colours there are, and where they are. Nothing in it is learned.

Histograms of oriented gradients (nine directions, cells of 16 in 96 pixels, blocks of 2 x 2 cells), a histogram of
hue, saturation and value, and a thumbnail of 8 x 8 pixels; 1,284 numbers. Written with Keras' backend-neutral
operations, so that it becomes part of a network's file and is computed by whatever runs the network.

Source: Dalal & Triggs 2005, "Histograms of Oriented Gradients for Human Detection".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_SIDE, _CELL, _DIRECTIONS = 96, 16, 9
_NEARLY = 0.94  # of the steepest slope: an edge counts for the direction that is nearest, or for two that are as near
_CLIP = 0.2  # of a block's normalised histogram: one strong edge is not everything
_HUES, _SATURATIONS, _VALUES = 12, 4, 4
_THUMBNAIL = 8  # pixels of both sides
_FAINT = 2.0**-6  # length under which a block's histogram is noise
_TINY = 2.0**-20
# Red, yellow and grey areas lie within a bin and not on the border of two: there the last bit of a sum, which every
# runtime rounds its own way, would move a whole area from one bin to the next.
_TURNED = 0.37  # of a bin, by which the bins of hues begin later
_ASIDE = 0.037  # of a bin, by which other borders do
DIMENSION = (_SIDE // _CELL - 1) ** 2 * 4 * _DIRECTIONS + _HUES * _SATURATIONS * _VALUES + 3 * _THUMBNAIL**2


def features(pictures: Any) -> Any:
    """Features, shape (n, 1284), of RGB pictures, 0..255, shape (n, size, size, 3); size a multiple of 32."""
    from keras import ops

    scaled = pictures * _rounded(1 / 255)
    flat = [ops.reshape(part, (-1, int(np.prod(part.shape[1:])))) for part in (_gradients(scaled), _thumbnail(scaled))]
    return ops.concatenate([flat[0], _colours(scaled), flat[1]], axis=1)


def _gradients(pictures: Any) -> Any:
    """Normalised histograms of directions, shape (n, 5, 5, 36)."""
    from keras import ops

    grey = ops.sum(pictures * _rounded([0.2125, 0.7154, 0.0721]), axis=-1, keepdims=True)
    grey = ops.image.resize(grey, (_SIDE, _SIDE), interpolation="bilinear")
    slopes = ops.abs(ops.conv(grey, _slope_filters(), padding="valid"))
    steepest = ops.max(slopes, axis=-1, keepdims=True)
    votes = ops.relu(slopes - steepest * _rounded(_NEARLY))
    votes = ops.pad(votes, ((0, 0), (1, 1), (1, 1), (0, 0)))
    cells = ops.average_pool(votes, _CELL, strides=_CELL, padding="valid")
    blocks = ops.concatenate([cells[:, :-1, :-1], cells[:, :-1, 1:], cells[:, 1:, :-1], cells[:, 1:, 1:]], axis=-1)
    return _unit(ops.minimum(_unit(blocks), _rounded(_CLIP)))


def _slope_filters() -> npt.NDArray[np.float32]:
    """Central differences across, turned by every direction; an edge and its negative count alike."""
    across = np.zeros((3, 3))
    across[1, 0], across[1, 2] = -1, 1
    angles = np.pi / _DIRECTIONS * np.arange(_DIRECTIONS)
    return _rounded(np.stack([across * np.cos(a) + across.T * np.sin(a) for a in angles], axis=-1)[:, :, None, :])


def _unit(vectors: Any) -> Any:
    from keras import ops

    length = ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True))
    return vectors / (length + _FAINT)  # not under the root: LiteRT's converter drops it there


def _colours(pictures: Any) -> Any:
    """Square roots of the shares of 192 colours, shape (n, 192)."""
    from keras import ops

    small = ops.average_pool(pictures, 4, strides=4, padding="valid")
    red, green, blue = small[:, :, :, 0:1], small[:, :, :, 1:2], small[:, :, :, 2:3]
    value, least = ops.maximum(ops.maximum(red, green), blue), ops.minimum(ops.minimum(red, green), blue)
    spread = value - least
    safe = spread + _TINY
    of_red = (green - blue) / safe
    of_red = ops.where(of_red < 0, of_red + 6.0, of_red)
    hue = ops.where(value <= red, of_red, ops.where(value <= green, (blue - red) / safe + 2, (red - green) / safe + 4))
    borders = _rounded((np.arange(_HUES) + _TURNED) / _HUES)
    hues = _round_about(_between(ops.cast(hue * _rounded(1 / 6) >= borders, "float32")))
    rest = [_bins(spread / (value + _TINY), _SATURATIONS), _bins(value, _VALUES)]
    both = ops.expand_dims(rest[0], -1) * ops.expand_dims(rest[1], -2)
    pixels = int(np.prod(small.shape[1:3]))
    counts = ops.matmul(
        ops.transpose(ops.reshape(hues, (-1, pixels, _HUES)), (0, 2, 1)),
        ops.reshape(both, (-1, pixels, _SATURATIONS * _VALUES)),
    )
    return ops.sqrt(ops.reshape(counts, (-1, _HUES * _SATURATIONS * _VALUES)) * (1 / pixels))


def _bins(values: Any, count: int) -> Any:
    """One of `count` equal bins of 0..1 for each value, as ones and zeros along the last axis."""
    from keras import ops

    borders = _rounded((np.arange(1, count) + _ASIDE) / count)
    return _between(ops.cast(values >= borders, "float32"))


def _between(over: Any) -> Any:
    """Which bin, from which of its borders were passed: one more along the last axis."""
    from keras import ops

    ends = [(0, 0)] * (over.ndim - 1)
    return ops.pad(over, [*ends, (1, 0)], constant_values=1.0) - ops.pad(over, [*ends, (0, 1)])


def _rounded(numbers: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """As half precision has them: so they lie in a network's file, and all its forms must compute with the same."""
    return np.asarray(numbers, dtype=np.float16).astype(np.float32)


def _round_about(bins: Any) -> Any:
    """Bins of a circle that were cut open at its beginning: the last one is a part of the first."""
    from keras import ops

    return ops.concatenate([bins[:, :, :, :1] + bins[:, :, :, -1:], bins[:, :, :, 1:-1]], axis=-1)


def _thumbnail(pictures: Any) -> Any:
    from keras import ops

    cell = pictures.shape[1] // _THUMBNAIL
    return ops.average_pool(pictures, cell, strides=cell, padding="valid")
