"""Precision and recall of the gallery in its current state, estimated from the answers to the random sample.

Every picture has a fixed random rank, and open pictures are asked about in its order. So in each stratum the pictures
below the lowest unanswered rank are a simple random sample of the stratum, whatever reason each was asked for; answers
above that rank are known, but say nothing about the rest. For the gallery, scores and tags predict the share of each
stratum that shows the target, and the sample corrects the prediction (`open_totals`); precision and recall are sums
over the strata. For scores alone (`among`) no prediction is used: Wilson limits of the strata are combined by squaring
and adding, each side on its own.

Source: Zou & Donner 2008, "Construction of confidence limits about effect measures" (the MOVER method).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.noisy_labels import LabelTrust
from classifier.metrics.calibration import log_odds, sigmoid
from classifier.metrics.quality import Estimate, Quality, wilson, without_nan
from rounds.questions.decision_rule import DecisionRule
from rounds.questions.open_totals import StratumSample, open_totals
from rounds.questions.random_sample import KEPT_BY_SCORE, KEPT_BY_TAG, NEARLY, STRATA, sample_ranks, strata_of
from storage.evidence import Evidence
from storage.plurals import counted


@dataclass(frozen=True, slots=True)
class Estimates:
    """Precision and recall of the gallery in its current state."""

    precision: Estimate = field(default_factory=lambda: _nothing())
    recall: Estimate = field(default_factory=lambda: _nothing())
    answers: int = 0  # random ones, those *unsure* not counted
    share: Estimate = field(default_factory=lambda: _nothing())  # of all pictures that show the target

    def words(self) -> str:
        """For people."""
        if not self.answers:
            return "no answers to the random sample yet"
        return (
            f"precision {_short(self.precision)}, recall {_short(self.recall)} from "
            f"{counted(self.answers, 'answer')} to the random sample"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        return {
            "precision": without_nan(asdict(self.precision)),
            "recall": without_nan(asdict(self.recall)),
            "answers": self.answers,
        }


def rows_of(evidence: Evidence, version_ids: Collection[int]) -> IntArray:
    """Rows of the evidence that show these file versions."""
    wanted = np.array(sorted(version_ids), dtype=np.int64)
    return np.flatnonzero(np.isin(evidence.version_ids, wanted)).astype(np.int64)


def estimates(evidence: Evidence, rule: DecisionRule, sample_rows: IntArray, *, seed: int = 0) -> Estimates:
    """Estimate from random answers.

    Args:
        evidence: what the gallery knows, labels included.
        rule: decision rule of the model in force.
        sample_rows: rows that were asked about as members of the random sample; those without an answer are left out.
        seed: of the random ranks, as in `queue.questions`.
    """
    answers = _Answers.of(evidence, sample_rows)
    if not answers.sampled.any():
        return Estimates()
    counts = counted_strata(evidence, rule, sample_rows, seed=seed)
    known = int(answers.keep.sum())  # a label overrides the model: these are kept, and right
    totals = open_totals([stratum.sample() for stratum in counts], seed=seed)
    by_model = np.array([stratum.kept for stratum in counts])
    right, missed = known + totals[by_model].sum(axis=0), totals[~by_model].sum(axis=0)
    kept = known + sum(stratum.open for stratum in counts if stratum.kept)
    everyone = right + missed
    precision = _middle(right / kept) if kept else _nothing()
    recall = _middle(right[everyone > 0] / everyone[everyone > 0])
    return Estimates(
        _perhaps_one(precision, possible=all(stratum.shown == stratum.sampled for stratum in counts if stratum.kept)),
        _perhaps_one(recall, possible=not any(stratum.shown for stratum in counts if not stratum.kept)),
        int(answers.sampled.sum()),
        _middle(everyone / max(1, len(evidence))),
    )


def counted_strata(
    evidence: Evidence, rule: DecisionRule, sample_rows: IntArray, *, seed: int = 0
) -> Sequence[Counted]:
    """Counts of each stratum of the gallery, by the decisions of the model in force; arguments as of `estimates`."""
    everywhere = np.ones(len(evidence), dtype=bool)
    counts = _strata(evidence, rule.kept(evidence), _Answers.of(evidence, sample_rows), everywhere, seed)
    by_score = counts[KEPT_BY_SCORE]
    likely = by_score.known + by_score.predicted * by_score.open
    shares = _shares_by_tags(evidence, rule)
    return [
        stratum
        if stratum.kept
        else _missed_at_least(stratum, likely * share / max(shares[KEPT_BY_SCORE], _LEAST_FOUND))
        for stratum, share in zip(counts, shares, strict=True)
    ]


def _shares_by_tags(evidence: Evidence, rule: DecisionRule) -> Sequence[float]:
    """How the scores of pictures that are tagged with the target divide among the strata; tagged ones are 0.

    What is missed among tagged pictures is probably missed among all others too: another costume, a small figure. The
    tags that are expected to be wrong are taken off where the scores are lowest.
    """
    tagged = np.where(evidence.tagged & np.isfinite(evidence.scores), evidence.scores, np.nan)
    scores = np.sort(tagged[np.isfinite(tagged)])
    scores = scores[round((1 - TAGS_RIGHT) * len(scores)) :]
    kept = rule.reached(scores)
    over, near = float(kept.sum()), float((kept | (scores >= NEARLY)).sum())
    whole = max(1, len(scores))
    return 0.0, over / whole, (near - over) / whole, (len(scores) - near) / whole


def _missed_at_least(stratum: Counted, missed: float) -> Counted:
    """The stratum with the larger of two predictions: by its own scores, and by the misses among tagged pictures."""
    return replace(stratum, predicted=max(stratum.predicted, min(1.0, missed / max(1, stratum.open))))


def among(
    evidence: Evidence, threshold: float, sample_rows: IntArray, rows: BoolArray, *, seed: int = 0
) -> Quality | None:
    """Quality of the scores alone on untagged pictures, from the random sample; labels count as truth only.

    Pictures that were asked about because of their score would make scores look worse than they are, so only the
    lowest ranks of each stratum count, and each stratum is weighted by its size.

    Args:
        evidence: what the gallery knows; its scores are those of the model in question.
        threshold: scores at or over it are kept.
        sample_rows: rows that were asked about as members of the random sample.
        rows: the pictures to measure on, shape (n,): untagged pictures from whose answers the model has not learned.
        seed: of the random ranks.

    Returns:
        Counts of the sample, shares of the whole; no average precision. None: the random
        sample has no answers.
    """
    answers = _Answers.of(evidence, sample_rows)
    keeps = np.nan_to_num(evidence.scores, nan=0.0) >= threshold
    counts = _strata(evidence, keeps, answers, rows, seed)
    kept = [stratum for stratum in counts if stratum.kept]
    rejected = [stratum for stratum in counts if not stratum.kept]
    if not any(stratum.sampled for stratum in counts):
        return None
    right, missed = (_total([stratum.whole() for stratum in group]) for group in (kept, rejected))
    size = _size(kept)
    recall = tuple(_share(hits, misses) for hits, misses in zip(right, _turned(missed), strict=True))
    f1 = tuple(_share(2 * hits, size - hits + misses) for hits, misses in zip(right, _turned(missed), strict=True))
    return Quality(
        examples=sum(stratum.sampled for stratum in counts),
        positives=sum(stratum.shown for stratum in counts),
        kept=sum(stratum.sampled for stratum in kept),
        right=sum(stratum.shown for stratum in kept),
        threshold=threshold,
        precision=Estimate(*(min(1.0, number / size) for number in right)) if size else _nothing(),
        recall=Estimate(*recall),
        f1=Estimate(*f1),
        average_precision=_nothing(),
    )


_KEPT_STRATA = 2  # the first ones are kept by the model
TAGS_RIGHT = LabelTrust().tagged[0] / sum(LabelTrust().tagged)  # share of tags that is taken to be right beforehand
_LEAST_SCORE = 1e-6
_LEAST_FOUND = 0.1  # share of tagged pictures that scores find; below, they predict nothing
_LEAST_SAMPLE = 3  # fewer pictures of a stratum say nothing


def _sample_size(answered: BoolArray, sampled: BoolArray) -> int:
    """Size of the random sample: how many of the lowest ranks are all answered, up to the last one asked at random.

    Answers beyond that last one were asked for another reason.
    """
    gaps = np.flatnonzero(~answered)
    whole = int(gaps[0]) if len(gaps) else len(answered)
    if whole == len(answered):
        return whole
    sampled_places = np.flatnonzero(sampled[:whole])
    return int(sampled_places[-1]) + 1 if len(sampled_places) else 0


@dataclass(frozen=True, slots=True, eq=False)
class _Answers:
    """Answers, row by row."""

    labels: npt.NDArray[np.object_]
    keep: BoolArray
    answered: BoolArray  # not *unsure*
    sampled: BoolArray  # answered as members of the random sample

    @classmethod
    def of(cls, evidence: Evidence, sample_rows: IntArray) -> _Answers:
        labels = np.array(evidence.labels, dtype=object)
        keep, answered = labels == "keep", (labels == "keep") | (labels == "delete")
        sampled = np.zeros(len(evidence), dtype=bool)
        sampled[sample_rows] = True
        return cls(labels, keep, answered, sampled & answered)


def _strata(evidence: Evidence, kept: BoolArray, answers: _Answers, among: BoolArray, seed: int) -> list[Counted]:
    """Counts of each stratum of some rows; strata follow from what the model keeps."""
    strata, ranks, predicted = strata_of(evidence, kept), sample_ranks(evidence, seed), predicted_by(evidence)
    counts: list[Counted] = []
    for number in range(len(STRATA)):
        rows = np.flatnonzero(among & (strata == number))
        rows = rows[np.argsort(ranks[rows], kind="stable")]
        sample = rows[: _sample_size(answers.labels[rows] != "", answers.sampled[rows])]
        sample = sample[answers.answered[sample]]
        open_ = rows[~answers.answered[rows]]
        counts.append(
            Counted(
                size=len(rows),
                open=len(open_),
                known=int(answers.keep[rows].sum()),
                shown=int(answers.keep[sample].sum()),
                sampled=len(sample),
                predicted=float(predicted[open_].mean()) if len(open_) else 0.0,
                kept=number < _KEPT_STRATA,
                by_tag=number == KEPT_BY_TAG,
            )
        )
    return counts


def predicted_by(evidence: Evidence) -> FloatArray:
    """Probability that each picture shows the target, predicted from scores and tags, 0..1, shape (n,).

    A score is a probability for a picture that does not name the target. Where the tags do, the picture's own log odds
    are the same and the share that shows it is that of tags: `LabelTrust` says how many are right before anything is
    seen.
    """
    scores = np.clip(np.nan_to_num(evidence.scores, nan=0.5), _LEAST_SCORE, 1 - _LEAST_SCORE)
    logits = np.log(scores) - np.log1p(-scores)
    for stratum in np.unique(evidence.strata[evidence.tagged]).tolist():
        alike = evidence.strata == stratum
        base = scores[alike & ~evidence.tagged]
        share = float(np.clip(base.mean(), _LEAST_SCORE, 1 - _LEAST_SCORE)) if len(base) else 0.5
        logits[alike & evidence.tagged] += log_odds(TAGS_RIGHT) - log_odds(share)
    return sigmoid(logits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Counts of one stratum."""

    size: int
    open: int  # not answered
    known: int  # answered: they show the target
    shown: int  # of the sample: they show the target
    sampled: int  # answered as members of the random sample
    predicted: float  # share of the open ones that show it by scores and tags
    kept: bool  # the model keeps the pictures of this stratum
    by_tag: bool  # because of their tags

    def sample(self) -> StratumSample:
        """The counts that the number of positives among open pictures is estimated from."""
        return StratumSample(
            size=self.size,
            open=self.open,
            known=self.known,
            sampled=self.sampled,
            shown=self.shown,
            predicted=self.predicted,
            by_score=not self.by_tag,
        )

    def whole(self) -> tuple[float, float, float]:
        """How many of all show the target, whether answered or not: as the sample says, at least, and at most."""
        if self.sampled == self.size:
            return float(self.shown), float(self.shown), float(self.shown)  # the whole stratum is known
        share = self._share()
        value, low, high = (number * self.size for number in (share.value, share.low, share.high))
        return value, low, high

    def _share(self) -> Estimate:
        """Share of the stratum that shows the target, with its interval."""
        believed = (self.shown + self.kept) / (self.sampled + 1)  # too few answers do not contradict the model
        return wilson(self.shown, self.sampled) if self.sampled >= _LEAST_SAMPLE else Estimate(believed, 0.0, 1.0)


