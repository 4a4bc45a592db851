"""From scores and truth to every figure of a model; arrays in, records out, no network library.

Test pictures are seldom as rich in the target as the gallery is. What depends on that (precision, F1, calibration) is
therefore also given for the gallery's own prevalence: what share of positives and of negatives a threshold keeps does
not depend on how many of each were tested, and precision follows from the two shares and the prevalence. Intervals
join the uncertainty of all three.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.metrics.assessment import Confusion, CurvePoint, HistogramBin, ReliabilityBin, Slice
from classifier.metrics.quality import Estimate, Quality, evaluate, wilson, worth
from classifier.metrics.reliability import calibration_error, class_weights, reliability_bins

POINTS_AT_MOST = 200  # of a curve
_FROM_POSITIVES, _FROM_NEGATIVES = 90, 60  # points of a thinned curve; the rest lies evenly on 0..1
_DRAWS = 2000  # for an interval
_HISTOGRAM_BINS = 20
_Z95 = 1.959963984540054  # the normal's two-sided 95 % point
_LEAST_SHARE = 1e-9  # keeps log odds finite


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPictures:
    """Scored pictures of which it is known, or believed, what they show; n of them."""

    scores: FloatArray  # (n,) 0..1
    truth: BoolArray  # (n,) whether each shows the target
    groups: IntArray  # (n,) pictures of one group are related: copies, one family, one artist's set

    def __post_init__(self) -> None:
        if self.scores.ndim != 1 or not self.scores.shape == self.truth.shape == self.groups.shape:
            shapes = f"{self.scores.shape}, {self.truth.shape}, {self.groups.shape}"
            raise ValueError(f"expected three equal shapes (n,), got {shapes}")
        if not ((self.scores >= 0) & (self.scores <= 1)).all():
            raise ValueError("scores must be probabilities, 0..1")

    def __len__(self) -> int:
        return len(self.scores)

    def of(self, rows: BoolArray | IntArray) -> ScoredPictures:
        """Some of them."""
        return ScoredPictures(self.scores[rows], self.truth[rows], self.groups[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFigures:
    """What there is to say about scores on one set of pictures; the fields are those of `Assessment`."""

    quality: Quality
    test_prevalence: float
    at_prevalence: CurvePoint
    curve: Sequence[CurvePoint]
    calibration_error: Estimate
    brier: float
    reliability: Sequence[ReliabilityBin]
    histogram: Sequence[HistogramBin]
    confusion: Confusion


def measure(judged: ScoredPictures, threshold: float, prevalence: Estimate, *, seed: int = 0) -> QualityFigures:
    """All figures.

    Args:
        judged: test pictures of both kinds.
        threshold: in force, 0..1; scores at or over it are kept.
        prevalence: share of positives in the gallery, with its interval; the interval may be NaN.
        seed: of the draws behind the intervals.

    Raises:
        ValueError: all pictures are of one kind, or the prevalence is no share strictly between 0 and 1.
    """
    if judged.truth.all() or not judged.truth.any():
        raise ValueError("measuring needs pictures that show the target and pictures that do not")
    if not 0 < prevalence.value < 1:
        raise ValueError(f"prevalence must be strictly between 0 and 1, got {prevalence.value}")
    scores, truth, groups = judged.scores, judged.truth, judged.groups
    curve = curve_at(judged, thresholds_of(judged, threshold), prevalence, seed=seed)
    weights = class_weights(truth, prevalence.value)
    return QualityFigures(
        quality=evaluate(scores, truth, threshold, groups=groups, seed=seed),
        test_prevalence=float(truth.mean()),
        at_prevalence=next(point for point in curve if point.threshold == threshold),
        curve=curve,
        calibration_error=calibration_error(scores, truth, groups, weights, seed=seed),
        brier=float(np.average((scores - truth) ** 2, weights=weights)),
        reliability=reliability_bins(scores, truth, groups, weights),
        histogram=histogram_of(scores, truth),
        confusion=confusion_at(scores, truth, threshold),
    )


def thresholds_of(judged: ScoredPictures, threshold: float, most: int = POINTS_AT_MOST) -> FloatArray:
    """Thresholds for a curve, rising, at most `most`: every one where it can change, thinned where there are more.

    Thinned, they lie densest where pictures of the target, and the nearest of the others, have their scores. The
    threshold in force is always one of them; none but that one keeps nothing.
    """
    there = np.unique(np.append(judged.scores, threshold))
    if len(there) <= most:
        return there
    highest, lowest = float(judged.scores.max()), float(judged.scores.min())
    rest = np.linspace(lowest, highest, most - _FROM_POSITIVES - _FROM_NEGATIVES - 1)
    shares = np.linspace(0, 1, _FROM_NEGATIVES)
    dense = np.quantile(judged.scores[judged.truth], np.linspace(0, 1, _FROM_POSITIVES), method="nearest")
    near = np.quantile(judged.scores[~judged.truth], 1 - (1 - shares) ** 3, method="nearest")  # mostly the highest
    return np.unique(np.concatenate([dense, near, rest, [threshold]]))


def curve_at(
    judged: ScoredPictures, thresholds: FloatArray, prevalence: Estimate, *, seed: int = 0
) -> tuple[CurvePoint, ...]:
    """Precision, recall and F1 of each threshold where `prevalence` of the pictures show the target.

    The two shares that a threshold keeps, of positives and of negatives, are drawn from their Jeffreys posteriors, as
    sure as that many unrelated pictures make them, and the prevalence from a normal on its log odds that has its
    interval; the middle 95 % of what follows is the interval. So no precision is certain because nothing went wrong
    in the few pictures that were tested.
    Source: Brown, Cai & DasGupta 2001, "Interval Estimation for a Binomial Proportion", for Jeffreys' interval.

    Args:
        judged: pictures of both kinds.
        thresholds: rising, shape (t,).
        prevalence: strictly between 0 and 1.
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    found, wrong = (_share_kept(judged.of(judged.truth == kind), thresholds) for kind in (True, False))
    shares = _draw_prevalence(prevalence, random)
    recalls, false_alarms = found.drawn(random), wrong.drawn(random)
    of_positives, of_negatives = shares * recalls, (1 - shares) * false_alarms
    precisions = of_positives / (of_positives + of_negatives)
    f1s = 2 * of_positives / (of_positives + of_negatives + shares)
    right = prevalence.value * found.shares
    kept = right + (1 - prevalence.value) * wrong.shares
    points = zip(thresholds.tolist(), right.tolist(), kept.tolist(), found.shares.tolist(), strict=True)
    return tuple(
        CurvePoint(
            threshold=at,
            precision=_middle(hits / taken if taken > 0 else math.nan, precisions[row]),
            recall=wilson(min(share * found.of, found.of), found.of),
            f1=_middle(2 * hits / (taken + prevalence.value), f1s[row]),
            kept=taken,
        )
        for row, (at, hits, taken, share) in enumerate(points)
    )


