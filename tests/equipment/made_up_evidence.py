"""Evidence without a gallery: pictures that nobody has answered, each of its own artist, family and drawing."""

from __future__ import annotations

import numpy as np

from classifier.arrays import BoolArray, FloatArray
from classifier.head import Embeddings
from storage.evidence import NO_SPLIT, Evidence
from storage.records import Stratum


def made_up_evidence(vectors: Embeddings, scores: FloatArray, tagged: BoolArray, named: BoolArray) -> Evidence:
    """A row a picture, numbered from 1.

    Args:
        vectors: embeddings, shape (n, d).
        scores: by the active model, shape (n,), 0..1.
        tagged: the post's own tags name the target, shape (n,).
        named: they name anybody, shape (n,).
    """
    count = len(vectors)
    return Evidence(
        version_ids=np.arange(1, count + 1, dtype=np.int64),
        post_ids=np.arange(1, count + 1, dtype=np.int64),
        sites=["made-up"] * count,
        md5s=[f"{number:032x}" for number in range(1, count + 1)],
        vectors=np.ascontiguousarray(vectors, dtype=np.float16),
        scores=scores,
        labels=[""] * count,
        tagged=tagged,
        named=named,
        character_counts=named.astype(np.int64),
        ai_scores=np.full(count, -1, dtype=np.int64),
        parent_ids=np.zeros(count, dtype=np.int64),
        pixel_hashes=[""] * count,
        artists=[""] * count,
        ratings=["g"] * count,
        look_hashes=np.zeros(count, dtype=np.uint64),
        frozen_split=np.full(count, NO_SPLIT, dtype=np.int8),
        strata=np.where(named & ~tagged, int(Stratum.OTHERS), int(Stratum.NOBODY)).astype(np.int8),
    )
