"""A folder of real pictures as a gallery with wrong and missing tags, and a person who knows the truth.

No site and no database: pictures become embeddings once, and rounds are played on them in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.round_zero_offline import FolderSource
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.package.package import Package
from classifier.pictures.preprocessing import picture_array
from storage.evidence import Evidence
from storage.records import Target, stratum_of
from tests.equipment.made_up_evidence import made_up_evidence

_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedGallery:
    """Evidence about one target, and the truth."""

    evidence: Evidence
    truth: npt.NDArray[np.bool_]  # (n,) the picture shows the target
    untagged: npt.NDArray[np.bool_]  # (n,) its tag was hidden

    def scored(self, scores: npt.NDArray[np.float64]) -> SimulatedGallery:
        """The same after rescoring."""
        return replace(self, evidence=replace(self.evidence, scores=scores))

    def answered(self, rows: npt.NDArray[np.int64]) -> SimulatedGallery:
        """The same after a person has answered these rows truly."""
        labels = list(self.evidence.labels)
        for row in rows.tolist():
            labels[row] = "keep" if self.truth[row] else "delete"
        return replace(self, evidence=replace(self.evidence, labels=labels))


def embedded(source: FolderSource, package: Package, cache: Path | None = None) -> npt.NDArray[np.float16]:
    """Embeddings of all pictures, in the order of their ids; kept in `cache` when one is named."""
    if cache is not None and cache.is_file():
        with np.load(cache, allow_pickle=False) as kept:
            if str(kept["backbone"]) == package.backbone_hash:
                return np.asarray(kept["vectors"], dtype=np.float16)
    runtime = choose_runtime([package], RuntimeSettings())
    numbers, batches = sorted(source.paths), []
    for start in range(0, len(numbers), _BATCH):
        pictures = [source.paths[number].read_bytes() for number in numbers[start : start + _BATCH]]
        batches.append(runtime.embed(np.stack([picture_array(one, package.preprocessing) for one in pictures])))
    vectors = np.concatenate(batches).astype(np.float16)
    if cache is not None:
        np.savez(cache, vectors=vectors, backbone=np.array(package.backbone_hash))
    return vectors


def gallery(source: FolderSource, target: str, vectors: npt.NDArray[np.float16], package: Package) -> SimulatedGallery:
    """The gallery as a crawl with the package would leave it: scored, nothing answered."""
    posts = source.every_post()
    count = len(posts)
    strata = np.array([stratum_of(post.tags, Target(target, target)) for post in posts], dtype=np.int8)
    tagged = np.array([target in post.tags.character for post in posts])
    named = np.array([bool(post.tags.character) for post in posts])
    evidence = replace(
        made_up_evidence(vectors, package.head.probabilities(vectors, strata), tagged, named),
        version_ids=np.arange(count, dtype=np.int64),
        post_ids=np.array([post.id for post in posts], dtype=np.int64),
        md5s=[post.file.md5 if post.file else "" for post in posts],
        character_counts=np.array([len(post.tags.character) for post in posts], dtype=np.int64),
        artists=[" ".join(post.tags.artist) for post in posts],
        strata=strata,
    )
    truth = np.array([source.classes[post.id] == target for post in posts])
    hidden = set(source.hidden)
    return SimulatedGallery(evidence, truth, np.array([post.id in hidden for post in posts]))
