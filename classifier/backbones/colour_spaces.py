"""Pictures in other colours, as part of a network, so that training and prediction cannot differ.

Written with Keras' backend-neutral operations.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RGB, YCRCB = "rgb", "ycrcb"
_LUMA = (0.299, 0.587, 0.114)
_CR, _CB = 0.713, 0.564
_LEVELS = 32  # between which equalised values are interpolated; each takes one number a pixel while it is computed


def ycrcb(pictures: Any) -> Any:
    """Luma, red and blue difference, each 0..255, of RGB pictures, 0..255, shape (n, size, size, 3).

    Source: ITU-R BT.601 with the full range, in OpenCV's order.
    """
    from keras import ops

    luma = np.array(_LUMA)
    columns = np.stack([luma, _CR * (np.eye(3)[0] - luma), _CB * (np.eye(3)[2] - luma)], axis=1)
    offset = np.array([0.0, 128.0, 128.0], np.float32)
    return ops.clip(ops.conv(pictures, columns[None, None].astype(np.float32)) + offset, 0.0, 255.0)


def equalised(pictures: Any) -> Any:
    """RGB pictures, 0..255, whose luma is spread evenly over its range, each by its own histogram; colours stay.

    A level becomes the share of pixels below it; between 32 levels it is interpolated.
    """
    from keras import ops

    width = 255.0 / (_LEVELS - 1)
    levels = (np.arange(_LEVELS) * width).astype(np.float32)
    luma = ops.conv(pictures, np.array(_LUMA, np.float32)[None, None, :, None])
    near = ops.relu(1.0 - ops.absolute(luma - levels) * (1.0 / width))  # (n, h, w, levels), rows that sum to one
    shares = ops.mean(near, axis=(1, 2), keepdims=True)
    below = np.triu(np.ones((_LEVELS, _LEVELS), np.float32), 1) + 0.5 * np.eye(_LEVELS, dtype=np.float32)
    spread = 255.0 * ops.sum(near * ops.matmul(shares, below), axis=3, keepdims=True)
    return ops.clip(pictures + (spread - luma), 0.0, 255.0)
