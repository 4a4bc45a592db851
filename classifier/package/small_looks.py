"""Held-out pictures by a large rendition and by a small one, as the network sees them: what a margin is measured on.

A crawl that looks at a small rendition first asks for a larger one where a score is within a margin of the threshold.
How far a small copy moves a score depends on network and head; the pairs are kept in the package, so that every later
head on the same network measures its own margin without a picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from classifier.errors import PackageError
from classifier.head import EMBEDDING_DTYPE, Head
from classifier.metrics.rendition_margin import rendition_margin
from classifier.package.npz_arrays import ArraySpec, read_arrays

MOST_PAIRS = 512  # pictures
_ARRAYS = {"large": ArraySpec("<f2", 2), "small": ArraySpec("<f2", 2)}


@dataclass(frozen=True, slots=True, eq=False)
class SmallLooks:
    """Pictures that the network was not trained on, k of them, seen twice."""

    large: npt.NDArray[np.float16]  # (k, d) embeddings by the rendition that is scored
    small: npt.NDArray[np.float16]  # (k, d) by a copy of 180 pixels

    def margin(self, head: Head, threshold: float) -> float | None:
        """The margin of a head on this network, log odds; None: there are too few pairs.

        Args:
            head: it.
            threshold: its model's, 0..1.
        """
        return rendition_margin(head.probabilities(self.large), head.probabilities(self.small), threshold)


def write_small_looks(path: Path, looks: SmallLooks) -> None:
    """Write them as one `.npz` file without any pickled object."""
    large, small = looks.large.astype(EMBEDDING_DTYPE), looks.small.astype(EMBEDDING_DTYPE)
    np.savez(path, allow_pickle=False, large=large, small=small)


def parse_small_looks(content: bytes, path: Path, dimension: int) -> SmallLooks:
    """What `write_small_looks` wrote; the path is for messages.

    Args:
        content: of the file.
        path: of the file.
        dimension: length of the network's embedding.

    Raises:
        PackageError: it holds no such pairs of this network.
    """
    try:
        arrays = read_arrays(content, _ARRAYS)
    except ValueError as error:
        raise PackageError(f"{path} holds no looks at small renditions: {error}") from error
    large, small = arrays["large"], arrays["small"]
    if not 1 <= len(large) <= MOST_PAIRS or large.shape != small.shape or large.shape[1] != dimension:
        raise PackageError(
            f"{path}: embeddings {large.shape} and {small.shape}, expected 1 to {MOST_PAIRS} pairs of {dimension}"
        )
    if not (np.isfinite(large).all() and np.isfinite(small).all()):
        raise PackageError(f"{path}: an embedding is not finite")
    return SmallLooks(large.astype(np.float16), small.astype(np.float16))
