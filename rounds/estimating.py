"""How good the gallery is as it stands, estimated from the random part of the answers.

Every picture has its lot for life, and the lowest open lots are asked. So in each stratum the pictures below the lowest
lot that nobody has answered yet are a fair sample of all its pictures, whatever each of them was asked for; the answers
above it are known, but prove nothing for the rest. Precision and recall follow by adding up. Wilson's limits of the
strata are joined by squaring and adding, each side on its own.

Source: Zou & Donner 2008, "Construction of confidence limits about effect measures" (the MOVER method).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation import Estimate, wilson
from rounds.random_order import STRATA, lots_of, strata_of
from storage.evidence import Evidence

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimates:
    """Precision and recall of the gallery as it stands."""

    precision: Estimate
    recall: Estimate
    answers: int  # random ones, those *unsure* not counted

    def words(self) -> str:
        """For people."""
        if not self.answers:
            return "no random answers yet"
        return f"precision {_short(self.precision)}, recall {_short(self.recall)} from {self.answers} random answers"


def estimates(evidence: Evidence, threshold: float, drawn: IntArray, *, seed: int = 0) -> Estimates:
    """Estimate from random answers.

    Args:
        evidence: what is known, labels included.
        threshold: of the active model, 0..1.
        drawn: rows that were asked because their lot was drawn; those without an answer are left out.
        seed: of the lots, as in `asking.questions`.
    """
    labels = np.array(evidence.labels, dtype=object)
    keep, answered = labels == "keep", (labels == "keep") | (labels == "delete")
    by_lot = np.zeros(len(evidence), dtype=bool)
    by_lot[drawn] = True
    by_lot &= answered
    if not by_lot.any():
        return Estimates(_nothing(), _nothing(), 0)
    machine = evidence.tagged | (np.nan_to_num(evidence.scores, nan=1.0) >= threshold)
    strata, lots = strata_of(evidence, machine), lots_of(evidence, seed)
    counts: list[_Stratum] = []
    for number in range(len(STRATA)):
        rows = np.flatnonzero(strata == number)
        rows = rows[np.argsort(lots[rows], kind="stable")]
        sample = rows[: _sample_size(labels[rows] != "", by_lot[rows])]
        counts.append(_Stratum.of(rows, sample[answered[sample]], keep, answered, kept=number < _KEPT_STRATA))
    known = int(keep.sum())  # a label beats the machine: these are kept, and right
    right = _total([one for one in counts if one.kept])
    missed = _total([one for one in counts if not one.kept])
    kept = max(1, known + sum(one.open for one in counts if one.kept))
    precision = Estimate(*(min(1.0, (known + number) / kept) for number in right))
    recall = Estimate(
        _share(known + right[0], missed[0]), _share(known + right[1], missed[2]), _share(known + right[2], missed[1])
    )
    return Estimates(precision, recall, int(by_lot.sum()))


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

    def showing(self) -> tuple[float, float, float]:
        """How many of the open ones show the target: as the sample says, at least, and at most."""
        told = self.shown + self.other
        believed = (self.shown + self.kept) / (told + 1)  # too few say nothing against the machine
        share = wilson(self.shown, told) if told >= _LEAST_SAMPLE else Estimate(believed, 0.0, 1.0)
        value, low, high = (self._of_open(number) for number in (share.value, share.low, share.high))
        return value, low, high

    def _of_open(self, share: float) -> float:
        """From the share of the whole stratum, less what is known."""
        return min(max(share * self.size - self.known, 0.0), float(self.open))


def _total(strata: list[_Stratum]) -> tuple[float, float, float]:
    """The sum over strata, with limits."""
    found = [one.showing() for one in strata]
    value = sum(number for number, _, _ in found)
    low = value - math.sqrt(sum((number - least) ** 2 for number, least, _ in found))
    high = value + math.sqrt(sum((most - number) ** 2 for number, _, most in found))
    return value, max(0.0, low), high


def _share(right: float, missed: float) -> float:
    return right / (right + missed) if right + missed else math.nan


def _nothing() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan)


def _short(figure: Estimate) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f}-{figure.high:.2f})"
