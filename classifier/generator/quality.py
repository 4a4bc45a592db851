"""How good painted pictures are, in numbers: distance, precision and recall, and copies of what was learned from.

Sources: Bińkowski et al. 2018, "Demystifying MMD GANs", for the kernel distance; Kynkäänniemi et al. 2019, "Improved
precision and recall metric for assessing generative models".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from classifier.arrays import BoolArray, Float32Array, FloatArray
from classifier.pictures.dhash import NEAR, HashArray

NEIGHBOURS = 3  # as published
_BLOCKS = 10  # that the distance's error is estimated from
_LEAST_OF_BLOCK = 5  # pictures
_ROWS = 1024  # of a table of distances at once
_UNSEEN_SO_NEAR = 0.01  # share of pictures that nobody copied which are as near to a training picture


@dataclass(frozen=True, slots=True)
class Distance:
    """Kernel distance of two sets of pictures; around 0, also below it, where they are of one kind."""

    value: float
    error: float  # standard error, from blocks


@dataclass(frozen=True, slots=True)
class Quality:
    """Of painted pictures against real ones that were not learned from."""

    distance: Distance
    of_training: Distance  # of the training pictures themselves: what nobody can beat but by chance
    precision: float  # 0..1, share of the painted that lie among real ones
    recall: float  # 0..1, share of the real ones that lie among painted ones
    near_copies: float  # 0..1, share of the painted that by their features are nearly a training picture
    near_copies_of_unseen: float  # the same of the real ones, which nobody copied
    copies_by_hash: float  # 0..1, share of the painted that by their hash are a training picture
    painted: int
    real: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def kernel_distance(ones: Float32Array, others: Float32Array) -> float:
    """The unbiased squared maximum mean discrepancy by the kernel (x·y/d + 1)³; 0 in the mean for sets of one kind.

    Args:
        ones: features, (n, d), n at least 2.
        others: (m, d), m at least 2.
    """
    count, many = len(ones), len(others)
    within = (_kernel(ones, ones), _kernel(others, others))
    means = [(of.sum() - np.trace(of)) / (len(of) * (len(of) - 1)) for of in within]
    return float(sum(means) - 2 * _kernel(ones, others).sum() / (count * many))


def distance(ones: Float32Array, others: Float32Array) -> Distance:
    """The kernel distance with a standard error, from blocks of both sets."""
    blocks = min(_BLOCKS, len(ones) // _LEAST_OF_BLOCK, len(others) // _LEAST_OF_BLOCK)
    error = 0.0
    if blocks >= 2:
        pairs = zip(np.array_split(ones, blocks), np.array_split(others, blocks), strict=True)
        error = float(np.std([kernel_distance(one, other) for one, other in pairs], ddof=1) / np.sqrt(blocks))
    return Distance(kernel_distance(ones, others), error)


def _kernel(ones: Float32Array, others: Float32Array) -> FloatArray:
    product = ones.astype(np.float64) @ others.astype(np.float64).T
    return np.asarray((product / ones.shape[1] + 1) ** 3, dtype=np.float64)


def precision_and_recall(
    real: Float32Array, painted: Float32Array, neighbours: int = NEIGHBOURS
) -> tuple[float, float]:
    """Share of the painted within the manifold of the real, and the reverse, 0..1.

    A manifold is every point's ball that just reaches its so-many-th neighbour of its own set. Sets should be about as
    large: balls of a small set are wide.
    """
    return _covered(painted, real, neighbours), _covered(real, painted, neighbours)


def _covered(points: Float32Array, of: Float32Array, neighbours: int) -> float:
    nearest = min(neighbours, len(of) - 1)
    radii = np.concatenate([np.partition(part, nearest, axis=1)[:, nearest] for part in _distances(of, of)])
    return float(np.mean(np.concatenate([(part <= radii).any(axis=1) for part in _distances(points, of)])))


def nearest_distances(points: Float32Array, of: Float32Array) -> FloatArray:
    """From each point to the nearest of the others, (n,)."""
    return np.concatenate([part.min(axis=1) for part in _distances(points, of)])


def _distances(ones: Float32Array, others: Float32Array) -> list[FloatArray]:
    """Tables of distances, (rows, m), in parts; a point's own row says exactly 0."""
    squares = np.square(others.astype(np.float64)).sum(axis=1)
    parts = []
    for start in range(0, len(ones), _ROWS):
        part = ones[start : start + _ROWS].astype(np.float64)
        squared = np.square(part).sum(axis=1)[:, None] + squares - 2 * part @ others.astype(np.float64).T
        if ones is others:
            squared[np.arange(len(part)), np.arange(start, start + len(part))] = 0.0
        parts.append(np.sqrt(np.maximum(squared, 0.0)))
    return parts


def near_copies(painted: Float32Array, unseen: Float32Array, learned: Float32Array) -> tuple[BoolArray, BoolArray]:
    """Which painted and which unseen pictures are nearer to a training picture, by features, than unseen ones are.

    Nearer than all but one in a hundred of the unseen; one in a hundred of these is so by definition.
    """
    of_unseen = nearest_distances(unseen, learned)
    limit = float(np.quantile(of_unseen, _UNSEEN_SO_NEAR))
    return nearest_distances(painted, learned) < limit, of_unseen < limit


def near_by_hash(hashes: HashArray, learned: HashArray, near: int = NEAR) -> BoolArray:
    """Which hashes are within so many bits of one that was learned from, (n,); flat pictures are near to none."""
    kept = learned[_informative(learned, near)]
    if not len(kept):
        return np.zeros(len(hashes), dtype=np.bool_)
    least = np.array([np.bitwise_count(kept ^ one).min() for one in hashes], dtype=np.int64)
    return np.asarray((least <= near) & _informative(hashes, near), dtype=np.bool_)


def _informative(hashes: HashArray, near: int) -> BoolArray:
    bits = np.bitwise_count(hashes)
    return np.asarray((bits > near) & (bits < 64 - near), dtype=np.bool_)
