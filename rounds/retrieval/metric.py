"""In which space pictures are compared: that of the characters that the gallery's own tags name.

Measured on twelve characters of fan art, 40 % of the tags missing, precision of the ten nearest pictures of other
drawings: cosine 0.80, of standardised numbers 0.65, in the space of the tagged characters 0.87; on characters that no
tag names 0.89, where the cosine gives 0.80. (`python -m bench.retrieval.metrics`, docs/experiments.md)
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mode

import numpy as np

from classifier.heads.character_space import CharacterSpace, numbered
from storage.reader import Reader
from storage.retrieval.embedding_rows import StoredEmbedding
from storage.retrieval.transform import Stored, Transform, Vectors, main_part, stacked
from storage.retrieval.vector_index import Fit
from storage.rows.named_posts import sole_characters


def fit_by_tags(reader: Reader) -> Fit:
    """The space of the characters that the tags of a sample name; the plain one where they name too few."""

    def fit(sample: Sequence[StoredEmbedding]) -> Transform:
        length = mode(len(one.vector) for one in sample)
        usable = [one for one in sample if len(one.vector) == length]
        named = reader.ask(lambda c: sole_characters(c, [one.version_id for one in usable]))
        vectors = stacked([one.vector for one in usable], length // 2)
        centre, matrix = space_of(vectors, [named.get(one.version_id, "") for one in usable])
        return main_part(centre, matrix, vectors)

    return fit


def space_of(vectors: Stored, names: Sequence[str]) -> tuple[Vectors, Vectors]:
    """Centre, shape (d,), and matrix, shape (d, d), of the space.

    Args:
        vectors: embeddings, shape (n, d).
        names: the one character of each, n; "" where tags name none or several.
    """
    numbers = np.nan_to_num(vectors.astype(np.float64), posinf=0, neginf=0)
    space = CharacterSpace.of(numbers, numbered(names))
    if space is None:
        return numbers.mean(axis=0).astype(np.float32), np.eye(numbers.shape[1], dtype=np.float32)
    return space.centre.astype(np.float32), space.matrix.astype(np.float32)
