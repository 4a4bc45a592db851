"""One score from several looks at one picture: the whole and its windows.

The best of nine looks passes a threshold by chance more often than one look does. A picture of extreme shape that
shows the target shows it somewhere, and nothing is known of where; so each look's odds count by the share of looks
that it is, and the picture's odds are their mean. One look that is sure among k that see nothing loses log k of its
log odds; k looks that agree lose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray
from classifier.head import EMBEDDING_DTYPE, AiPercents, Embeddings, Head, read_embedding
from classifier.tagger_block import TaggerVectors

_SUREST = 1e-12  # a probability is no nearer to 0 or 1 than this, so that its odds are finite


def pooled(probabilities: FloatArray) -> float:
    """The probability that a picture shows the target, from each look's, shape (looks,); not-a-number stays."""
    sure = np.clip(probabilities, _SUREST, 1 - _SUREST)
    odds = float(np.mean(sure / (1 - sure)))
    return odds / (1 + odds)


def score_views(head: Head, stored: bytes, tagger_vector: bytes | None = None) -> float:
    """The score of one picture from the embeddings of its looks, end to end (float16, little endian).

    Args:
        head: of the network that the embeddings are of.
        stored: the embeddings.
        tagger_vector: of the whole picture by the tagger that the head looks at too; None: that never looked.

    Raises:
        ValueError: they are not of the head's length.
    """
    length = head.dimension * EMBEDDING_DTYPE.itemsize
    if not stored or len(stored) % length:
        raise ValueError(f"expected embeddings of {length} bytes each, got {len(stored)} bytes")
    looks = read_embedding(stored).reshape(-1, head.dimension)
    vectors: dict[str, npt.NDArray[np.float16]] = {}
    if tagger_vector is not None:
        vectors[head.tagger_network] = np.repeat(read_embedding(tagger_vector)[None, :], len(looks), axis=0)
    scores = head.probabilities(looks, tagger_vectors=vectors)
    return float(scores[0]) if len(looks) == 1 else pooled(scores)


def score_all(
    head: Head,
    vectors: Embeddings,
    windows: Mapping[int, npt.NDArray[np.float16]],
    strata: npt.NDArray[np.int8] | None = None,
    ai_percents: AiPercents | None = None,
    tagger_vectors: TaggerVectors | None = None,
) -> FloatArray:
    """Scores of many pictures, shape (n,), each as `score_views` gives it and moved by what its post says.

    Args:
        head: of the network that the embeddings are of.
        vectors: of the whole pictures, shape (n, d).
        windows: row -> embeddings of that picture's windows, shape (k, d).
        strata: of `Stratum`, shape (n,); None: of pictures whose posts are not known.
        ai_percents: what taggers say of the posts, (n,) a source; None: nothing.
        tagger_vectors: of the whole pictures by taggers' penultimate layers, (n, k) a network; None: there are none.
    """
    scores = head.probabilities(vectors, strata, ai_percents, tagger_vectors)
    for row, parts in windows.items():
        same = None if strata is None else np.repeat(strata[row], len(parts))
        alike = {source: np.repeat(percents[row], len(parts)) for source, percents in (ai_percents or {}).items()}
        whole = {one: np.repeat(by[row][None, :], len(parts), axis=0) for one, by in (tagger_vectors or {}).items()}
        scores[row] = pooled(np.append(scores[row], head.probabilities(parts, same, alike, whole)))
    return scores
