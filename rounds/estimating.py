"""How good the gallery is as it stands, estimated from the random part of the answers.

Within each stratum the random answers are a fair sample of the pictures that nobody has answered otherwise, so their
shares hold for the rest of it; what was answered is known. Precision and recall follow by adding up, and their
intervals by drawing every stratum's share from what its answers leave possible.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from classifier.evaluation import Estimate
from rounds.random_order import STRATA, strata_of
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
        seed: of the draws behind the intervals.
    """
    labels = np.array(evidence.labels, dtype=object)
    keep, delete = labels == "keep", labels == "delete"
    machine = evidence.tagged | (np.nan_to_num(evidence.scores, nan=1.0) >= threshold)
    strata = strata_of(evidence, machine)
    lots = np.zeros(len(evidence), dtype=bool)
    lots[drawn] = True
    lots &= keep | delete
    if not lots.any():
        return Estimates(_nothing(), _nothing(), 0)
    counts = [
        _Stratum.of(strata == number, keep, keep | delete, lots, kept=bool(number < 2)) for number in range(len(STRATA))
    ]
    known_right = int(keep.sum())  # a label beats the machine: these are kept, and right
    random = np.random.default_rng(seed)
    point = _figures([(one, one.share()) for one in counts], known_right)
    drawn_shares = [one.possible(random) for one in counts]
    precision, recall = _figures(list(zip(counts, drawn_shares, strict=True)), known_right)
    return Estimates(_estimate(point[0].item(), precision), _estimate(point[1].item(), recall), int(lots.sum()))


@dataclass(frozen=True, slots=True)
class _Stratum:
    """Pictures of one stratum."""

    open: int  # not answered
    shown: int  # random answers: it shows the target
    other: int  # random answers: it does not
    kept: bool  # the machine keeps the pictures of this stratum

    @classmethod
    def of(cls, rows: BoolArray, keep: BoolArray, answered: BoolArray, lots: BoolArray, *, kept: bool) -> _Stratum:
        asked = rows & lots
        shown = int((asked & keep).sum())
        return cls(int((rows & ~answered).sum()), shown, int(asked.sum()) - shown, kept)

    def share(self) -> FloatArray:
        """The share of the open ones that shows the target, as the answers say; shape (1,)."""
        told = self.shown + self.other
        return np.array([self.shown / told if told else float(self.kept)])

    def possible(self, random: np.random.Generator) -> FloatArray:
        """Shares that the answers leave possible, shape (draws,)."""
        return random.beta(self.shown + _IMAGINED, self.other + _IMAGINED, _DRAWS)


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
