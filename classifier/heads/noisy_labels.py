"""Learning from noisy labels: people's labels, tags that may be wrong, and pictures without tags.

Every picture has one noisy label, from one source (`LabelSource`). Expectation-maximisation alternates between the
probability that each picture shows the target, given the head's logit (out of fold, by folds of whole groups) and how
often labels of that source are right, and the estimate of how often they are. A wrong tag, in either direction, loses
its weight where the scores contradict it; a person's label is never overruled.

How often a post shows the target that its tags do not name is estimated stratum by stratum: most posts without any
character tag may show it, and hardly any that name somebody else. (Measured on a gallery where only the target's tags
are missing: one share for all of them, precision 0.05; a share a stratum, 0.97.)

Source: the two-coin model of Raykar et al. 2010, "Learning From Crowds", with one annotator a picture; a share a
    stratum as in Saerens, Latinne & Decaestecker 2002, "Adjusting the outputs of a classifier to new a priori
    probabilities".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.heads.logistic_head import LinearHead, WeightedExamples, fit_head
from classifier.metrics.calibration import log_odds, sigmoid
from storage.records import Stratum

StratumArray = npt.NDArray[np.int8]

NO_POOL = -1
_CLIP = 1e-6  # belief; keeps odds finite
_ITERATIONS = 40  # of expectation-maximisation, at most
_CONVERGED = 1e-3
_PARENT_PSEUDO_COUNT = 20.0  # imagined pictures: pictures of groups are like the others until so many say otherwise


class LabelSource(IntEnum):
    """Where the label of one picture for one target comes from, and what it states."""

    NOTHING = 0  # no character tag: unlabelled
    TAGGED = 1  # its own tags name the target
    OTHERS = 2  # its own tags name somebody, not the target
    KEEP = 3  # a person labelled it as showing the target
    DELETE = 4  # a person labelled it as not showing it


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTrust:
    """The weight of each source of labels, and the prior of how often its labels are right, as pseudo-counts."""

    label: float = 4.0  # weight of a person's label; a tag has weight 1
    nothing: float = 0.3  # weight of a picture without a label
    sure: float = 0.995  # probability that a person is right
    tagged: tuple[float, float] = (38.0, 2.0)  # imagined tagged pictures that do and do not show the target
    others: tuple[float, float] = (1.0, 199.0)
    untagged: tuple[float, float] = (0.5, 4.5)


@dataclass(frozen=True, slots=True, eq=False)
class NoisyLabels:
    """Pictures as vectors, and the source of each one's label; n rows."""

    vectors: FloatArray  # (n, d)
    label_sources: npt.NDArray[np.int8]  # (n,), of LabelSource
    groups: IntArray  # (n,), a group is never on both sides of a fold

    def __post_init__(self) -> None:
        rows = len(self.vectors)
        if self.vectors.ndim != 2 or self.label_sources.shape != (rows,) or self.groups.shape != (rows,):
            raise ValueError(
                f"expected (n, d), (n,), (n,); got {self.vectors.shape}, {self.label_sources.shape}, "
                f"{self.groups.shape}"
            )

    def of(self, rows: IntArray) -> NoisyLabels:
        """Some of the rows."""
        return NoisyLabels(self.vectors[rows], self.label_sources[rows], self.groups[rows])


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
class Posterior:
    """Scores and labels put together: the result of `posterior_of`; n rows."""

    line: Stretch
    logits: FloatArray  # (n,) stretched
    belief: FloatArray  # (n,) 0..1 that the picture shows the target
    tags_right: float  # share of the pictures tagged with the target that show it
    rates: tuple[float, ...]  # by `Stratum`: share of the posts there, tagged otherwise or not at all, that show it
    base: float  # share of all these pictures that show the target, as they are counted

    def opinion(self, stratum: Stratum = Stratum.NOBODY) -> FloatArray:
        """Probability that each picture shows the target, were its post of that stratum; shape (n,)."""
        return sigmoid(self.logits + log_odds(self.rates[stratum]) - log_odds(self.base))

    def beliefs(
        self, logits: FloatArray, label_sources: npt.NDArray[np.int8], pools: StratumArray, trust: LabelTrust
    ) -> FloatArray:
        """Probability that each of other pictures shows the target, shape (n,), by these estimates; logits are raw."""
        return _believe(self.line.of(logits), _prior_log_odds(self, pools) - log_odds(self.base), label_sources, trust)


def pools_of(label_sources: npt.NDArray[np.int8], untagged: BoolArray, strata: StratumArray | None) -> StratumArray:
    """The stratum that each picture is one of a share of, shape (n,); NO_POOL where its tags name the target.

    A label that a person gave later does not change it: the post was one of those to be decided.

    Args:
        label_sources: of `LabelSource`.
        untagged: it has no character tag.
        strata: of `Stratum`; None: by the label sources alone.
    """
    of = np.zeros(len(label_sources), dtype=np.int8) if strata is None else strata
    names_others = label_sources == LabelSource.OTHERS  # whoever is named, it is somebody else
    of = np.where(names_others, of | np.int8(Stratum.OTHERS), of)
    others = np.isin(of, (Stratum.OTHERS, Stratum.OTHERS_GROUP))
    open_ = (label_sources != LabelSource.TAGGED) & (
        untagged | others | np.isin(label_sources, (LabelSource.NOTHING, LabelSource.OTHERS))
    )
    return np.where(open_, of, NO_POOL).astype(np.int8)


