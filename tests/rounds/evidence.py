"""Made-up evidence: pictures as vectors that lie on two sides, tags that are wrong for some of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from storage.evidence import Evidence
from tests.equipment.made_up_evidence import made_up_evidence

WIDTH = 12


@dataclass(frozen=True)
class Scene:
    evidence: Evidence
    truth: np.ndarray
    wrong: np.ndarray  # the tag is wrong, in either direction


def scene(count: int = 1200, *, share: float = 0.15, wrong: float = 0.05, hidden: float = 0.4, seed: int = 0) -> Scene:
    random = np.random.default_rng(seed)
    truth = random.random(count) < share
    vectors = random.normal(size=(count, WIDTH))
    vectors[:, 0] += np.where(truth, 5.0, 0.0)
    named = random.random(count) >= hidden
    mistaken = named & (random.random(count) < np.where(truth, wrong, wrong * share))
    tagged = named & (truth ^ mistaken)
    scores = 1 / (1 + np.exp(-2 * (vectors[:, 0] - 2.5)))
    evidence = replace(made_up_evidence(vectors.astype(np.float16), scores, tagged, named), sites=["demo"] * count)
    return Scene(evidence, truth, mistaken)


def answered(evidence: Evidence, answers: dict[int, str]) -> Evidence:
    """The same with these rows labelled."""
    labels = [answers.get(row, label) for row, label in enumerate(evidence.labels)]
    return replace(evidence, labels=labels)


def truly(scene: Scene, rows: list[int]) -> dict[int, str]:
    """True labels of these rows."""
    return {row: "keep" if scene.truth[row] else "delete" for row in rows}
