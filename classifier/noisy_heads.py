"""Learning a head when nobody's word is certain: people's labels, tags that may be wrong, and pictures without tags.

What was said of a picture is taken for what it is, a testimony. Expectation-maximisation asks in turns: given the
head's opinion (formed without this picture, by folds of whole groups) and how often such a testimony is true, does the
picture show the target? and then: what head follows from these beliefs, and how often were the testimonies true? So a
wrong tag, in either direction, loses its weight as soon as the other pictures speak against it, untagged pictures are
neither positives nor negatives, and a person's word stands.

Source: the two-coin model of Raykar et al. 2010, "Learning From Crowds", with one witness a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from classifier.calibration import log_odds, sigmoid
from classifier.heads import L2_CANDIDATES, Evidence, LinearHead, fit_head, log_loss

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LEAST = 1e-6  # belief; keeps odds finite


class Said(IntEnum):
    """What is said of one picture and one target."""

    NOTHING = 0  # no character tag: anybody may be in it
    TAGGED = 1  # its own tags name the target
    OTHERS = 2  # its own tags name somebody, not the target
    KEEP = 3  # a person: it shows the target
    DELETE = 4  # a person: it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """How much each testimony counts, and what is believed of tags before anything was seen."""

    label: float = 4.0  # weight of a person's word; a tag weighs 1
    nothing: float = 0.3  # weight of a picture of which nothing is said
    sure: float = 0.995  # that a person is right
    tagged: tuple[float, float] = (38.0, 2.0)  # imagined tagged pictures that do and do not show the target
    others: tuple[float, float] = (1.0, 199.0)
    untagged: tuple[float, float] = (0.5, 4.5)
    folds: int = 5
    turns: int = 4  # of expectation and maximisation


@dataclass(frozen=True, slots=True, eq=False)
class Testimony:
    """Pictures as vectors, and what is said of each."""

    vectors: FloatArray  # (n, d)
    said: npt.NDArray[np.int8]  # (n,), of Said
    groups: IntArray  # (n,), a group is never on both sides of a fold

    def __post_init__(self) -> None:
        rows = len(self.vectors)
        if self.vectors.ndim != 2 or self.said.shape != (rows,) or self.groups.shape != (rows,):
            raise ValueError(f"expected (n, d), (n,), (n,); got {self.vectors.shape}, {self.said.shape}, {self.groups.shape}")

    def of(self, rows: IntArray) -> Testimony:
        """Some of the rows."""
        return Testimony(self.vectors[rows], self.said[rows], self.groups[rows])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NoisyHead:
    """A head, and what was concluded about every picture that it was learned from."""

    head: LinearHead
    logits: FloatArray  # (n,) out of fold: the opinion of a head that never saw the picture's group
    belief: FloatArray  # (n,) 0..1 that the picture shows the target, testimony and opinion together
    reliability: dict[Said, float]  # share of the pictures with that testimony that show the target
    base: float  # share of all these pictures that show the target
    l2: float

    def opinion(self, said: Said) -> FloatArray:
        """Probability that each picture shows the target, were `said` of it; shape (n,)."""
        return sigmoid(self.logits + log_odds(self.reliability[said]) - log_odds(self.base))


def learn_noisy_head(
    testimony: Testimony,
    start: LinearHead,
    credit: Credit | None = None,
    *,
    candidates: Sequence[float] = L2_CANDIDATES,
    seed: int = 0,
) -> NoisyHead:
    """Learn a head from uncertain testimonies.

    Args:
        testimony: what is said; it needs something that speaks for the target and something against.
        start: where regularisation pulls to.
        credit: how much is believed.
        candidates: strengths of regularisation; the one with the least out-of-fold log loss is taken.
        seed: of the dealing into folds.

    Raises:
        ValueError: everything said is of one kind.
    """
    trust = credit or Credit()
    course = _Course(testimony, start, trust, _folds(testimony.groups, trust.folds, seed))
    beliefs = course.first_beliefs()
    l2 = course.best_strength(beliefs, candidates)
    reliability = course.reliability(beliefs)
    logits = course.out_of_fold(beliefs, l2)
    for _ in range(trust.turns):
        beliefs = course.believe(logits, reliability, float(course.counts @ beliefs / course.counts.sum()))
        reliability = course.reliability(beliefs)
        logits = course.out_of_fold(beliefs, l2)
    base = float(course.counts @ beliefs / course.counts.sum())
    beliefs = course.believe(logits, reliability, base)
    head = fit_head(Evidence.of(testimony.vectors, beliefs, course.counts), l2, start)
    return NoisyHead(head=head, logits=logits, belief=beliefs, reliability=reliability, base=base, l2=l2)


@dataclass(slots=True)
class _Course:
    testimony: Testimony
    start: LinearHead
    credit: Credit
    fold: IntArray

    @property
    def counts(self) -> FloatArray:
        """How much each picture counts."""
        said = self.testimony.said
        weights = np.ones(len(said))
        weights[said == Said.NOTHING] = self.credit.nothing
        weights[(said == Said.KEEP) | (said == Said.DELETE)] = self.credit.label
        return weights

    def first_beliefs(self) -> FloatArray:
        """Everybody is taken at their word."""
        believed = np.array([_mean(self._prior(Said(kind))) for kind in range(5)])
        return believed[self.testimony.said]

    def reliability(self, beliefs: FloatArray) -> dict[Said, float]:
        """How often each testimony is true, as far as the beliefs go."""
        found: dict[Said, float] = {}
        for kind in Said:
            rows, (yes, no) = self.testimony.said == kind, self._prior(kind)
            found[kind] = (float(beliefs[rows].sum()) + yes) / (int(rows.sum()) + yes + no)
        return found

    def believe(self, logits: FloatArray, reliability: dict[Said, float], base: float) -> FloatArray:
        """Testimony and opinion together; a person's word stands."""
        trust = np.array([log_odds(reliability[Said(kind)]) for kind in range(5)])[self.testimony.said]
        beliefs = np.clip(sigmoid(logits + trust - log_odds(base)), _LEAST, 1 - _LEAST)
        beliefs[self.testimony.said == Said.KEEP] = self.credit.sure
        beliefs[self.testimony.said == Said.DELETE] = 1 - self.credit.sure
        return beliefs

    def out_of_fold(self, beliefs: FloatArray, l2: float) -> FloatArray:
        logits = np.empty(len(beliefs))
        for number in range(int(self.fold.max()) + 1):
            out = self.fold == number
            logits[out] = self._fit(~out, beliefs, l2).logits(self.testimony.vectors[out])
        return logits

    def best_strength(self, beliefs: FloatArray, candidates: Sequence[float]) -> float:
        """By the loss on one fold; nothing said counts for nothing here."""
        out = self.fold == 0
        spoken = out & (self.testimony.said != Said.NOTHING)
        judged = Evidence.of(self.testimony.vectors[spoken], beliefs[spoken], self.counts[spoken])
        losses = [log_loss(self._fit(~out, beliefs, l2).logits(judged.embeddings), judged) for l2 in candidates]
        return candidates[int(np.argmin(losses))]

    def _fit(self, rows: npt.NDArray[np.bool_], beliefs: FloatArray, l2: float) -> LinearHead:
        seen = Evidence.of(self.testimony.vectors[rows], beliefs[rows], self.counts[rows])
        return fit_head(seen, l2, self.start, steps=15)

    def _prior(self, kind: Said) -> tuple[float, float]:
        sure = self.credit.sure
        known = {
            Said.NOTHING: self.credit.untagged,
            Said.TAGGED: self.credit.tagged,
            Said.OTHERS: self.credit.others,
        }
        return known.get(kind, (sure, 1 - sure) if kind is Said.KEEP else (1 - sure, sure))


def _mean(counts: tuple[float, float]) -> float:
    return counts[0] / sum(counts)


def _folds(groups: IntArray, count: int, seed: int) -> IntArray:
    """Deal whole groups into folds of nearly equal size."""
    numbers, sizes = np.unique(groups, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(numbers))
    dealt = np.empty(len(numbers), dtype=np.int64)
    dealt[order] = np.floor(np.cumsum(sizes[order]) * (count - 1e-9) / max(1, sizes.sum())).astype(np.int64)
    fold = np.minimum(dealt, count - 1)[np.searchsorted(numbers, groups)]
    return np.unique(fold, return_inverse=True)[1].astype(np.int64).reshape(-1)
