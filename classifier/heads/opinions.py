"""What scores out of fold and labels together say of every picture, and which tags they contradict.

Fit out of fold -> compare tags with scores -> drop tags that are contradicted, fit again -> add taggers where
they pay -> combine the scores with the labels
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.head import Calibration, Head
from classifier.heads import few_shot
from classifier.heads.ai_stacking import Stacked, TaggedRows, of_percents, stack
from classifier.heads.character_space import NOBODY, CharacterSpace
from classifier.heads.noisy_labels import LabelSource, LabelTrust, Posterior, StratumArray, posterior_of
from classifier.heads.out_of_fold import CrossFitted, Examples, cross_fit, least_loss_strength
from classifier.heads.tagger_head import TaggerHead, signals_of, tagger_head
from classifier.heads.training_set import FOR, PEOPLE, SPOKEN, SURE, TRAIN, VALIDATION, HeadPlan, HeadTrainingSet
from classifier.metrics.calibration import log_odds

L2 = 0.1  # of vectors with a mean squared length of one; 0.06 to 0.3 rank alike
L2_CANDIDATES = (0.1, 1.0, 10.0, 100.0)  # where there is a head to be pulled to, or a network that knows the answers
_LARGEST_SHIFT = 20.0  # log odds, between a stratum and the posts that name nobody


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Opinions:
    """Scores out of fold and the posterior of every row; n rows."""

    fitted: CrossFitted
    stacked: Stacked  # its logits, with what taggers add to them
    tagger_head: TaggerHead | None  # on the penultimate layer of the user's tagger; it counts as far as it was stacked
    doubted: BoolArray  # (n,) tags that are contradicted; nothing was fitted to them
    posterior: Posterior  # of the rows whose scores choose
    belief: FloatArray  # (n,) probability that each row shows the target, label and score together
    l2: float

    @property
    def head(self) -> Head:
        """The mean head, calibrated for posts that name nobody, with the shifts of the other strata."""
        nobody, *_ = odds = [log_odds(rate) for rate in self.posterior.rates]
        line = self.posterior.line
        calibration = Calibration(slope=line.slope, intercept=line.offset + nobody - log_odds(self.posterior.base))
        shifts = tuple(float(np.clip(one - nobody, -_LARGEST_SHIFT, _LARGEST_SHIFT)) for one in odds)
        return Head(self.fitted.head.weights.astype(np.float32), self.fitted.head.bias, calibration, shifts)

    def opinion(self, strata: StratumArray) -> FloatArray:
        """Probability that each picture shows the target, were nothing known but its post's stratum; shape (n,)."""
        return self.head.calibrated(self.stacked.logits, strata)


def opinions_of(training_set: HeadTrainingSet, plan: HeadPlan) -> Opinions:
    """Fit out of fold, drop contradicted tags, fit again, and combine the scores with the labels.

    On one core: the matrices are small, and threads that wait for each other lose more than they gain.
    (Measured on two cores that other programs use too: 2.7 s instead of 28 s.)
    """
    with threadpool_limits(limits=1, user_api="blas"):
        return _opinions(training_set, plan)


def _opinions(training_set: HeadTrainingSet, plan: HeadPlan) -> Opinions:
    rows = _fitted_rows(training_set, plan)
    examples = _examples(training_set, rows, plan.trust)
    l2, space = _strength(training_set, examples, plan), _space(training_set, examples, plan)
    if space is None:
        fitted = cross_fit(examples, l2, plan.deals)
    if space is None and plan.few_shot:
        examples, fitted = few_shot.with_unlabelled(examples, fitted, _unlabelled(training_set, plan), l2, plan.deals)
    if space is not None:
        examples = replace(examples, vectors=space.seen(examples.vectors))
        examples, fitted = few_shot.with_likely(examples, space, _unlabelled(training_set, plan), l2, plan.deals)
    doubted = _contradicted(training_set, fitted.logits, rows, plan.trust)
    if doubted.any():
        kept = replace(examples, weights=np.where(doubted, 0.0, examples.weights))
        fitted = cross_fit(kept, l2, plan.deals, near=fitted.head)
    stacked, on_tagger = Stacked(fitted.logits), None
    if not plan.few_shot:
        kept = replace(examples, weights=np.where(doubted, 0.0, examples.weights))
        on_tagger = tagger_head(training_set.tagger_vectors, kept, L2, plan.deals)
        stacked = _stacked(training_set, fitted.logits, kept, on_tagger, plan.seed)
    logits = stacked.logits
    noisy_labels, pools = training_set.noisy_labels, training_set.pools
    choosing = training_set.choosing
    once = replace(plan.trust, label=1.0, nothing=1.0)
    posterior = posterior_of(logits[choosing], noisy_labels.label_sources[choosing], once, pools[choosing])
    belief = posterior.beliefs(logits, noisy_labels.label_sources, pools, once)
    learned = training_set.memorised
    if learned.any():
        own = posterior_of(logits[learned], noisy_labels.label_sources[learned], plan.trust, pools[learned])
        belief[learned] = own.belief
    return Opinions(
        fitted=fitted if space is None else replace(fitted, head=space.head(fitted.head)),
        stacked=stacked,
        tagger_head=on_tagger,
        doubted=contradicted(noisy_labels.label_sources, belief) & training_set.used,
        posterior=posterior,
        belief=belief,
        l2=l2,
    )


