"""Learning a head when nobody's word is certain: people's labels, tags that may be wrong, and pictures without tags.

What was said of a picture is taken for what it is, a testimony. Expectation-maximisation asks in turns: given the
head's opinion (formed without this picture, by folds of whole groups) and how often such a testimony is true, does the
picture show the target? and then: what head follows from these beliefs, and how often were the testimonies true? So a
wrong tag, in either direction, loses its weight as soon as the other pictures speak against it, untagged pictures are
neither positives nor negatives, and a person's word stands.

Source: the two-coin model of Raykar et al. 2010, "Learning From Crowds", with one witness a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from classifier.calibration import log_odds, sigmoid
from classifier.heads import L2_CANDIDATES, Evidence, LinearHead, fit_head, log_loss

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_LEAST = 1e-6  # belief; keeps odds finite
_STEPS = 12  # of Newton's method, at most
_WEIGHINGS = 40  # of opinions against testimonies, at most
_SETTLED = 1e-3
_JUDGED_FOLDS = 3  # that strengths of regularisation are compared on; bounds the time


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
    turns: int = 3  # of expectation and maximisation


@dataclass(frozen=True, slots=True, eq=False)
class Testimony:
    """Pictures as vectors, and what is said of each."""

    vectors: FloatArray  # (n, d)
    said: npt.NDArray[np.int8]  # (n,), of Said
    groups: IntArray  # (n,), a group is never on both sides of a fold

    def __post_init__(self) -> None:
        rows = len(self.vectors)
        if self.vectors.ndim != 2 or self.said.shape != (rows,) or self.groups.shape != (rows,):
            raise ValueError(
                f"expected (n, d), (n,), (n,); got {self.vectors.shape}, {self.said.shape}, {self.groups.shape}"
            )

    def of(self, rows: IntArray) -> Testimony:
        """Some of the rows."""
        return Testimony(self.vectors[rows], self.said[rows], self.groups[rows])


@dataclass(frozen=True, slots=True)
class Stretch:
    """A straight line through logits."""

    slope: float = 1.0
    offset: float = 0.0

    def of(self, logits: FloatArray) -> FloatArray:
        """Stretched logits."""
        return self.slope * logits + self.offset

    def scaled(self, head: LinearHead) -> LinearHead:
        """The head whose logits are stretched."""
        return LinearHead(head.weights * self.slope, head.bias * self.slope + self.offset)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Opinions and testimonies put together."""

    line: Stretch
    logits: FloatArray  # (n,) stretched opinions
    belief: FloatArray  # (n,) 0..1 that the picture shows the target
    reliability: Mapping[Said, float]  # share of the pictures with that testimony that show the target
    base: float  # share of all these pictures that show the target, as they are counted

    def opinion(self, said: Said = Said.NOTHING) -> FloatArray:
        """Probability that each picture shows the target, were `said` of it; shape (n,)."""
        return sigmoid(self.logits + log_odds(self.reliability[said]) - log_odds(self.base))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NoisyHead:
    """A head, and what was concluded about every picture that it was learned from."""

    head: LinearHead
    found: Weighed  # its opinions are out of fold: of a head that never saw the picture's group
    l2: float


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
    found = weigh(course.out_of_fold(beliefs, l2), testimony.said, trust)
    for _ in range(trust.turns):
        found = weigh(course.out_of_fold(found.belief, l2), testimony.said, trust)
    head = fit_head(Evidence.of(testimony.vectors, found.belief, course.counts), l2, start, near=course.last[0])
    return NoisyHead(head=found.line.scaled(head), found=found, l2=l2)


def weigh(logits: FloatArray, said: npt.NDArray[np.int8], credit: Credit) -> Weighed:
    """Believe opinions and testimonies as far as they bear each other out.

    A head that was held back by regularisation is too modest: its logits are stretched until they fit what is
    believed, which sharpens what is believed, until both agree.

    Args:
        logits: opinions formed without these pictures, shape (n,).
        said: what is said of them, shape (n,) of `Said`.
        credit: how much is believed.
    """
    counts = weights_of(said, credit)
    reliability = {kind: _mean(_prior(kind, credit)) for kind in Said}
    belief = np.array([reliability[Said(kind)] for kind in range(5)])[said]
    line = Stretch()
    for _ in range(_WEIGHINGS):
        before = line
        line = _stretched(logits, belief, counts, line)
        base = float(np.clip(counts @ belief / counts.sum(), _LEAST, 1 - _LEAST))
        belief = _believe(line.of(logits), said, reliability, base, credit)
        reliability = _reliability(belief, said, credit)
        if abs(line.slope - before.slope) + abs(line.offset - before.offset) < _SETTLED:
            break
    return Weighed(line, line.of(logits), belief, reliability, base)


