"""How good the gallery is as it stands, estimated from the random part of the answers.

Every picture has its lot for life, and the lowest open lots are asked. So in each stratum the pictures below the lowest
lot that nobody has answered yet are a fair sample of all its pictures, whatever each of them was asked for; the answers
above it are known, but prove nothing for the rest. Precision and recall follow by adding up. Wilson's limits of the
strata are joined by squaring and adding, each side on its own.

Source: Zou & Donner 2008, "Construction of confidence limits about effect measures" (the MOVER method).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.evaluation import Estimate, Quality, wilson, without_nan
from rounds.random_order import STRATA, lots_of, strata_of
from storage.evidence import Evidence
from storage.plurals import counted

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Precision and recall of the gallery as it stands."""

    precision: Estimate
    recall: Estimate
    answers: int  # random ones, those *unsure* not counted
    share: Estimate = field(default_factory=lambda: _nothing())  # of all pictures: they show the target

    def words(self) -> str:
        """For people."""
        if not self.answers:
            return "no answers to the random sample yet"
        return (
            f"precision {_short(self.precision)}, recall {_short(self.recall)} from "
            f"{counted(self.answers, 'answer')} to the random sample"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; what nothing is known of becomes None."""
        return {
            "precision": without_nan(asdict(self.precision)),
            "recall": without_nan(asdict(self.recall)),
            "answers": self.answers,
        }


def rows_of(evidence: Evidence, version_ids: Collection[int]) -> IntArray:
    """Rows of the evidence that show these file versions."""
    wanted = np.array(sorted(version_ids), dtype=np.int64)
    return np.flatnonzero(np.isin(evidence.version_ids, wanted)).astype(np.int64)


def estimates(evidence: Evidence, threshold: float, drawn: IntArray, *, seed: int = 0) -> Estimates:
    """Estimate from random answers.

    Args:
        evidence: what is known, labels included.
        threshold: of the active model, 0..1.
        drawn: rows that were asked because their lot was drawn; those without an answer are left out.
        seed: of the lots, as in `asking.questions`.
    """
    said = _Said.of(evidence, drawn)
    if not said.by_lot.any():
        return Estimates(_nothing(), _nothing(), 0)
    machine = evidence.tagged | (np.nan_to_num(evidence.scores, nan=1.0) >= threshold)
    everywhere = np.ones(len(evidence), dtype=bool)
    counts = _strata(evidence, machine, said, everywhere, seed)
    known = int(said.keep.sum())  # a label beats the machine: these are kept, and right
    right = _total([one.showing() for one in counts if one.kept])
    missed = _total([one.showing() for one in counts if not one.kept])
    kept = max(1, known + sum(one.open for one in counts if one.kept))
    precision = Estimate(*(min(1.0, (known + number) / kept) for number in right))
    recall = Estimate(*(_share(known + hits, misses) for hits, misses in zip(right, _turned(missed), strict=True)))
    everyone = _total([one.showing() for one in counts])
    share = Estimate(*(min(1.0, (known + number) / max(1, len(evidence))) for number in everyone))
    return Estimates(precision, recall, int(said.by_lot.sum()), share)


def among(evidence: Evidence, threshold: float, drawn: IntArray, rows: BoolArray, *, seed: int = 0) -> Quality | None:
    """What scores alone are worth among untagged pictures, by answers given by lot; labels count as truth only.

    Pictures that were asked about because of their score would make scores look worse than they are, so only the
    lowest lots of each stratum count, and every stratum as much as it is large.

    Args:
        evidence: what is known; its scores are those of the model in question.
        threshold: scores at or over it are kept.
        drawn: rows that were asked because their lot was drawn.
        rows: whom it is about, shape (n,): untagged pictures from whose answers the model has not learned.
        seed: of the lots.

    Returns:
        Counts of the sample, shares of the whole; no average precision. None: nobody was asked by lot.
    """
    said = _Said.of(evidence, drawn)
    keeps = np.nan_to_num(evidence.scores, nan=0.0) >= threshold
    counts = _strata(evidence, keeps, said, rows, seed)
    kept, rejected = [one for one in counts if one.kept], [one for one in counts if not one.kept]
    if not any(one.told for one in counts):
        return None
    right, missed, size = _total([o.whole() for o in kept]), _total([o.whole() for o in rejected]), _size(kept)
    recall = tuple(_share(hits, misses) for hits, misses in zip(right, _turned(missed), strict=True))
    f1 = tuple(_share(2 * hits, size - hits + misses) for hits, misses in zip(right, _turned(missed), strict=True))
    return Quality(
        examples=sum(one.told for one in counts),
        positives=sum(one.shown for one in counts),
        kept=sum(one.told for one in kept),
        right=sum(one.shown for one in kept),
        threshold=threshold,
        precision=Estimate(*(min(1.0, number / size) for number in right)) if size else _nothing(),
        recall=Estimate(*recall),
        f1=Estimate(*f1),
        average_precision=_nothing(),
    )


_KEPT_STRATA = 2  # the first ones are kept by the machine
_LEAST_SAMPLE = 3  # fewer pictures of a stratum prove nothing


def _sample_size(answered: BoolArray, by_lot: BoolArray) -> int:
    """How many of the lowest lots are a sample: all answered, up to the last one that was asked for its lot.

    Answers beyond that last one are only there because somebody had another reason to ask.
    """
    gaps = np.flatnonzero(~answered)
    whole = int(gaps[0]) if len(gaps) else len(answered)
    if whole == len(answered):
        return whole
    asked = np.flatnonzero(by_lot[:whole])
    return int(asked[-1]) + 1 if len(asked) else 0


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """Answers, row by row."""

    labels: npt.NDArray[np.object_]
    keep: BoolArray
    answered: BoolArray  # not *unsure*
    by_lot: BoolArray  # answered because their lot was drawn

    @classmethod
    def of(cls, evidence: Evidence, drawn: IntArray) -> _Said:
        labels = np.array(evidence.labels, dtype=object)
        keep, answered = labels == "keep", (labels == "keep") | (labels == "delete")
        by_lot = np.zeros(len(evidence), dtype=bool)
        by_lot[drawn] = True
        return cls(labels, keep, answered, by_lot & answered)


def _strata(evidence: Evidence, machine: BoolArray, said: _Said, among: BoolArray, seed: int) -> list[_Stratum]:
    """What is known of each stratum of some rows, divided by what the machine keeps."""
    strata, lots = strata_of(evidence, machine), lots_of(evidence, seed)
    counts: list[_Stratum] = []
    for number in range(len(STRATA)):
        rows = np.flatnonzero(among & (strata == number))
        rows = rows[np.argsort(lots[rows], kind="stable")]
        sample = rows[: _sample_size(said.labels[rows] != "", said.by_lot[rows])]
        counts.append(
            _Stratum.of(rows, sample[said.answered[sample]], said.keep, said.answered, kept=number < _KEPT_STRATA)
        )
    return counts


@dataclass(frozen=True, slots=True)
class _Stratum:
    """Pictures of one stratum."""

    size: int
    open: int  # not answered
    known: int  # answered: they show the target
    shown: int  # of the sample: it shows the target
    other: int  # of the sample: it does not
    kept: bool  # the machine keeps the pictures of this stratum

    @classmethod
    def of(cls, rows: IntArray, sample: IntArray, keep: BoolArray, answered: BoolArray, *, kept: bool) -> _Stratum:
        shown = int(keep[sample].sum())
        known = int(keep[rows].sum())
        return cls(len(rows), int((~answered[rows]).sum()), known, shown, len(sample) - shown, kept)

    @property
    def told(self) -> int:
        """Size of the sample."""
        return self.shown + self.other

    def showing(self) -> tuple[float, float, float]:
        """How many of the open ones show the target: as the sample says, at least, and at most."""
        share = self._share()
        value, low, high = (self._of_open(number) for number in (share.value, share.low, share.high))
        return value, low, high

    def whole(self) -> tuple[float, float, float]:
        """How many of all show the target, whether answered or not: as the sample says, at least, and at most."""
        if self.told == self.size:
            return float(self.shown), float(self.shown), float(self.shown)  # nothing is left to chance
        share = self._share()
        value, low, high = (number * self.size for number in (share.value, share.low, share.high))
        return value, low, high

    def _share(self) -> Estimate:
        """Of the whole stratum: it shows the target."""
        believed = (self.shown + self.kept) / (self.told + 1)  # too few say nothing against the machine
        return wilson(self.shown, self.told) if self.told >= _LEAST_SAMPLE else Estimate(believed, 0.0, 1.0)

    def _of_open(self, share: float) -> float:
        """From the share of the whole stratum, less what is known."""
        return min(max(share * self.size - self.known, 0.0), float(self.open))


def _total(found: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """The sum of several numbers, with limits."""
    value = sum(number for number, _, _ in found)
    low = value - math.sqrt(sum((number - least) ** 2 for number, least, _ in found))
    high = value + math.sqrt(sum((most - number) ** 2 for number, _, most in found))
    return value, max(0.0, low), high


def _turned(limits: tuple[float, float, float]) -> tuple[float, float, float]:
    """The same with its limits in the other order: what is good for a figure when this is low."""
    value, low, high = limits
    return value, high, low


def _size(strata: list[_Stratum]) -> int:
    return sum(one.size for one in strata)


def _share(right: float, missed: float) -> float:
    return right / (right + missed) if right + missed else math.nan


def _nothing() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan)


def _short(figure: Estimate) -> str:
    if not math.isfinite(figure.value):
        return "unknown"
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