def _space(training_set: HeadTrainingSet, examples: Examples, plan: HeadPlan) -> CharacterSpace | None:
    """The space that the tagged characters span, for a head from few examples on a network that learned nothing here.

    A network that was trained on these characters has such a space already.
    """
    if not plan.few_shot or training_set.characters is None or training_set.informed:
        return None
    against = (examples.weights > 0) & (examples.share < SURE)
    return CharacterSpace.of(examples.vectors, np.where(against, training_set.characters, NOBODY))


def _stacked(
    training_set: HeadTrainingSet, logits: FloatArray, kept: Examples, on_tagger: TaggerHead | None, seed: int
) -> Stacked:
    """Logits with what taggers add to them, judged by tags and labels that are not contradicted: the kept ones."""
    rows = np.flatnonzero(training_set.choosing & (kept.weights > 0)).astype(np.int64)
    judged = TaggedRows(rows, kept.share[rows], kept.groups[rows])
    return stack(logits, {**of_percents(training_set.ai_percents), **signals_of(on_tagger)}, judged, seed)


def _unlabelled(training_set: HeadTrainingSet, plan: HeadPlan) -> BoolArray:
    """Rows without a label that may be trained on, at most so many, shape (n,)."""
    usable = (
        np.isin(training_set.split, (TRAIN, VALIDATION))
        & training_set.used
        & (training_set.noisy_labels.label_sources == LabelSource.NOTHING)
    )
    rows = np.random.default_rng(plan.seed).permutation(np.flatnonzero(usable))[: plan.rows_at_most // 2]
    flags = np.zeros(len(usable), dtype=np.bool_)
    flags[rows] = True
    return flags


def _examples(training_set: HeadTrainingSet, rows: IntArray, trust: LabelTrust) -> Examples:
    noisy_labels = training_set.noisy_labels
    weights = np.zeros(len(noisy_labels.label_sources))
    weights[rows] = np.where(np.isin(noisy_labels.label_sources[rows], PEOPLE), trust.label, 1.0)
    share = np.isin(noisy_labels.label_sources, FOR).astype(np.float64)
    return Examples(noisy_labels.vectors, share, weights, noisy_labels.groups, training_set.start)


def _fitted_rows(training_set: HeadTrainingSet, plan: HeadPlan) -> IntArray:
    label_sources = training_set.noisy_labels.label_sources
    usable = np.isin(training_set.split, (TRAIN, VALIDATION)) & training_set.used & np.isin(label_sources, SPOKEN)
    if not training_set.fit_on_trained:
        usable &= ~training_set.memorised
    random = np.random.default_rng(plan.seed)
    return some_rows(np.flatnonzero(usable).astype(np.int64), label_sources, plan.rows_at_most, random)


def _strength(training_set: HeadTrainingSet, examples: Examples, plan: HeadPlan) -> float:
    """One strength suits features that know nothing of the target; else the pictures that may choose, choose."""
    if training_set.strength is not None:
        return training_set.strength
    judged = training_set.choosing & (examples.weights > 0)
    if not training_set.informed or not judged.any() or not training_set.fit_on_trained:
        return L2
    return least_loss_strength(examples, judged, L2_CANDIDATES, seed=plan.seed)


def _contradicted(training_set: HeadTrainingSet, logits: FloatArray, rows: IntArray, trust: LabelTrust) -> BoolArray:
    """Fitted tags that their scores contradict, shape (n,); those of training rows by a posterior of their own."""
    label_sources, flags = training_set.noisy_labels.label_sources, np.zeros(len(logits), dtype=np.bool_)
    choosing = training_set.choosing[rows]
    for some in (rows[choosing], rows[~choosing]):
        if len(some):
            belief = posterior_of(logits[some], label_sources[some], trust, training_set.pools[some]).belief
            flags[some] = contradicted(label_sources[some], belief)
    return flags


def contradicted(label_sources: npt.NDArray[np.int8], belief: FloatArray) -> BoolArray:
    """Whether a tag, or its absence beside other names, is contradicted by label and score together; a person's label
    never is.

    Args:
        label_sources: of each picture, shape (n,) of `LabelSource`.
        belief: that it shows the target, shape (n,), its tags and an opinion out of fold together.
    """
    wrong = ((label_sources == LabelSource.TAGGED) & (belief < SURE)) | (
        (label_sources == LabelSource.OTHERS) & (belief > SURE)
    )
    return np.asarray(wrong, dtype=np.bool_)


def some_rows(rows: IntArray, label_sources: npt.NDArray[np.int8], most: int, random: np.random.Generator) -> IntArray:
    """All rows, or when they are too many: every label, then half tagged ones, then the rest."""
    if len(rows) <= most:
        return rows.astype(np.int64)
    shuffled = random.permutation(rows)
    kinds = label_sources[shuffled]
    people = shuffled[np.isin(kinds, PEOPLE)][:most]
    tagged = shuffled[kinds == LabelSource.TAGGED][: (most - len(people)) // 2]
    room = most - len(people) - len(tagged)
    others = shuffled[kinds == LabelSource.OTHERS][: max(room // 2, room - int((kinds == LabelSource.NOTHING).sum()))]
    nothing = shuffled[kinds == LabelSource.NOTHING][: room - len(others)]
    return np.sort(np.concatenate([people, tagged, others, nothing])).astype(np.int64)
