"""Whether a network that was trained on a gallery's tags agrees with them better than the pretrained one that was not.

Both score the same tagged pictures: those that the trained network never saw. A network that was trained too briefly
ranks them worse than the untrained one, and must not take its place. Where both rank them almost perfectly, the one
that expects to find more of the target at the goal is the better one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray
from classifier.metrics.quality import average_precision
from classifier.training.packager import refusal_of
from classifier.training.pipeline import Learned, LearnedTarget

_FILE = "first-scores.npz"
LEAST_GAIN = 0.002  # of average precision; less is a matter of one picture
LEAST_MORE = 0.02  # of the expected recall
_RECALLS = "expected recall"  # of the first models, in the order of the targets


@dataclass(frozen=True, slots=True)
class StepComparison:
    """Two models of one target, made in two steps; registered with the later one."""

    better: bool  # the later one is, and is to take over
    why: str  # a sentence without its full stop

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def remember(folder: Path, learned: Learned) -> None:
    """Keep a first model's scores, out of fold, for a network that comes after it."""
    scores: dict[str, FloatArray] = {one.spec.target: one.learned.scores for one in learned.targets}
    recalls = np.array([one.learned.forecast.recall.value for one in learned.targets])
    np.savez(folder / _FILE, allow_pickle=False, **{_RECALLS: recalls}, **scores)


def agreements(folder: Path, learned: Learned) -> Mapping[str, StepComparison]:
    """Compare with the remembered scores, target by target; empty where nothing is remembered.

    Args:
        folder: in which `remember` was called, for the same pictures in the same order.
        learned: the later network.
    """
    file = folder / _FILE
    if not file.is_file():
        return {}
    rows = np.sort(np.concatenate([learned.split.validation, learned.split.test, learned.references]))
    with np.load(file, allow_pickle=False) as kept:
        recalls = kept[_RECALLS]
        before = {name: kept[name] for name in kept.files if name != _RECALLS}
    expected = dict(zip(before, recalls.tolist(), strict=True))
    return {
        name: _agreement(before[name][rows], expected[name], one, (rows, refusal_of(one, learned.embedded.training)))
        for one in learned.targets
        for name in (one.spec.target,)
        if len(before.get(name, ())) == len(one.learned.scores)
    }


def _agreement(
    before: FloatArray, expected: float, model: LearnedTarget, measured: tuple[npt.NDArray[np.int64], str]
) -> StepComparison:
    rows, refusal = measured
    if refusal:
        return StepComparison(False, f"it may not decide: {refusal}")
    shows, recall = model.shows[rows], model.learned.forecast.recall.value
    old, new = average_precision(before, shows), average_precision(model.learned.scores[rows], shows)
    figures = (
        f"average precision {new:.3f} against {old:.3f} on {len(rows)} tagged pictures that it never saw, "
        f"expected recall {recall:.2f} against {expected:.2f}"
    )
    even = abs(new - old) <= LEAST_GAIN
    return StepComparison(bool(new > old + LEAST_GAIN or (even and recall > expected + LEAST_MORE)), figures)
