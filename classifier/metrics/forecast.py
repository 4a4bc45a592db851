"""What a threshold will give among the posts that scores decide, with intervals: the one pair of figures to believe.

A test split says how good scores are on tagged pictures, which are easier. The forecast is about the posts that no tag
decides: each counts with the probability that it shows the target, and the sums over and under the threshold are the
expected precision and recall. They are as sure as the positives that the probabilities were fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass

from classifier.arrays import FloatArray
from classifier.metrics.quality import Estimate, wilson, without_nan


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a threshold will give; precision and recall are NaN where nothing is kept, or nothing shows the target."""

    threshold: float  # 0..1
    precision: Estimate
    recall: Estimate
    reached: bool  # whether the goal can be reached at all
    posts: int  # that it is made for
    kept: int  # of those

    def to_json(self) -> dict[str, object]:
        """Plain values; the intervals as pairs."""
        return {
            "threshold": self.threshold,
            "precision": without_nan(self.precision.value),
            "precision_interval": without_nan([self.precision.low, self.precision.high]),
            "recall": without_nan(self.recall.value),
            "recall_interval": without_nan([self.recall.low, self.recall.high]),
            "reached": self.reached,
            "posts": self.posts,
            "kept": self.kept,
        }


def forecast(
    scores: FloatArray, chances: FloatArray, threshold: float, rests_on: float, *, reached: bool = True
) -> Forecast:
    """Expected precision and recall at a threshold.

    Args:
        scores: of the posts that scores decide, shape (n,), 0..1.
        chances: that each shows the target, shape (n,), 0..1; the score itself where nobody has answered.
        threshold: scores at or over it are kept.
        rests_on: how many unrelated pictures of the target the probabilities were fitted to, 0 or more.
        reached: whether the threshold reaches its goal.
    """
    kept = scores >= threshold
    right, all_right = float(chances[kept].sum()), float(chances.sum())
    return Forecast(
        threshold=threshold,
        precision=_as_sure_as(right, float(kept.sum()), rests_on),
        recall=_as_sure_as(right, all_right, rests_on),
        reached=reached,
        posts=len(scores),
        kept=int(kept.sum()),
    )


def _as_sure_as(part: float, whole: float, rests_on: float) -> Estimate:
    """A share with the interval of as many counts as there are, or as it rests on, if those are fewer."""
    if whole <= 0:
        return wilson(0, 0)
    of = min(whole, max(rests_on, 1.0))
    return wilson(min(part / whole, 1.0) * of, of)