def slices_by(
    by: str,
    values: Sequence[str],
    judged: ScoredPictures,
    threshold: float,
    *,
    order: Sequence[str] = (),
    seed: int = 0,
) -> tuple[Slice, ...]:
    """The figures of each part of the pictures.

    Args:
        by: what divides them: rating, people, tags …
        values: of each picture, shape (n,).
        judged: the pictures.
        threshold: in force.
        order: values that come first, in this order; the others follow by name.
        seed: of the draws behind the intervals.
    """
    column = np.array(values, dtype=object)
    names = sorted(set(values), key=lambda name: (order.index(name) if name in order else len(order), name))
    parts = ((name, judged.of(np.asarray(column == name, dtype=np.bool_))) for name in names)
    return tuple(
        Slice(by=by, value=name, quality=evaluate(part.scores, part.truth, threshold, groups=part.groups, seed=seed))
        for name, part in parts
    )


def histogram_of(scores: FloatArray, truth: BoolArray, bins: int = _HISTOGRAM_BINS) -> tuple[HistogramBin, ...]:
    """Counts in equal steps of the score; the last step holds its upper end too."""
    edges = np.linspace(0, 1, bins + 1)
    counts = [np.histogram(scores[truth == kind], edges)[0].tolist() for kind in (True, False)]
    return tuple(
        HistogramBin(low=low, high=high, positives=shown, negatives=other)
        for low, high, shown, other in zip(edges[:-1].tolist(), edges[1:].tolist(), *counts, strict=True)
    )


def confusion_at(scores: FloatArray, truth: BoolArray, threshold: float) -> Confusion:
    """Counts of the four cases."""
    kept = scores >= threshold
    return Confusion(
        kept_right=int((kept & truth).sum()),
        kept_wrong=int((kept & ~truth).sum()),
        missed=int((~kept & truth).sum()),
        rejected_right=int((~kept & ~truth).sum()),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _ShareKept:
    """What share of one kind of pictures each threshold keeps."""

    shares: FloatArray  # (t,)
    of: float  # unrelated pictures that these are worth

    def drawn(self, random: np.random.Generator) -> FloatArray:
        """What it may be in truth, shape (t, draws)."""
        hits = (self.shares * self.of)[:, None]
        return random.beta(hits + 0.5, self.of - hits + 0.5, (len(self.shares), _DRAWS))


def _share_kept(judged: ScoredPictures, thresholds: FloatArray) -> _ShareKept:
    rising = np.sort(judged.scores)
    kept = 1 - np.searchsorted(rising, thresholds, side="left") / len(rising)
    return _ShareKept(kept, worth(judged.scores, judged.groups))


def _draw_prevalence(prevalence: Estimate, random: np.random.Generator) -> FloatArray:
    """Shape (draws,): a normal on the log odds, as wide on each side as the interval says."""
    steps = random.standard_normal(_DRAWS)
    centre = _log_odds(prevalence.value)
    sides = [
        abs(_log_odds(limit) - centre) / _Z95 if math.isfinite(limit) else 0.0
        for limit in (prevalence.low, prevalence.high)
    ]
    odds = centre + np.where(steps < 0, steps * sides[0], steps * sides[1])
    return np.asarray(1 / (1 + np.exp(-odds)))


def _log_odds(share: float) -> float:
    inside = min(max(share, _LEAST_SHARE), 1 - _LEAST_SHARE)
    return math.log(inside) - math.log1p(-inside)


def _middle(value: float, drawn: FloatArray) -> Estimate:
    """A figure with the middle 95 % of its draws, and with itself."""
    if not math.isfinite(value):
        return Estimate(math.nan, math.nan, math.nan)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    return Estimate(value, min(low, value), max(high, value))
