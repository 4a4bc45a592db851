"""From a stored embedding to a row of the matrix: moved into a space, of length one; long ones by their main part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]  # (n, d)
Stored = npt.NDArray[np.float16]  # (n, d)
_STORED = np.dtype("<f2")  # how embeddings are stored
MOST_COLUMNS = 256  # of the matrix; what is longer is searched by its main part first, then by all of it
_TINY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Transform:
    """How like two pictures are is the cosine between their embeddings in a space: `(embedding - centre) @ matrix`."""

    centre: Vectors  # (d,)
    matrix: Vectors  # (d, d)
    directions: Vectors  # (d, k), orthonormal columns; k = 0: rows are whole

    @property
    def dimension(self) -> int:
        """Length of the embeddings, d."""
        return len(self.centre)

    @property
    def columns(self) -> int:
        """Length of a row of the matrix."""
        return self.directions.shape[1] or self.dimension

    def whole(self, embeddings: Stored) -> Vectors:
        """Embeddings, shape (n, d), as directions of length one, shape (n, d); a number that is none counts as 0."""
        numbers = np.nan_to_num(embeddings.astype(np.float32), posinf=0, neginf=0)
        moved = (numbers - self.centre) @ self.matrix
        lengths = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), _TINY)
        return np.asarray(moved / lengths, dtype=np.float32)

    def rows(self, whole: Vectors) -> Vectors:
        """Directions as `whole` gives them, shape (n, d), as rows of the matrix, shape (n, k)."""
        return whole @ self.directions if self.directions.shape[1] else whole


def main_part(centre: Vectors, matrix: Vectors, sample: Stored, *, most_columns: int = MOST_COLUMNS) -> Transform:
    """The transform into a space, with the directions in which a sample of embeddings, shape (n, d), varies most."""
    whole = Transform(centre, matrix, np.zeros((len(centre), 0), dtype=np.float32))
    if len(centre) <= most_columns:
        return whole
    seen = whole.whole(sample)
    _, directions = np.linalg.eigh(seen.T @ seen)  # the weakest first
    return Transform(centre, matrix, np.ascontiguousarray(directions[:, -most_columns:], dtype=np.float32))


def stacked(vectors: Sequence[bytes], dimension: int) -> Stored:
    """Stored vectors, all of this length, as one array, shape (n, d)."""
    return np.frombuffer(b"".join(vectors), dtype=_STORED).reshape(len(vectors), dimension).astype(np.float16)
