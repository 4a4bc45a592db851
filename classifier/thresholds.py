"""Which scores to keep: the threshold that reaches a goal in the untagged part of the gallery.

Validation alone cannot promise a precision there: it holds some hundred pictures, the untagged part hides one positive
among a dozen or more others, and a single wrong validation picture would move the estimate by several percent. So the
estimate is smoothed: calibrated probabilities at the gallery's prevalence, averaged over real unlabelled pictures as
well as over validation, say what share of the kept is right and what share of the right is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

LOWEST, HIGHEST = 0.02, 0.999  # thresholds beyond mean "everything" or "nothing"
_STEPS = 197
LEEWAY = 0.45  # by so much may the least sure of the kept pictures fall short of the goal for all of them
_LEAST_RECALL = 0.02  # a threshold that keeps less is no answer to any goal


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """What precision and recall to expect at each threshold; kept with the model for later questions."""

    thresholds: tuple[float, ...]  # rising, 0..1
    precision: tuple[float, ...]  # expected share of right ones among the kept, 0..1; never falls
    recall: tuple[float, ...]  # expected share of kept ones among the right, 0..1; never rises
    prevalence: float  # share of positives that the curve assumes

    def for_precision(self, goal: float, leeway: float = LEEWAY) -> Chosen:
        """The lowest threshold whose expected precision reaches the goal; the highest of all when none does.

        A precision to spare is not spent on pictures that are far less likely right than the goal, by more than
        `leeway`: an estimate that promises so much is too good to be true. (Measured in round 0: a threshold fell to
        0.2, and its precision to 0.91.)
        """
        _check_goal(goal)
        reached = int(np.searchsorted(np.array(self.precision), goal))
        fair = int(np.searchsorted(np.array(self.thresholds), goal - leeway))
        row = max(reached, min(fair, len(self.thresholds) - 1))
        return self._at(min(row, len(self.thresholds) - 1), reached=row < len(self.thresholds))

    def for_recall(self, goal: float) -> Chosen:
        """The highest threshold whose expected recall reaches the goal; the lowest of all when none does."""
        _check_goal(goal)
        rows = np.flatnonzero(np.array(self.recall) >= goal)
        return self._at(int(rows[-1]) if len(rows) else 0, reached=bool(len(rows)))

    def at(self, threshold: float) -> Chosen:
        """What to expect of a threshold that a person chose."""
        if not 0 <= threshold <= 1:
            raise ValueError(f"a threshold must be 0..1, got {threshold}")
        precision = float(np.interp(threshold, self.thresholds, self.precision))
        return Chosen(threshold, precision, float(np.interp(threshold, self.thresholds, self.recall)), True)

    def _at(self, row: int, *, reached: bool) -> Chosen:
        return Chosen(self.thresholds[row], self.precision[row], self.recall[row], reached)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A threshold and what to expect of it in the untagged part of the gallery."""

    threshold: float
    precision: float
    recall: float
    reached: bool  # whether the goal can be reached at all


@dataclass(frozen=True, slots=True)
class Scored:
    """Calibrated probabilities at one prevalence."""

    validation: FloatArray  # shape (n,), at the gallery's prevalence
    truth: BoolArray  # shape (n,)
    unlabelled: FloatArray  # shape (m,), at the gallery's prevalence; may be empty
    prevalence: float  # of the unlabelled part, strictly between 0 and 1


def threshold_curve(scored: Scored) -> ThresholdCurve:
    """Expected precision and recall at each threshold.

    Two estimates of what is kept are averaged, positives and negatives apart: the counts of validation, re-weighted
    to the prevalence, and the calibrated probabilities of the unlabelled pictures taken at their word.
    """
    if not 0 < scored.prevalence < 1:
        raise ValueError(f"prevalence must be strictly between 0 and 1, got {scored.prevalence}")
    grid = np.unique(np.concatenate([np.linspace(LOWEST, HIGHEST, _STEPS), [0.5]]))
    right, wrong = _expected(scored, grid)
    told = max(2, int(np.searchsorted(-right, -_LEAST_RECALL * scored.prevalence)))
    grid, right, wrong = grid[:told], right[:told], wrong[:told]  # beyond, hardly anything is kept: no estimate
    precision = right / np.maximum(right + wrong, 1e-12)
    recall = np.minimum.accumulate(np.clip(right / scored.prevalence, 0, 1))
    # A precision that falls with a rising threshold is noise of the few: only what also holds further up counts.
    steady = np.minimum.accumulate(np.where(right > 0, precision, 1.0)[::-1])[::-1]
    return ThresholdCurve(
        tuple(float(value) for value in grid),
        tuple(float(value) for value in np.clip(steady, 0, 1)),
        tuple(float(value) for value in recall),
        scored.prevalence,
    )


def _expected(scored: Scored, grid: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Expected share of all untagged pictures that is kept and right, and kept and wrong, at each threshold."""
    counted = (
        scored.prevalence * _share_over(scored.validation[scored.truth], grid),
        (1 - scored.prevalence) * _share_over(scored.validation[~scored.truth], grid),
    )
    if not len(scored.unlabelled):
        return counted
    order = np.sort(scored.unlabelled)
    total = np.append(np.cumsum(order[::-1])[::-1], 0.0) / len(order)
    missing = np.append(np.cumsum((1 - order)[::-1])[::-1], 0.0) / len(order)
    first = np.searchsorted(order, grid, side="left")
    believed = (total[first], missing[first])
    weight = len(order) / (len(order) + len(scored.validation))
    return (
        weight * believed[0] + (1 - weight) * counted[0],
        weight * believed[1] + (1 - weight) * counted[1],
    )


def _share_over(scores: FloatArray, grid: FloatArray) -> FloatArray:
    if not len(scores):
        return np.zeros_like(grid)
    return 1 - np.searchsorted(np.sort(scores), grid, side="left") / len(scores)


def _check_goal(goal: float) -> None:
    if not 0 < goal < 1:
        raise ValueError(f"a goal must be strictly between 0 and 1, got {goal}")
