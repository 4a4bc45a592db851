"""Everything that is known about a target's pictures, as columns: what a round learns from and asks about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from storage.records import SITE_TAGGER, Decision

SPLITS = ("train", "validation", "test")  # a part's number is its place here: the higher, the stricter
NO_SPLIT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """One row a post whose current file version has an embedding of the backbone; n rows."""

    version_ids: npt.NDArray[np.int64]  # (n,)
    post_ids: npt.NDArray[np.int64]  # (n,)
    sites: Sequence[str]
    md5s: Sequence[str]
    vectors: npt.NDArray[np.float16]  # (n, d) of whole pictures, C-contiguous
    scores: npt.NDArray[np.float64]  # (n,) by the active model, NaN where there is none
    labels: Sequence[str]  # the newest: keep | delete | unsure | "" where there is no label
    tagged: npt.NDArray[np.bool_]  # (n,) the post's own tags name the target
    named: npt.NDArray[np.bool_]  # (n,) the post has any character tag
    character_counts: npt.NDArray[np.int64]  # (n,) character tags
    ai_scores: npt.NDArray[np.int64]  # (n,) percent by the site's own tagger, -1 where it says nothing
    parent_ids: npt.NDArray[np.int64]  # (n,) 0 where there is none
    pixel_hashes: Sequence[str]  # "" where unknown
    artists: Sequence[str]  # artist tags, joined by spaces
    ratings: Sequence[str]  # g | s | q | e
    look_hashes: npt.NDArray[np.uint64]  # (n,) of the picture that was looked at; 0 where unknown, and of flat ones
    frozen_split: npt.NDArray[
        np.int8
    ]  # (n,) that the target's earlier rounds gave the post: place in SPLITS, or NO_SPLIT
    strata: npt.NDArray[np.int8]  # (n,) of `Stratum`, as `stratum_of` says for the target
    windows: Mapping[int, npt.NDArray[np.float16]] = field(default_factory=dict)  # by version id: (k, d)
    tagger_percents: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)  # by hash of the user's taggers
    # by `TaggerVector.network`: its vectors, (n, k), not-a-number where it never looked
    tagger_vectors: Mapping[str, npt.NDArray[np.float16]] = field(default_factory=dict)
    too_small: frozenset[int] = frozenset()  # version ids of pictures of which a low score says nothing

    def __len__(self) -> int:
        return len(self.version_ids)

    @property
    def ai_percents(self) -> Mapping[str, npt.NDArray[np.int64]]:
        """By source what taggers give the target's tag, (n,) 0..100, -1 where one says nothing."""
        return {SITE_TAGGER: self.ai_scores, **self.tagger_percents}

    def rows(self, rows: npt.NDArray[np.int64]) -> Evidence:
        """The same of these rows only, in this order."""
        numbers = rows.tolist()
        picked: dict[str, Any] = {
            column.name: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in numbers]
            for column in fields(self)
            for values in (getattr(self, column.name),)
            if not isinstance(values, Mapping | frozenset)
        }
        taggers = {tagger: percents[rows] for tagger, percents in self.tagger_percents.items()}
        vectors = {network: found[rows] for network, found in self.tagger_vectors.items()}
        return Evidence(
            **picked,
            windows=self.windows,
            tagger_percents=taggers,
            tagger_vectors=vectors,
            too_small=self.too_small,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SplitAssignments:
    """What a round found out about pictures and will not be asked again."""

    target: str  # Target.name
    version_ids: npt.NDArray[np.int64]  # (n,)
    split: npt.NDArray[np.int8]  # (n,) places in SPLITS; a part never becomes less strict
    hashes: Mapping[int, int] = field(default_factory=dict)  # version id -> hash that was missing, 0..2**64-1


@dataclass(frozen=True, slots=True, eq=False)
class Rescored:
    """Known pictures under another model: a score and a decision each."""

    version_ids: npt.NDArray[np.int64]  # (n,)
    scores: npt.NDArray[np.float64]  # (n,) 0..1; NaN is not recorded
    decisions: Sequence[Decision]  # n
