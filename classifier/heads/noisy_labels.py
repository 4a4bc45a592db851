"""Whom to believe when nobody's word is certain: people's labels, tags that may be wrong, and pictures without tags.

What was said of a picture is taken for what it is, a testimony. Expectation-maximisation asks in turns: given the
head's opinion (formed without this picture, by folds of whole groups) and how often such a testimony is true, does the
picture show the target? and then: how often were the testimonies true? So a wrong tag, in either direction, loses its
weight as soon as the other pictures speak against it, and a person's word stands.

How often a post shows the target that its tags do not name is asked stratum by stratum: of posts that name nobody most
may show it, and of those that name somebody else hardly any. (Measured on a gallery where only the target's tags are
missing: one share for all of them, precision 0.05; a share a stratum, 0.97.)

Source: the two-coin model of Raykar et al. 2010, "Learning From Crowds", with one witness a picture; a share a stratum
as in Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori probabilities".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.logistic_head import Evidence, LinearHead, fit_head
from classifier.metrics.calibration import log_odds, sigmoid
from storage.records import Stratum

StratumArray = npt.NDArray[np.int8]

NO_POOL = -1
_LEAST = 1e-6  # belief; keeps odds finite
_WEIGHINGS = 40  # of opinions against testimonies, at most
_SETTLED = 1e-3
_LIKE_ITS_PARENT = 20.0  # imagined pictures: pictures of groups are like the others until so many say otherwise


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
    tags_right: float  # share of the pictures tagged with the target that show it
    rates: tuple[float, ...]  # by `Stratum`: share of the posts there, tagged otherwise or not at all, that show it
    base: float  # share of all these pictures that show the target, as they are counted

    def opinion(self, stratum: Stratum = Stratum.NOBODY) -> FloatArray:
        """Probability that each picture shows the target, were its post of that stratum; shape (n,)."""
        return sigmoid(self.logits + log_odds(self.rates[stratum]) - log_odds(self.base))

    def beliefs(
        self, logits: FloatArray, said: npt.NDArray[np.int8], pools: StratumArray, credit: Credit
    ) -> FloatArray:
        """What is believed of other pictures, shape (n,), by what was found out from these; logits are raw."""
        return _believe(self.line.of(logits), _trust(self, pools) - log_odds(self.base), said, credit)


def pools_of(said: npt.NDArray[np.int8], untagged: BoolArray, strata: StratumArray | None) -> StratumArray:
    """The stratum that each picture is one of a share of, shape (n,); NO_POOL where its tags name the target.

    Whatever a person said of it later, it stays one of the posts that were there to be decided.

    Args:
        said: of `Said`.
        untagged: it has no character tag.
        strata: of `Stratum`; None: by what is said alone.
    """
    of = np.zeros(len(said), dtype=np.int8) if strata is None else strata
    of = np.where(said == Said.OTHERS, of | np.int8(Stratum.OTHERS), of)  # whoever is named, it is somebody else
    others = np.isin(of, (Stratum.OTHERS, Stratum.OTHERS_GROUP))
    open_ = (said != Said.TAGGED) & (untagged | others | np.isin(said, (Said.NOTHING, Said.OTHERS)))
    return np.where(open_, of, NO_POOL).astype(np.int8)


def weigh(logits: FloatArray, said: npt.NDArray[np.int8], credit: Credit, pools: StratumArray | None = None) -> Weighed:
    """Believe opinions and testimonies as far as they bear each other out.

    A head that was held back by regularisation is too modest: its logits are stretched until they fit what is
    believed, which sharpens what is believed, until both agree.

    Args:
        logits: opinions formed without these pictures, shape (n,).
        said: what is said of them, shape (n,) of `Said`.
        credit: how much is believed.
        pools: from `pools_of`; None: by what is said alone.
    """
    where = pools_of(said, said == Said.NOTHING, None) if pools is None else pools
    counts = weights_of(said, credit)
    found = Weighed(Stretch(), logits, np.zeros(0), _mean(credit.tagged), _first_rates(credit), 0.5)
    belief = _believe(np.zeros(len(said)), _trust(found, where), said, credit)
    for _ in range(_WEIGHINGS):
        line = _stretched(logits, belief, counts, found.line)
        base = float(np.clip(counts @ belief / counts.sum(), _LEAST, 1 - _LEAST))
        belief = _believe(line.of(logits), _trust(found, where) - log_odds(base), said, credit)
        before = found.line
        tags_right = _share(belief[said == Said.TAGGED], credit.tagged)
        found = Weighed(line, line.of(logits), belief, tags_right, _rates(belief, where, credit), base)
        if abs(line.slope - before.slope) + abs(line.offset - before.offset) < _SETTLED:
            break
    return found


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


def _trust(found: Weighed, pools: StratumArray) -> FloatArray:
    """Log odds of what is said of each picture alone, shape (n,); a person's word is not in it."""
    rates = np.array([log_odds(rate) for rate in found.rates])
    return np.where(pools == NO_POOL, log_odds(found.tags_right), rates[np.maximum(pools, 0)])


def _believe(logits: FloatArray, trust: FloatArray, said: npt.NDArray[np.int8], credit: Credit) -> FloatArray:
    """Testimony and opinion together; a person's word stands."""
    belief = np.clip(sigmoid(logits + trust), _LEAST, 1 - _LEAST)
    belief[said == Said.KEEP] = credit.sure
    belief[said == Said.DELETE] = 1 - credit.sure
    return belief


def _first_rates(credit: Credit) -> tuple[float, ...]:
    nobody, others = _mean(credit.untagged), _mean(credit.others)
    return (nobody, others, nobody, others)


def _rates(belief: FloatArray, pools: StratumArray, credit: Credit) -> tuple[float, ...]:
    """The share of each stratum that shows the target, as far as the beliefs go."""
    nobody = _share(belief[pools == Stratum.NOBODY], credit.untagged)
    others = _share(belief[pools == Stratum.OTHERS], credit.others)
    groups = [
        _share(belief[pools == stratum], (parent * _LIKE_ITS_PARENT, (1 - parent) * _LIKE_ITS_PARENT))
        for stratum, parent in ((Stratum.NOBODY_GROUP, nobody), (Stratum.OTHERS_GROUP, others))
    ]
    return (nobody, others, *groups)


def _share(belief: FloatArray, imagined: tuple[float, float]) -> float:
    """The share that is believed to show the target, with imagined pictures that do and do not."""
    return (float(belief.sum()) + imagined[0]) / (len(belief) + sum(imagined))


def _mean(counts: tuple[float, float]) -> float:
    return counts[0] / sum(counts)