def _total(numbers: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The sum of several numbers, with limits."""
    value = sum(number for number, _, _ in numbers)
    low = value - math.sqrt(sum((number - least) ** 2 for number, least, _ in numbers))
    high = value + math.sqrt(sum((most - number) ** 2 for number, _, most in numbers))
    return value, max(0.0, low), high


def _turned(limits: tuple[float, float, float]) -> tuple[float, float, float]:
    """The same number with its limits swapped, for a figure that falls when this one rises."""
    value, low, high = limits
    return value, high, low


def _size(strata: list[Counted]) -> int:
    return sum(stratum.size for stratum in strata)


def _middle(draws: FloatArray) -> Estimate:
    """Median and 95 % interval of draws; NaN without a finite draw."""
    finite = draws[np.isfinite(draws)]
    if not len(finite):
        return _nothing()
    low, value, high = np.quantile(finite, (0.025, 0.5, 0.975)).tolist()
    return Estimate(value, low, high)


def _perhaps_one(figure: Estimate, *, possible: bool) -> Estimate:
    """Extend the interval to 1 where no answer contradicts it: predictions alone do not exclude a faultless gallery."""
    return replace(figure, high=1.0) if possible and math.isfinite(figure.value) else figure


def _share(right: float, missed: float) -> float:
    return right / (right + missed) if right + missed else math.nan


def _nothing() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan)


def _short(figure: Estimate) -> str:
    if not math.isfinite(figure.value):
        return "unknown"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