def posterior_of(
    logits: FloatArray, label_sources: npt.NDArray[np.int8], trust: LabelTrust, pools: StratumArray | None = None
) -> Posterior:
    """Raykar's expectation-maximisation on scores and noisy labels.

    The logits of a regularised head are too small: a line through them (Platt scaling) is fitted to the current
    probabilities in each iteration, which sharpens the probabilities, until both agree.

    Args:
        logits: out of fold, shape (n,).
        label_sources: shape (n,) of `LabelSource`.
        trust: weights and priors of the sources.
        pools: from `pools_of`; None: by the label sources alone.
    """
    where = pools_of(label_sources, label_sources == LabelSource.NOTHING, None) if pools is None else pools
    counts = weights_of(label_sources, trust)
    posterior = Posterior(Stretch(), logits, np.zeros(0), _mean(trust.tagged), _first_rates(trust), 0.5)
    belief = _believe(np.zeros(len(label_sources)), _prior_log_odds(posterior, where), label_sources, trust)
    for _ in range(_ITERATIONS):
        line = _stretched(logits, belief, counts, posterior.line)
        base = float(np.clip(counts @ belief / counts.sum(), _CLIP, 1 - _CLIP))
        belief = _believe(line.of(logits), _prior_log_odds(posterior, where) - log_odds(base), label_sources, trust)
        previous = posterior.line
        tags_right = _share(belief[label_sources == LabelSource.TAGGED], trust.tagged)
        posterior = Posterior(line, line.of(logits), belief, tags_right, _rates(belief, where, trust), base)
        if abs(line.slope - previous.slope) + abs(line.offset - previous.offset) < _CONVERGED:
            break
    return posterior


def weights_of(label_sources: npt.NDArray[np.int8], trust: LabelTrust) -> FloatArray:
    """How much each picture counts, shape (n,)."""
    counts = np.ones(len(label_sources))
    counts[label_sources == LabelSource.NOTHING] = trust.nothing
    counts[(label_sources == LabelSource.KEEP) | (label_sources == LabelSource.DELETE)] = trust.label
    return counts


def _stretched(logits: FloatArray, belief: FloatArray, counts: FloatArray, near: Stretch) -> Stretch:
    column = WeightedExamples(logits[:, None], belief, counts)
    spread = max(float(logits.std()), 1e-6)
    fitted = fit_head(
        column, 1.0, LinearHead(np.array([1.0]), 0.0), near=LinearHead(np.array([near.slope]), near.offset)
    )
    return Stretch(float(np.clip(fitted.weights[0], 0.1, 50 / spread)), fitted.bias)


def _prior_log_odds(posterior: Posterior, pools: StratumArray) -> FloatArray:
    """Log odds by the source of each picture's label alone, shape (n,); a person's label is not in it."""
    rates = np.array([log_odds(rate) for rate in posterior.rates])
    return np.where(pools == NO_POOL, log_odds(posterior.tags_right), rates[np.maximum(pools, 0)])


def _believe(
    logits: FloatArray, prior: FloatArray, label_sources: npt.NDArray[np.int8], trust: LabelTrust
) -> FloatArray:
    """Probability that each picture shows the target, from its label and its score; a person's label is kept."""
    belief = np.clip(sigmoid(logits + prior), _CLIP, 1 - _CLIP)
    belief[label_sources == LabelSource.KEEP] = trust.sure
    belief[label_sources == LabelSource.DELETE] = 1 - trust.sure
    return belief


def _first_rates(trust: LabelTrust) -> tuple[float, ...]:
    nobody, others = _mean(trust.untagged), _mean(trust.others)
    return (nobody, others, nobody, others)


def _rates(belief: FloatArray, pools: StratumArray, trust: LabelTrust) -> tuple[float, ...]:
    """The share of each stratum that shows the target, as far as the beliefs go."""
    nobody = _share(belief[pools == Stratum.NOBODY], trust.untagged)
    others = _share(belief[pools == Stratum.OTHERS], trust.others)
    groups = [
        _share(belief[pools == stratum], (parent * _PARENT_PSEUDO_COUNT, (1 - parent) * _PARENT_PSEUDO_COUNT))
        for stratum, parent in ((Stratum.NOBODY_GROUP, nobody), (Stratum.OTHERS_GROUP, others))
    ]
    return (nobody, others, *groups)


def _share(belief: FloatArray, pseudo_counts: tuple[float, float]) -> float:
    """The share that is believed to show the target, with imagined pictures that do and do not."""
    return (float(belief.sum()) + pseudo_counts[0]) / (len(belief) + sum(pseudo_counts))


def _mean(counts: tuple[float, float]) -> float:
    return counts[0] / sum(counts)
