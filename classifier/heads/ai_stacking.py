"""What taggers add to a head's logits (stacking): fitted on top of scores out of fold, and kept only where it pays.

A tagger's percent for the target's tag is one number more about a picture, and a gallery's own tags tell what it is
worth there. So to the logit of a picture a line in the log odds of the percent is added, where the tagger looked at it:
two numbers a tagger, themselves fitted without the group that they are measured on. A tagger whose percent makes the
tags no more likely, by more than chance and a margin, is left out; then all scores are what they would be without it.
A tagger's penultimate layer gives log odds too, of a head of its own (`classifier.heads.tagger_head`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.head import AiPercents, ai_log_odds
from classifier.heads.logistic_head import Pull, WeightedExamples, newton
from classifier.heads.out_of_fold import Deals, deal_groups

LEAST_GAIN = 0.05  # share of the log loss that a tagger must take away
_SURELY = 2.0  # standard errors that the gain must be above nothing
_LEAST_KNOWN = 50  # judged pictures that the tagger looked at
_SOFT = 0.01  # by so much a share stays away from 0 and 1: one wrong tag must not outweigh a hundred pictures
_STEPS = 15  # of Newton's method, at most
_LEAST_SLOPE = 0.1  # of the head's own logits; below, they carry nothing to add a tagger to
_LINE_PULL = (1.0, 1e-9)  # slope and intercept of a line through logits of unit spread
_KEPT_LINE = (1.0, 1.0)  # the same beside taggers: what holds without them stays, for posts that have none
_WORD_PULL = (1.0, 0.01)  # of a tagger's slope and offset, to nothing


Signals = Mapping[str, FloatArray]  # by source: log odds that the picture shows the target, (n,); not-a-number: nothing


@dataclass(frozen=True, slots=True)
class TaggerWeight:
    """What a tagger's signal adds to a logit, or to log odds: a line in its own log odds."""

    slope: float  # for each log odd of its own
    offset: float  # wherever it looked at the picture


@dataclass(frozen=True, slots=True)
class Gain:
    """What a tagger is worth, measured out of fold."""

    pictures: int  # judged ones that it looked at
    loss_before: float  # mean log loss over all judged pictures, in nats
    loss: float  # with it


@dataclass(frozen=True, slots=True, eq=False)
class TaggedRows:
    """Pictures whose tags judge what a tagger is worth; m of them."""

    rows: IntArray  # (m,) among all
    share: FloatArray  # (m,) 0..1, that each shows the target
    groups: IntArray  # (m,) a group is never on both sides of a fold


@dataclass(frozen=True, slots=True, eq=False)
class Stacked:
    """Logits with what taggers add to them."""

    logits: FloatArray  # (n,)
    weights: Mapping[str, TaggerWeight] = field(default_factory=dict)  # by source, of those that pay
    gains: Mapping[str, Gain] = field(default_factory=dict)  # the same


def of_percents(ai_percents: AiPercents) -> Signals:
    """What taggers' percents say of the target, (n,) a source."""
    return {source: np.where(percents >= 0, ai_log_odds(percents), np.nan) for source, percents in ai_percents.items()}


def stack(logits: FloatArray, signals: Signals, judged: TaggedRows, seed: int) -> Stacked:
    """Add taggers to logits, the most useful first, as long as another one pays.

    Args:
        logits: raw ones of a head, shape (n,): of judged rows out of fold.
        signals: what taggers say of the pictures, (n,) a source; of judged rows out of fold where it was learned here.
        judged: the pictures to judge by.
        seed: of the deals.
    """
    open_ = {source: signal for source, signal in signals.items() if _knows(signal, judged)}
    found, chosen = Stacked(logits), dict[str, FloatArray]()
    if not open_ or len(np.unique(judged.groups)) < Deals().folds:
        return found
    before = _CrossFit.of(logits, chosen, judged, seed)
    while open_ and before.usable:
        tried = {
            source: _CrossFit.of(logits, {**chosen, source: signal}, judged, seed) for source, signal in open_.items()
        }
        best = min(tried, key=lambda source: float(tried[source].losses.mean()))
        if not _pays(before, tried[best], judged, best):
            return found
        chosen[best] = open_.pop(best)
        gain = Gain(
            int(np.isfinite(chosen[best][judged.rows]).sum()),
            float(before.losses.mean()),
            float(tried[best].losses.mean()),
        )
        before = tried[best]
        found = Stacked(before.added_to(logits, chosen, judged), before.weights, {**found.gains, best: gain})
    return found


def _knows(signal: FloatArray, judged: TaggedRows) -> bool:
    """Whether a tagger looked at enough of the judged pictures, and does not say the same of all."""
    there = signal[judged.rows]
    known = there[np.isfinite(there)]
    return len(known) >= _LEAST_KNOWN and bool((known != known[0]).any())


