"""Which scores to keep: the threshold that reaches a goal among the posts that scores decide.

Counting cannot promise a precision there: the posts without the target's tag hide one positive among a dozen or more
others, and a single wrong picture would move the estimate by several percent. So calibrated probabilities are summed
instead of counted: over all these posts, they say what share of the kept is right and what share of the right is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.arrays import FloatArray

LOWEST, HIGHEST = 0.02, 0.999  # thresholds beyond mean "everything" or "nothing"
_STEPS = 197
CAUTION = 0.1  # share of what a goal leaves open that is kept in reserve: 0.95 aims at 0.955
LEEWAY = 0.65  # by so much may the least sure of the kept pictures fall short of the goal for all of them
_LEAST_RECALL = 0.02  # a threshold that keeps less is no answer to any goal


@dataclass(frozen=True, slots=True)
class ThresholdCurve:
    """What precision and recall to expect at each threshold; kept with the model for later questions."""

    thresholds: tuple[float, ...]  # rising, 0..1
    precision: tuple[float, ...]  # expected share of right ones among the kept, 0..1; never falls
    recall: tuple[float, ...]  # expected share of kept ones among the right, 0..1; never rises
    prevalence: float  # share of positives that the curve assumes
    caution: float = CAUTION  # as its maker chose the model's own threshold, so that a later goal is met as carefully
    leeway: float = LEEWAY

    def chosen(self, goal: Goal) -> Chosen:
        """The threshold for a goal, by the model's own caution: more recall never gives a stricter one."""
        if goal.threshold is not None:
            return self.at(goal.threshold)
        if goal.recall is not None:
            return self.for_recall(goal.recall + self.caution * (1 - goal.recall))
        precision = goal.precision or 0.95
        return self.for_precision(precision + self.caution * (1 - precision))

    def for_precision(self, goal: float) -> Chosen:
        """The lowest threshold whose expected precision reaches the goal; the highest of all when none does.

        A precision to spare is not used up on pictures that are far less likely right than the goal, by more than
        `leeway`: an estimate that high is too good to be true. (Measured in round 0: a threshold fell to
        0.2, and its precision to 0.91.)
        """
        _check_goal(goal)
        reached = int(np.searchsorted(np.array(self.precision), goal))
        fair = int(np.searchsorted(np.array(self.thresholds), goal - self.leeway))
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
class Goal:
    """What the threshold is chosen for: exactly one of the three is given."""

    precision: float | None = 0.95
    recall: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.precision, self.recall, self.threshold) if value is not None]
        if len(given) != 1 or not 0 < given[0] < 1:
            raise ValueError(f"a goal is one of precision, recall or threshold, strictly between 0 and 1; got {self}")


def threshold_curve(
    scores: FloatArray, chances: FloatArray, *, caution: float = CAUTION, leeway: float = LEEWAY
) -> ThresholdCurve:
    """Expected precision and recall at each threshold.

    Args:
        scores: of the posts that scores decide, shape (n,), 0..1.
        chances: that each shows the target, shape (n,), 0..1; the score itself where nothing better is known.
        caution: share of what a goal leaves open that is kept in reserve, 0..1.
        leeway: by so much may the least sure of the kept pictures fall short of a precision, 0..1.

    Raises:
        ValueError: there are none.
    """
    if not len(scores) or scores.shape != chances.shape:
        raise ValueError(f"expected as many scores as chances, at least one; got {scores.shape} and {chances.shape}")
    grid = np.unique(np.concatenate([np.linspace(LOWEST, HIGHEST, _STEPS), [0.5]]))
    order = np.argsort(scores, kind="stable")
    first = np.searchsorted(scores[order], grid, side="left")
    share = float(np.clip(chances.mean(), _LEAST_SHARE, 1 - _LEAST_SHARE))
    right = _sums_from(chances[order], first) / len(scores)
    wrong = _sums_from(1 - chances[order], first) / len(scores)
    reliable = max(2, int(np.searchsorted(-right, -_LEAST_RECALL * share)))
    # Beyond, hardly anything is kept: no estimate.
    grid, right, wrong = grid[:reliable], right[:reliable], wrong[:reliable]
    precision = right / np.maximum(right + wrong, 1e-12)
    recall = np.minimum.accumulate(np.clip(right / share, 0, 1))
    # A precision that falls with a rising threshold is noise of the few: only what also holds further up counts.
    steady = np.minimum.accumulate(np.where(right > 0, precision, 1.0)[::-1])[::-1]
    return ThresholdCurve(
        tuple(float(value) for value in grid),
        tuple(float(value) for value in np.clip(steady, 0, 1)),
        tuple(float(value) for value in recall),
        share,
        caution,
        leeway,
    )


def _sums_from(values: FloatArray, first: npt.NDArray[np.intp]) -> FloatArray:
    """The sum of the values from each place on, shape of `first`."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)[first]


_LEAST_SHARE = 1e-4


def _check_goal(goal: float) -> None:
    if not 0 < goal < 1:
        raise ValueError(f"a goal must be strictly between 0 and 1, got {goal}")
