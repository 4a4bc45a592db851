"""Precision, recall and average precision of one target, with intervals that admit how little was measured."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np

from classifier.arrays import BoolArray, FloatArray, IntArray

_ROUNDING = 1e-9  # a share times a count is seldom whole to the last digit


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval; NaN where nothing was there to measure."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if not math.isfinite(self.value):
            return "not measured"
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class Quality:
    """How well one target's scores separate what shows it from what does not, at one threshold."""

    examples: int
    positives: int
    kept: int  # scores at or over the threshold
    right: int  # kept, and showing the target
    threshold: float  # 0..1
    precision: Estimate
    recall: Estimate
    f1: Estimate
    average_precision: Estimate

    def to_json(self) -> dict[str, object]:
        """Plain values; NaN becomes None, which JSON can say."""
        return {key: without_nan(value) for key, value in asdict(self).items()}


@lru_cache(maxsize=4096)
def wilson(right: float, of: float) -> Estimate:
    """A share with its 95 % interval; NaN of nothing.

    Wilson's interval for counts. Counts that are broken, because related pictures count for less than one each (see
    `worth`), have Clopper and Pearson's, which is hardly wider: scipy has no other for an effective sample size.
    Source: Korn & Graubard 1998, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data".

    Args:
        right: hits, 0..of.
        of: how many were looked at, or what those are worth.

    Raises:
        ValueError: more hits than pictures, or fewer than none.
    """
    if not 0 <= right <= of:
        raise ValueError(f"expected 0 <= right <= of, got {right} of {of}")
    if of == 0:
        return Estimate(math.nan, math.nan, math.nan)
    low, high = _limits(right, of)
    return Estimate(right / of, min(low, right / of), max(high, right / of))  # rounding never leaves it outside


def _limits(right: float, of: float) -> tuple[float, float]:
    """A share's 95 % limits; scipy takes a second to load, so it is loaded by the first figure that needs it."""
    from scipy import stats

    if _is_whole(right) and _is_whole(of):
        found = stats.binomtest(round(right), round(of)).proportion_ci(0.95, "wilson")
        return float(found.low), float(found.high)
    low = stats.beta.ppf(0.025, right, of - right + 1) if right > 0 else 0.0
    high = stats.beta.ppf(0.975, right + 1, of - right) if right < of else 1.0
    return float(low), float(high)


def _is_whole(count: float) -> bool:
    return abs(count - round(count)) < _ROUNDING


def worth(scores: FloatArray, groups: IntArray) -> float:
    """How many separate examples these are worth, 0..n: the more alike the scores within groups, the fewer.

    Copies of one drawing tell no more than the drawing; an artist's set tells more than one picture and less than as
    many strangers'. The likeness is the intraclass correlation of the scores' ranks, by analysis of variance.

    Args:
        scores: shape (n,).
        groups: group number of each, shape (n,).
    Source: Kish 1965, "Survey Sampling": the design effect 1 + (m - 1) rho.
    """
    count = len(scores)
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    if len(sizes) == count:
        return float(count)
    if len(sizes) == 1:
        return 1.0
    mean_size = float((sizes**2).sum() / count)
    return count / (1 + (mean_size - 1) * _likeness(scores, groups, sizes))


def _likeness(scores: FloatArray, groups: IntArray, sizes: FloatArray) -> float:
    """Intraclass correlation of ranks, 0..1; where all are equal, nothing tells the groups' members apart: 1."""
    ranks = np.unique(scores, return_inverse=True)[1].reshape(-1).astype(np.float64)
    number = np.unique(groups, return_inverse=True)[1].reshape(-1)
    means = np.bincount(number, ranks) / sizes
    count, several = len(ranks), len(sizes)
    between = float((sizes * (means - ranks.mean()) ** 2).sum()) / (several - 1)
    within = float(((ranks - means[number]) ** 2).sum()) / (count - several)
    usual = (count - float((sizes**2).sum()) / count) / (several - 1)
    total = between + (usual - 1) * within
    return float(np.clip((between - within) / total, 0, 1)) if total > 0 else 1.0