def _pays(before: _CrossFit, after: _CrossFit, judged: TaggedRows, source: str) -> bool:
    """Whether another tagger makes the tags likelier, by more than chance and a margin."""
    if not after.usable or any(weights[source].slope <= 0 for weights in after.by_fold):
        return False
    gains = before.losses - after.losses
    gain = float(gains.mean())
    sums = np.bincount(np.unique(judged.groups, return_inverse=True)[1].reshape(-1), weights=gains - gain)
    error = float(np.sqrt((sums**2).sum())) / len(gains)
    return gain > LEAST_GAIN * float(before.losses.mean()) and gain > _SURELY * error


@dataclass(frozen=True, slots=True, eq=False)
class _CrossFit:
    """Lines through logits and taggers' log odds, fitted for every fold of every deal; m judged rows."""

    losses: FloatArray  # (m,) out of fold, in nats, the mean of the deals
    by_fold: tuple[Mapping[str, TaggerWeight], ...]  # of every fold of every deal
    folds: tuple[BoolArray, ...]  # (m,) rows that each left out
    usable: bool  # the logits themselves count in every fold

    @classmethod
    def of(cls, logits: FloatArray, chosen: Signals, judged: TaggedRows, seed: int) -> _CrossFit:
        how, share = Deals(seed=seed), np.clip(judged.share, _SOFT, 1 - _SOFT)
        spread = max(float(logits[judged.rows].std()), 1e-9)
        columns = _columns(logits[judged.rows] / spread, [signal[judged.rows] for signal in chosen.values()])
        losses, points, folds = np.zeros(len(share)), list[FloatArray](), list[BoolArray]()
        for deal in range(how.deals):
            fold = deal_groups(judged.groups, how.folds, how.seed + deal)
            for out in (fold == number for number in range(int(fold.max()) + 1)):
                point = _fitted(columns[~out], share[~out], spread)
                line = columns[out] @ point
                losses[out] += (np.logaddexp(0.0, line) - share[out] * line) / how.deals
                points.append(point)
                folds.append(out)
        slopes = np.array([point[0] / spread for point in points])
        usable = bool(slopes.min() > _LEAST_SLOPE)
        weights = tuple(_weights(point / slope, chosen) for point, slope in zip(points, slopes, strict=True) if usable)
        return cls(losses, weights, tuple(folds), usable)

    @property
    def weights(self) -> Mapping[str, TaggerWeight]:
        """The mean of all folds', which is deployed."""
        return {
            source: TaggerWeight(
                float(np.mean([weights[source].slope for weights in self.by_fold])),
                float(np.mean([weights[source].offset for weights in self.by_fold])),
            )
            for source in self.by_fold[0]
        }

    def added_to(self, logits: FloatArray, chosen: Signals, judged: TaggedRows) -> FloatArray:
        """Logits, shape (n,), of judged rows by what was fitted without them, of the others by the mean."""
        stacked = logits + _added(self.weights, chosen)
        deals = np.sum(self.folds, axis=0)
        own = np.zeros(len(judged.rows))
        for weights, out in zip(self.by_fold, self.folds, strict=True):
            rows = judged.rows[out]
            own[out] += _added(weights, {source: signal[rows] for source, signal in chosen.items()})
        stacked[judged.rows] = logits[judged.rows] + own / deals
        return stacked


def _fitted(columns: FloatArray, share: FloatArray, spread: float) -> FloatArray:
    """Weights of the columns: a line through the logits, then, held to it, taggers' columns besides."""
    counted = np.ones(len(share))
    start = np.array([spread, 0.0])
    line = newton(WeightedExamples(columns[:, :2], share, counted), Pull(start, np.array(_LINE_PULL)), start, _STEPS)
    taggers = (columns.shape[1] - 2) // 2
    if not taggers:
        return line
    centre = np.concatenate([line, np.zeros(2 * taggers)])
    pull = Pull(centre, np.array([*_KEPT_LINE, *_WORD_PULL * taggers]))
    return newton(WeightedExamples(columns, share, counted), pull, centre, _STEPS)


def _columns(logits: FloatArray, signals: list[FloatArray]) -> FloatArray:
    """Logits, ones, and for each tagger its log odds and whether it looked; shape (m, 2 + 2 k)."""
    of_taggers = [column for one in signals for column in (np.nan_to_num(one), np.isfinite(one).astype(np.float64))]
    return np.stack([logits, np.ones(len(logits)), *of_taggers], axis=1)


def _weights(point: FloatArray, chosen: Signals) -> Mapping[str, TaggerWeight]:
    pairs = point[2:].reshape(-1, 2)
    return {source: TaggerWeight(float(pair[0]), float(pair[1])) for source, pair in zip(chosen, pairs, strict=True)}


def _added(weights: Mapping[str, TaggerWeight], signals: Signals) -> FloatArray:
    parts = [
        np.where(np.isfinite(signals[source]), weight.slope * np.nan_to_num(signals[source]) + weight.offset, 0.0)
        for source, weight in weights.items()
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)
