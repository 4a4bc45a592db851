"""What a head is learned from, and how: rows with their kinds of labels, their splits, and the plan."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, IntArray
from classifier.head import AiPercents
from classifier.heads.logistic_head import LinearHead
from classifier.heads.noisy_labels import LabelSource, LabelTrust, NoisyLabels, StratumArray, pools_of
from classifier.heads.out_of_fold import Deals
from classifier.metrics import thresholds
from classifier.metrics.thresholds import Goal
from classifier.tagger_block import TaggerVectors

TRAIN, VALIDATION, TEST = 0, 1, 2
SPARED = "spared"  # among the parts of a package: to train on, and its network has not seen them
CONTAMINATED = 3  # shows what was held out, and was learned from nevertheless: used for nothing
SPOKEN = (LabelSource.TAGGED, LabelSource.OTHERS, LabelSource.KEEP, LabelSource.DELETE)
PEOPLE = (LabelSource.KEEP, LabelSource.DELETE)
FOR, AGAINST = (LabelSource.TAGGED, LabelSource.KEEP), (LabelSource.OTHERS, LabelSource.DELETE)
SURE = 0.5  # belief from which a picture counts as showing the target


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPlan:
    """How a head is learned."""

    goal: Goal = field(default_factory=Goal)
    caution: float = thresholds.CAUTION
    leeway: float = thresholds.LEEWAY
    trust: LabelTrust = field(default_factory=LabelTrust)
    deals: Deals = field(default_factory=Deals)
    rows_at_most: int = 12_000  # to train on; bounds the time
    positives: int = 8  # tagged or labelled as showing the target, all parts together
    negatives: int = 8
    few_shot: bool = False  # untagged pictures take part as far as they are believed; none is kept back to measure on
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeadTrainingSet:
    """What a head is learned from; n rows."""

    target: str  # Target.name
    noisy_labels: NoisyLabels
    split: npt.NDArray[np.int8]  # (n,) TRAIN | VALIDATION | TEST | CONTAMINATED
    untagged: BoolArray  # (n,) no character tag
    start: LinearHead  # where regularisation pulls to
    left_out: BoolArray | None = None  # (n,) neither trained nor measured on; None: none
    strata: StratumArray | None = None  # (n,) of `Stratum`; None: by the label sources alone
    trained_on: BoolArray | None = None  # (n,) the network was trained on them: their scores choose nothing; None: none
    fit_on_trained: bool = True  # whether heads are fitted to those; not where its log odds would outweigh the rest
    ai_percents: AiPercents = field(default_factory=dict)  # what taggers give the target's tag, (n,) a source
    # by network: vectors of the penultimate layers of the user's taggers, (n, k)
    tagger_vectors: TaggerVectors = field(default_factory=dict)
    tag: str = ""  # the target's, whose percents these are
    strength: float | None = None  # with which regularisation pulls to the start; None: found out
    characters: IntArray | None = None  # (n,) number of the one other character that tags name; None: not known

    @property
    def pools(self) -> StratumArray:
        """The stratum of the posts that scores decide, answered or not, shape (n,); NO_POOL for the others."""
        return pools_of(self.noisy_labels.label_sources, self.untagged, self.strata)

    @property
    def used(self) -> BoolArray:
        """Rows that are not left out, shape (n,)."""
        return np.ones(len(self.split), dtype=np.bool_) if self.left_out is None else ~self.left_out

    @property
    def choosing(self) -> BoolArray:
        """Rows whose scores choose, shape (n,): neither the test's nor those that the network was trained on."""
        return np.isin(self.split, (TRAIN, VALIDATION)) & self.used & ~self.memorised

    @property
    def memorised(self) -> BoolArray:
        """Rows that the network was trained on, shape (n,)."""
        return np.zeros(len(self.split), dtype=np.bool_) if self.trained_on is None else self.trained_on

    @property
    def informed(self) -> bool:
        """Whether the head starts from one that knows the target, or the network was trained on it."""
        return bool(np.any(self.start.weights)) or bool(self.memorised.any())