def share_of(hits: BoolArray, scores: FloatArray, groups: IntArray) -> Estimate:
    """The share of hits among examples, with Wilson's interval for as many as they are worth; NaN of nothing.

    Args:
        hits: shape (n,).
        scores: of the same examples, shape (n,).
        groups: group number of each.
    """
    count = len(hits)
    if not count:
        return wilson(0, 0)
    share, of = int(hits.sum()) / count, worth(scores, groups)
    return wilson(min(share * of, of), of)


def bootstrap(measure: Callable[[IntArray], float], groups: IntArray, *, rounds: int = 400, seed: int = 0) -> Estimate:
    """A figure with its 95 % bootstrap interval, drawing whole groups.

    Args:
        measure: gives the figure of the examples in these rows; NaN draws are left out.
        groups: group number of each example, shape (n,).
        rounds: draws.
        seed: of the draws.
    """
    everything = np.arange(len(groups), dtype=np.int64)
    value = measure(everything)
    order = np.argsort(groups, kind="stable").astype(np.int64)
    starts = np.append(0, np.flatnonzero(np.diff(groups[order])) + 1)
    sizes = np.diff(np.append(starts, len(groups)))
    random = np.random.default_rng(seed)
    drawn = [
        measure(order[_runs(starts, sizes, random.integers(0, len(sizes), len(sizes)))])
        for _ in range(rounds if len(groups) else 0)
    ]
    finite = np.array([figure for figure in drawn if math.isfinite(figure)])
    if not len(finite):
        return Estimate(value, math.nan, math.nan)
    low, high = np.quantile(finite, (0.025, 0.975))
    return Estimate(value, float(low), float(high))


def _runs(starts: IntArray, sizes: IntArray, chosen: IntArray) -> IntArray:
    """The places of all members of the chosen groups, one group after the other."""
    lengths = sizes[chosen]
    ends = np.cumsum(lengths)
    before = np.repeat(starts[chosen] - (ends - lengths), lengths)
    return np.asarray(np.arange(ends[-1]) + before, dtype=np.int64)


def average_precision(scores: FloatArray, truth: BoolArray) -> float:
    """The area under the precision-recall curve in steps, equal scores taken together; NaN without positives."""
    positives = int(truth.sum())
    if not positives:
        return math.nan
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last_of_tie = np.append(np.diff(scores[order]) != 0, True)
    found, taken = hits[last_of_tie], (np.arange(len(scores)) + 1)[last_of_tie]
    gained = np.diff(found, prepend=0)
    return float(np.sum(gained * found / taken) / positives)


def evaluate(
    scores: FloatArray, truth: BoolArray, threshold: float, *, groups: IntArray | None = None, seed: int = 0
) -> Quality:
    """Measure one target's scores at one threshold.

    Args:
        scores: probabilities, shape (n,), 0..1.
        truth: whether each shows the target, shape (n,).
        threshold: scores at or over it are kept.
        groups: group number of each example; examples of one group are taken for related in every interval.
        seed: of those draws.
    """
    if scores.shape != truth.shape or scores.ndim != 1:
        raise ValueError(f"expected as many scores as truths, got shapes {scores.shape} and {truth.shape}")
    kept = scores >= threshold
    right, positives = int((kept & truth).sum()), int(truth.sum())
    together = np.arange(len(scores), dtype=np.int64) if groups is None else groups

    def f1_of(rows: IntArray) -> float:
        hits = int((kept[rows] & truth[rows]).sum())
        both = int(kept[rows].sum()) + int(truth[rows].sum())
        return 2 * hits / both if both else math.nan

    return Quality(
        examples=len(scores),
        positives=positives,
        kept=int(kept.sum()),
        right=right,
        threshold=threshold,
        precision=share_of(truth[kept], scores[kept], together[kept]),
        recall=share_of(kept[truth], scores[truth], together[truth]),
        f1=bootstrap(f1_of, together, seed=seed),
        average_precision=bootstrap(lambda rows: average_precision(scores[rows], truth[rows]), together, seed=seed),
    )


def without_nan(value: object) -> object:
    """Plain values as JSON can say them: what is not finite becomes None, however deep it lies."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
