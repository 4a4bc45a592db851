"""More like this: the nearest pictures in a backbone's embedding space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_CHUNK = 20_000  # rows at a time; bounds the memory
_SAMPLE = 20_000  # rows that mean and deviation are computed from


def nearest(vectors: npt.NDArray[np.float16], row: int, count: int) -> Sequence[int]:
    """The rows most like one, nearest first, by the cosine of centred and scaled vectors; itself left out.

    Args:
        vectors: shape (n, d).
        row: which one.
        count: how many at most.
    """
    step = max(1, len(vectors) // _SAMPLE)
    sample = np.nan_to_num(vectors[::step].astype(np.float32))
    middle, width = sample.mean(axis=0), np.maximum(sample.std(axis=0), 1e-4)
    query = _directions(vectors[row : row + 1], middle, width)[0]
    likeness = np.concatenate(
        [
            _directions(vectors[start : start + _CHUNK], middle, width) @ query
            for start in range(0, len(vectors), _CHUNK)
        ]
    )
    likeness[row] = -np.inf
    count = min(count, len(vectors) - 1)
    best = np.argpartition(-likeness, count - 1)[:count] if count > 0 else np.zeros(0, dtype=np.int64)
    return [int(one) for one in best[np.argsort(-likeness[best], kind="stable")]]


def _directions(
    vectors: npt.NDArray[np.float16], middle: npt.NDArray[np.float32], width: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    centred = (np.nan_to_num(vectors.astype(np.float32)) - middle) / width
    directed: npt.NDArray[np.float32] = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    return directed
