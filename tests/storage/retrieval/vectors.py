"""Galleries whose pictures are a few numbers each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mode
from typing import Any

import numpy as np

from storage.archive import Archive
from storage.records import PostTags
from storage.retrieval.embedding_rows import StoredEmbedding
from storage.retrieval.transform import Transform, main_part, stacked
from tests.storage.samples import CARD, decide, list_posts, make_post, sight

NETWORK = CARD.backbone_hash


async def look_at(
    archive: Archive,
    vectors: Mapping[int, Sequence[float]],
    names: Mapping[int, str] | None = None,
    network: str = NETWORK,
    **changes: Any,
) -> None:
    """List posts by their numbers and file what the network made of each; `names` are their character tags."""
    tags = {number: PostTags(character=(name,)) for number, name in (names or {}).items()}
    posts = [make_post(number, tags=tags.get(number, PostTags(general=("hat",))), **changes) for number in vectors]
    await list_posts(archive, posts)
    for post in posts:
        look = replace(sight(post).look, embeddings={network: stored(vectors[post.id])})
        await archive.file_look(sight(post, decide(), look=look))


def stored(vector: Sequence[float]) -> bytes:
    return np.array(vector, dtype="<f2").tobytes()


def as_they_are(sample: Sequence[StoredEmbedding]) -> Transform:
    """A fit that leaves embeddings where they are."""
    length = mode(len(one.vector) for one in sample)
    vectors = np.nan_to_num(stacked([one.vector for one in sample if len(one.vector) == length], length // 2))
    dimension = vectors.shape[1]
    return main_part(np.zeros(dimension, np.float32), np.eye(dimension, dtype=np.float32), vectors)
