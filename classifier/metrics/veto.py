"""Whether a model may decide: its forecast held against what pictures with reliable tags say of it.

A forecast is made of probabilities, and probabilities may be wrong all together: then a gallery is kept or deleted
whole, and the forecast still says 0.99. Pictures that are tagged with somebody else are the surest thing there is. How
many of them reach the threshold bounds the precision from above, whatever the probabilities say.

Four bounds, and what the first does not see:
- others that reach the threshold: not what happens among posts that name nobody;
- the share of those that show the target, counted at a score that half of the tagged ones reach and hardly any other,
  against the share that expectation-maximisation found;
- too few pictures of the target to have measured anything;
- a forecast recall near nothing: the network cannot tell the target from others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.arrays import FloatArray
from classifier.metrics.quality import wilson

SLACK = 0.05  # by so much the best possible precision may fall short of the goal
LEAST_POSITIVES = 12  # held-out pictures of the target
LEAST_RECALL = 0.05
MOST_APART = 2.0  # times that the share counted among posts that name nobody may be the share found, or the reverse
LEAST_COUNTED = 20.0  # pictures of the target among them, by either count, from which the two are compared

_REMEDY = "show it good pictures (--references DIR), crawl more pages, or answer questions (crawl review)"


@dataclass(frozen=True, slots=True, kw_only=True)
class VetoMeasurements:
    """What held-out pictures say of a model at its threshold."""

    positives: float  # held-out pictures that show the target, as far as is believed
    negatives: float  # held-out pictures tagged with others that do not, as far as is believed
    false_alarms: float  # of those, at or over the threshold
    others: int  # posts tagged with others that the model decides
    kept: int  # of all posts that it decides, at or over the threshold
    recall: float  # forecast, 0..1
    found_share: float  # of the posts that name nobody, by expectation-maximisation
    counted_share: float  # the same, counted at a score; NaN where it cannot be
    nobody: int  # posts that name nobody

    @property
    def best_precision(self) -> float:
        """What the precision can be at best, 0..1, when the others that are kept wrongly are counted out."""
        if not self.kept or self.negatives <= 0:
            return 1.0
        rate = wilson(min(self.false_alarms, self.negatives), self.negatives).low
        return float(np.clip(1 - rate * self.others / self.kept, 0, 1))


def refusal(measured: VetoMeasurements, precision: float) -> str:
    """Why the model must not decide, and what to do: one sentence; "" where it may.

    Args:
        measured: what held-out pictures say.
        precision: the goal, 0..1; 0 where the goal is none.
    """
    reason = _reason(measured, precision)
    return f"{reason}; {_REMEDY}" if reason else ""


def _reason(measured: VetoMeasurements, precision: float) -> str:
    if measured.positives < LEAST_POSITIVES:
        return (
            f"only {measured.positives:.0f} pictures of the target could be held out to measure on (at least "
            f"{LEAST_POSITIVES} are needed)"
        )
    if measured.recall < LEAST_RECALL:
        return f"it would find {measured.recall:.0%} of the target's pictures: it cannot tell them from others yet"
    if measured.best_precision < precision - SLACK:
        return (
            f"{measured.false_alarms:.0f} of {measured.negatives:.0f} pictures tagged with others reach its threshold, "
            f"so at most {measured.best_precision:.0%} of what it keeps can be right"
        )
    if _contradict(measured):
        return (
            f"two ways of counting disagree about the untagged posts: {measured.counted_share:.1%} or "
            f"{measured.found_share:.1%} of them show the target"
        )
    return ""


def _contradict(measured: VetoMeasurements) -> bool:
    """Whether the two shares of posts that name nobody lie apart beyond chance and beyond what is usual.

    (Measured on 48 galleries of twelve characters, with 1 % to 100 % of these posts showing the target: one was 0.81 to
    1.25 times the other.)
    """
    shares = np.array([measured.counted_share, measured.found_share])
    if not np.isfinite(shares).all() or shares.max() * measured.nobody < LEAST_COUNTED:
        return False
    return bool(shares.max() > MOST_APART * max(float(shares.min()), 0.5 / measured.nobody))


def counted_share(positives: FloatArray, weights: FloatArray, negatives: FloatArray, scores: FloatArray) -> float:
    """The share of unlabelled pictures that show the target, counted at the median score of known ones; may be NaN.

    Args:
        positives: scores of pictures that show it, shape (p,).
        weights: how far each of them is believed to, shape (p,).
        negatives: scores of pictures that do not, shape (q,).
        scores: of the unlabelled ones, shape (n,).
    Source: Forman 2008, "Quantifying counts and costs via classification": the adjusted count.
    """
    if not len(positives) or not len(negatives) or not len(scores) or weights.sum() <= 0:
        return float("nan")
    order = np.argsort(positives)
    reached = np.cumsum(weights[order]) / weights.sum()
    cut = positives[order][int(np.searchsorted(reached, 0.5))]
    hits = float(weights[positives >= cut].sum() / weights.sum())
    alarms = float((negatives >= cut).mean())
    if hits - alarms < _LEAST_GAP:
        return float("nan")
    return float(np.clip(((scores >= cut).mean() - alarms) / (hits - alarms), 0, 1))


_LEAST_GAP = 0.2  # between the shares of positives and of negatives over the cut; under it nothing can be counted
