"""Hand-made features: which colours there are, and where. Nothing in it is learned.

A histogram of hue, saturation and value, and a thumbnail of 8 x 8 pixels; 384 numbers. Written with Keras'
backend-neutral operations, so that it becomes part of a network's file and is computed by whatever runs the network;
and only with those that LiteRT's fast kernels (XNNPACK) take: a single comparison or selection would cut the network
in two there, and whatever lies behind the cut would unpack its weights for every picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_HUES, _SATURATIONS, _VALUES = 12, 4, 4
_JOINT = _SATURATIONS * _VALUES
_THUMBNAIL = 8  # pixels of both sides
_COARSE = 4  # pixels of both sides that count as one
_TINY = 2.0**-20
_STEP = 2.0**12  # times any difference of two means of 16 pixels of whole numbers, over 255, is one or more
_FULL = 6.0  # what `relu6` ends at: a pixel that is wholly in a bin
# A pixel near a border of two bins counts for both: a hard border would move it by the last bit of a sum, which every
# runtime rounds its own way.
_STEEP_HUE, _STEEP = 32.0, 128.0  # one over the width of a border, in sixths of the circle and in shares
# Red, yellow and grey areas, of which drawings are full, lie within a bin and not on the border of two.
_TURNED = 0.37  # of a bin, by which the bins of hues begin later
_ASIDE = 0.037  # of a bin, by which other borders do
DIMENSION = _HUES * _JOINT + 3 * _THUMBNAIL**2


def features(pictures: Any) -> Any:
    """Features, shape (n, 384), of RGB pictures, 0..255, shape (n, size, size, 3); size a multiple of 32."""
    from keras import ops

    coarse = ops.average_pool(pictures, _COARSE, strides=_COARSE, padding="valid") * _rounded(1 / 255)
    cell = coarse.shape[1] // _THUMBNAIL
    thumbnail = ops.average_pool(coarse, cell, strides=cell, padding="valid")
    return ops.concatenate([_histogram(coarse), ops.reshape(thumbnail, (-1, 3 * _THUMBNAIL**2))], axis=1)


def _histogram(pictures: Any) -> Any:
    """Square roots of the shares of 192 colours, shape (n, 192)."""
    from keras import ops

    red, green, blue = pictures[:, :, :, 0:1], pictures[:, :, :, 1:2], pictures[:, :, :, 2:3]
    value, least = ops.maximum(ops.maximum(red, green), blue), ops.minimum(ops.minimum(red, green), blue)
    spread = value - least
    hues = _bins(_hue(red, green, blue, spread), (np.arange(_HUES) + _TURNED) / 2 - 1, _STEEP_HUE, np.eye(_HUES))
    saturations, values = np.repeat(np.eye(_SATURATIONS), _VALUES, axis=1), np.tile(np.eye(_VALUES), _SATURATIONS)
    joint = _bins(spread / (value + _TINY), _borders(_SATURATIONS), _STEEP, saturations)
    joint = joint * _bins(value, _borders(_VALUES), _STEEP, values)
    pixels = int(np.prod(pictures.shape[1:3]))
    counts = ops.matmul(
        ops.transpose(ops.reshape(hues, (-1, pixels, _HUES)), (0, 2, 1)), ops.reshape(joint, (-1, pixels, _JOINT))
    )
    return ops.sqrt(ops.reshape(counts, (-1, _HUES * _JOINT)) * (1 / pixels)) * _rounded(_FULL**-1.5)


def _hue(red: Any, green: Any, blue: Any, spread: Any) -> Any:
    """In sixths of the circle, -1..5 from magenta to magenta, 0 for red and for grey."""
    from keras import ops

    value = ops.maximum(ops.maximum(red, green), blue)
    not_red, not_green = (ops.minimum((value - one) * _STEP, 1.0) for one in (red, green))  # 0 where it is the largest
    otherwise = (blue - red) + not_green * (red - green - (blue - red))
    difference = (green - blue) + not_red * (otherwise - (green - blue))
    return difference / (spread + _TINY) + not_red * (not_green * 2.0 + 2.0)


def _borders(count: int) -> npt.NDArray[np.float64]:
    """Between `count` equal bins of 0..1."""
    return np.asarray((np.arange(1, count) + _ASIDE) / count)


def _bins(values: Any, borders: npt.NDArray[np.float64], steep: float, columns: npt.NDArray[np.float64]) -> Any:
    """How much of each pixel lies in each bin, 0 to `_FULL`, along the last axis.

    Args:
        values: shape (n, h, w, 1).
        borders: rising; where there are as many as bins, the bins are of a circle and its seam lies in the first.
        steep: one over the width of a border.
        columns: shape (bins, d): the columns that each bin is written to.
    """
    from keras import ops

    count = len(columns)
    scale = np.full((1, 1, 1, len(borders)), _FULL * steep)
    passed = ops.relu6(ops.conv(values, _rounded(scale)) + _rounded(_FULL * (0.5 - steep * borders)))
    into = np.zeros((len(borders), count))
    into[np.arange(len(borders)), (np.arange(len(borders)) + 1) % count] = 1
    into[np.arange(len(borders)), np.arange(len(borders))] -= 1
    return ops.conv(passed, _rounded(into @ columns)[None, None]) + _rounded(_FULL * columns[0])


def _rounded(numbers: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """As half precision has them: so they lie in a network's file, and all its forms must compute with the same."""
    return np.asarray(numbers, dtype=np.float16).astype(np.float32)
