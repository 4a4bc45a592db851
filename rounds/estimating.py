"""How good the gallery is as it stands, estimated from the random part of the answers.

Every picture has its lot for life, and the lowest open lots are asked. So in each stratum the pictures below the lowest
lot that nobody has answered yet are a fair sample of all its pictures, whatever each of them was asked for; the answers
above it are known, but prove nothing for the rest. Precision and recall follow by adding up, their intervals by
drawing every stratum's share from what its sample leaves possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation import Estimate
from rounds.random_order import STRATA, lots_of, strata_of
from storage.evidence import Evidence

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

_DRAWS = 4000
_IMAGINED = 0.5  # answers of either kind before any came (Jeffreys)


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
    known_right = int(keep.sum())  # a label beats the machine: these are kept, and right
    random = np.random.default_rng(seed)
    point = _figures([(one, one.share()) for one in counts], known_right)
    worlds = _figures([(one, one.possible(random)) for one in counts], known_right)
    return Estimates(_estimate(point[0].item(), worlds[0]), _estimate(point[1].item(), worlds[1]), int(by_lot.sum()))


_KEPT_STRATA = 2  # the first ones are kept by the machine


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

    def share(self) -> FloatArray:
        """How many of the open ones show the target, as the sample says; a share, shape (1,)."""
        told = self.shown + self.other
        return self._of_open(np.array([self.shown / told])) if told else np.array([float(self.kept)])

    def possible(self, random: np.random.Generator) -> FloatArray:
        """Shares of the open ones that the sample leaves possible, shape (draws,)."""
        return self._of_open(random.beta(self.shown + _IMAGINED, self.other + _IMAGINED, _DRAWS))

    def _of_open(self, share: FloatArray) -> FloatArray:
        """From the share of the whole stratum, less what is known."""
        return np.clip((share * self.size - self.known) / max(1, self.open), 0.0, 1.0)


def _figures(strata: list[tuple[_Stratum, FloatArray]], known_right: int) -> tuple[FloatArray, FloatArray]:
    """Precision and recall for each possible world."""
    kept_right = known_right + sum((one.open * share for one, share in strata if one.kept), start=np.zeros(1))
    kept = known_right + sum(one.open for one, _ in strata if one.kept)
    missed = sum((one.open * share for one, share in strata if not one.kept), start=np.zeros(1))
    return kept_right / max(kept, 1), kept_right / np.maximum(kept_right + missed, 1e-9)


def _estimate(value: float, worlds: FloatArray) -> Estimate:
    low, high = np.quantile(worlds, (0.025, 0.975))
    return Estimate(value, min(value, float(low)), max(value, float(high)))


def _nothing() -> Estimate:
    return Estimate(math.nan, math.nan, math.nan)


def _short(figure: Estimate) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f}-{figure.high:.2f})"