@dataclass(slots=True)
class _Course:
    testimony: Testimony
    start: LinearHead
    credit: Credit
    fold: IntArray
    counts: FloatArray = field(init=False)  # how much each picture counts
    last: dict[int, LinearHead] = field(default_factory=dict)  # by fold: the next one is near it

    def __post_init__(self) -> None:
        self.counts = weights_of(self.testimony.said, self.credit)

    def first_beliefs(self) -> FloatArray:
        """Everybody is taken at their word."""
        believed = np.array([_mean(_prior(Said(kind), self.credit)) for kind in range(5)])
        return believed[self.testimony.said]

    def out_of_fold(self, beliefs: FloatArray, l2: float, folds: int | None = None) -> FloatArray:
        """Each picture's logit by the head that was learned without its fold; NaN beyond the first `folds`."""
        logits = np.full(len(beliefs), np.nan)
        for number in range(int(self.fold.max()) + 1 if folds is None else folds):
            out = self.fold == number
            self.last[number] = self._fit(~out, beliefs, l2, self.last.get(number, self.last.get(0)))
            logits[out] = self.last[number].logits(self.testimony.vectors[out])
        return logits

    def best_strength(self, beliefs: FloatArray, candidates: Sequence[float]) -> float:
        """By the loss of opinions out of fold, each strength's stretched first: what counts is where a head points.

        Every picture of which something is said counts once. People were asked about the hardest ones, and with their
        weight fifty of those outvoted three thousand others. (Measured: errors rose from 17 to 53.)
        """
        folds = min(_JUDGED_FOLDS, int(self.fold.max()) + 1)
        judged = (self.testimony.said != Said.NOTHING) & (self.fold < folds)
        if not judged.any():  # a handful of pictures: what little is said lies in the other folds
            judged = self.fold < folds
        once = np.ones(int(judged.sum()))
        losses: dict[float, float] = {}
        heads: dict[float, dict[int, LinearHead]] = {}
        for l2 in sorted(candidates, reverse=True):  # from the stiffest, which is near the start
            opinions = self.out_of_fold(beliefs, l2, folds)[judged]
            line = _stretched(opinions, beliefs[judged], once, Stretch())
            losses[l2] = log_loss(line.of(opinions), Evidence(opinions[:, None], beliefs[judged], once))
            heads[l2] = dict(self.last)
        best = min(losses, key=lambda l2: losses[l2])
        self.last = heads[best]
        return best

    def _fit(self, rows: npt.NDArray[np.bool_], beliefs: FloatArray, l2: float, near: LinearHead | None) -> LinearHead:
        seen = Evidence.of(self.testimony.vectors[rows], beliefs[rows], self.counts[rows])
        return fit_head(seen, l2, self.start, steps=_STEPS, near=near)


def weights_of(said: npt.NDArray[np.int8], credit: Credit) -> FloatArray:
    """How much each picture counts, shape (n,)."""
    counts = np.ones(len(said))
    counts[said == Said.NOTHING] = credit.nothing
    counts[(said == Said.KEEP) | (said == Said.DELETE)] = credit.label
    return counts


def _stretched(logits: FloatArray, belief: FloatArray, counts: FloatArray, near: Stretch) -> Stretch:
    column = Evidence(logits[:, None], belief, counts)
    spread = max(float(logits.std()), 1e-6)
    found = fit_head(
        column, 1.0, LinearHead(np.array([1.0]), 0.0), near=LinearHead(np.array([near.slope]), near.offset)
    )
    return Stretch(float(np.clip(found.weights[0], 0.1, 50 / spread)), found.bias)


def _believe(
    logits: FloatArray, said: npt.NDArray[np.int8], reliability: Mapping[Said, float], base: float, credit: Credit
) -> FloatArray:
    """Testimony and opinion together; a person's word stands."""
    trust = np.array([log_odds(reliability[Said(kind)]) for kind in range(5)])[said]
    belief = np.clip(sigmoid(logits + trust - log_odds(base)), _LEAST, 1 - _LEAST)
    belief[said == Said.KEEP] = credit.sure
    belief[said == Said.DELETE] = 1 - credit.sure
    return belief


def _reliability(belief: FloatArray, said: npt.NDArray[np.int8], credit: Credit) -> dict[Said, float]:
    """How often each testimony is true, as far as the beliefs go."""
    found: dict[Said, float] = {}
    for kind in Said:
        rows, (yes, no) = said == kind, _prior(kind, credit)
        found[kind] = (float(belief[rows].sum()) + yes) / (int(rows.sum()) + yes + no)
    return found


def _prior(kind: Said, credit: Credit) -> tuple[float, float]:
    """Imagined pictures with that testimony that do, and do not, show the target."""
    if kind is Said.KEEP:
        return (credit.sure, 1 - credit.sure)
    if kind is Said.DELETE:
        return (1 - credit.sure, credit.sure)
    return {Said.NOTHING: credit.untagged, Said.TAGGED: credit.tagged, Said.OTHERS: credit.others}[kind]


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
