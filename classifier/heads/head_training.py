"""A head on embeddings: from noisy labels to a model that decides, or a reason why it must not.

    fit out of fold -> compare tags with scores -> drop tags that are contradicted, fit again -> add taggers' percents
    where they pay -> calibrate, share by stratum -> threshold on the posts that scores decide -> measure on the test
    split -> veto

No picture is decoded and no network library is loaded, so it takes seconds. Training and validation splits are fitted
together: every picture has a score of heads that never saw its group, and these scores choose. What is in the test
split was held out in every earlier round of the same backbone and is measured on alone; the caller sees to that and
says it by `split`. A network has memorised the tags of its training pictures: such rows (`trained_on`) are fitted on,
but their scores choose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.errors import TooFewExamples
from classifier.head import AiPercents, Calibration, Head
from classifier.heads import few_shot
from classifier.heads.ai_stacking import Stacked, TaggedRows, TaggerWeight, stack
from classifier.heads.character_space import NOBODY, CharacterSpace
from classifier.heads.logistic_head import LinearHead
from classifier.heads.noisy_labels import (
    NO_POOL,
    LabelSource,
    LabelTrust,
    NoisyLabels,
    Posterior,
    StratumArray,
    pools_of,
    posterior_of,
)
from classifier.heads.out_of_fold import CrossFitted, Deals, Examples, cross_fit, least_loss_strength
from classifier.metrics import quality as evaluation
from classifier.metrics import thresholds
from classifier.metrics.calibration import log_odds
from classifier.metrics.forecast import Forecast, forecast
from classifier.metrics.thresholds import Goal
from classifier.metrics.veto import VetoMeasurements, counted_share, refusal
from storage.records import AiTagWeight, Stratum

TRAIN, VALIDATION, TEST = 0, 1, 2
CONTAMINATED = 3  # shows what was held out, and was learned from nevertheless: used for nothing
_SPOKEN = (LabelSource.TAGGED, LabelSource.OTHERS, LabelSource.KEEP, LabelSource.DELETE)
_PEOPLE = (LabelSource.KEEP, LabelSource.DELETE)
_FOR, _AGAINST = (LabelSource.TAGGED, LabelSource.KEEP), (LabelSource.OTHERS, LabelSource.DELETE)
_SURE = 0.5  # belief from which a picture counts as showing the target

L2 = 0.1  # of vectors with a mean squared length of one; 0.06 to 0.3 rank alike
L2_CANDIDATES = (0.1, 1.0, 10.0, 100.0)  # where there is a head to be pulled to, or a network that knows the answers


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
    tag: str = ""  # the target's, whose percents these are
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
        clean = np.isin(self.split, (TRAIN, VALIDATION)) & self.used
        return clean if self.trained_on is None else clean & ~self.trained_on


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Opinions:
    """Scores out of fold and the posterior of every row; n rows."""

    fitted: CrossFitted
    stacked: Stacked  # its logits, with what taggers add to them
    doubted: BoolArray  # (n,) tags that are contradicted; nothing was fitted to them
    posterior: Posterior  # of the rows whose scores choose
    belief: FloatArray  # (n,) probability that each row shows the target, label and score together
    l2: float

    def opinion(self, strata: StratumArray) -> FloatArray:
        """Probability that each picture shows the target, were nothing known but its post's stratum; shape (n,)."""
        return _head(self.fitted, self.posterior).calibrated(self.stacked.logits, strata)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LearnedHead:
    """A finished head, and what was found out on the way."""

    head: Head
    chosen: thresholds.Chosen
    curve: thresholds.ThresholdCurve
    forecast: Forecast  # of the posts that scores decide
    quality: evaluation.Quality  # on test
    scores: FloatArray  # (n,) out of fold for rows that trained it, by the finished head for the others
    belief: FloatArray  # (n,) probability that each row shows the target, label and score together
    measured: IntArray  # rows of the test split that `quality` rests on
    facts: Mapping[str, Any]
    refusal: str = ""  # why the model must not decide, and what to do; "": it may
    doubted: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))  # (n,) contradicted beyond doubt

    @property
    def doubted_in_test(self) -> IntArray:
        """Rows of the test split whose tags are contradicted: in no comparison between models."""
        return self.measured[self.doubted[self.measured]]

    @property
    def reject_ratio(self) -> float:
        """Share of the posts that scores decide that the model is expected to reject."""
        return 1 - self.forecast.kept / max(1, self.forecast.posts)


def learn_head(training_set: HeadTrainingSet, plan: HeadPlan) -> LearnedHead:
    """Learn one head.

    Raises:
        TooFewExamples: too few labels for or against the target; counts what there is.
    """
    _check(training_set, plan)
    opinions = opinions_of(training_set, plan)
    head = _head(opinions.fitted, opinions.posterior)
    label_sources, pools = training_set.noisy_labels.label_sources, training_set.pools
    strata = np.maximum(pools, Stratum.NOBODY)
    scores = head.calibrated(opinions.stacked.logits, strata)
    decided = _decided(training_set, pools)
    chances = np.where(
        label_sources == LabelSource.KEEP, 1.0, np.where(label_sources == LabelSource.DELETE, 0.0, scores)
    )
    curve = thresholds.threshold_curve(scores[decided], chances[decided], caution=plan.caution, leeway=plan.leeway)
    chosen = curve.chosen(plan.goal)
    measured = _measured(training_set, opinions, chosen, scores)
    expected = forecast(scores[decided], chances[decided], chosen.threshold, measured.positives, reached=chosen.reached)
    test = np.flatnonzero((training_set.split == TEST) & training_set.used & np.isin(label_sources, _SPOKEN))
    quality = evaluation.evaluate(
        scores[test],
        opinions.belief[test] > _SURE,
        chosen.threshold,
        groups=training_set.noisy_labels.groups[test],
        seed=plan.seed,
    )
    return LearnedHead(
        head=replace(head, ai_weights=_ai_weights(opinions, training_set.tag)),
        chosen=chosen,
        curve=curve,
        forecast=expected,
        quality=quality,
        scores=scores,
        belief=opinions.belief,
        measured=test,
        facts=_facts(training_set, opinions),
        refusal=refusal(measured, plan.goal.precision or 0.0),
        doubted=opinions.doubted,
    )


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
    stacked = (
        Stacked(fitted.logits) if plan.few_shot else _stacked(training_set, fitted.logits, examples, doubted, plan.seed)
    )
    logits = stacked.logits
    noisy_labels, pools = training_set.noisy_labels, training_set.pools
    choosing = training_set.choosing
    once = replace(plan.trust, label=1.0, nothing=1.0)
    posterior = posterior_of(logits[choosing], noisy_labels.label_sources[choosing], once, pools[choosing])
    belief = posterior.beliefs(logits, noisy_labels.label_sources, pools, once)
    learned = np.zeros(len(belief), dtype=np.bool_) if training_set.trained_on is None else training_set.trained_on
    if learned.any():
        own = posterior_of(logits[learned], noisy_labels.label_sources[learned], plan.trust, pools[learned])
        belief[learned] = own.belief
    return Opinions(
        fitted=fitted if space is None else replace(fitted, head=space.head(fitted.head)),
        stacked=stacked,
        doubted=contradicted(noisy_labels.label_sources, belief) & training_set.used,
        posterior=posterior,
        belief=belief,
        l2=l2,
    )


def _space(training_set: HeadTrainingSet, examples: Examples, plan: HeadPlan) -> CharacterSpace | None:
    """The space that the tagged characters span, for a head from few examples on a network that learned nothing here.

    A network that was trained on these characters has such a space already.
    """
    knows = np.any(training_set.start.weights) or (
        training_set.trained_on is not None and training_set.trained_on.any()
    )
    if not plan.few_shot or training_set.characters is None or knows:
        return None
    against = (examples.weights > 0) & (examples.share < _SURE)
    return CharacterSpace.of(examples.vectors, np.where(against, training_set.characters, NOBODY))


def _stacked(
    training_set: HeadTrainingSet, logits: FloatArray, examples: Examples, doubted: BoolArray, seed: int
) -> Stacked:
    """Logits with what taggers add to them, judged by tags and labels that are not contradicted."""
    rows = np.flatnonzero(training_set.choosing & (examples.weights > 0) & ~doubted).astype(np.int64)
    judged = TaggedRows(rows, examples.share[rows], examples.groups[rows])
    return stack(logits, training_set.ai_percents, judged, seed)


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
    weights[rows] = np.where(np.isin(noisy_labels.label_sources[rows], _PEOPLE), trust.label, 1.0)
    share = np.isin(noisy_labels.label_sources, _FOR).astype(np.float64)
    return Examples(noisy_labels.vectors, share, weights, noisy_labels.groups, training_set.start)


def _fitted_rows(training_set: HeadTrainingSet, plan: HeadPlan) -> IntArray:
    label_sources = training_set.noisy_labels.label_sources
    usable = np.isin(training_set.split, (TRAIN, VALIDATION)) & training_set.used & np.isin(label_sources, _SPOKEN)
    if not training_set.fit_on_trained and training_set.trained_on is not None:
        usable &= ~training_set.trained_on
    random = np.random.default_rng(plan.seed)
    return some_rows(np.flatnonzero(usable).astype(np.int64), label_sources, plan.rows_at_most, random)


def _strength(training_set: HeadTrainingSet, examples: Examples, plan: HeadPlan) -> float:
    """One strength suits features that know nothing of the target; else the pictures that may choose, choose."""
    judged = training_set.choosing & (examples.weights > 0)
    pulled = bool(np.any(training_set.start.weights)) or (
        training_set.trained_on is not None and bool(training_set.trained_on.any())
    )
    if not pulled or not judged.any() or not training_set.fit_on_trained:
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
    wrong = ((label_sources == LabelSource.TAGGED) & (belief < _SURE)) | (
        (label_sources == LabelSource.OTHERS) & (belief > _SURE)
    )
    return np.asarray(wrong, dtype=np.bool_)


def _head(fitted: CrossFitted, posterior: Posterior) -> Head:
    """The mean head, calibrated for posts that name nobody, with the shifts of the other strata."""
    nobody, *_ = odds = [log_odds(rate) for rate in posterior.rates]
    line = posterior.line
    calibration = Calibration(slope=line.slope, intercept=line.offset + nobody - log_odds(posterior.base))
    shifts = tuple(float(np.clip(one - nobody, -_LARGEST_SHIFT, _LARGEST_SHIFT)) for one in odds)
    return Head(fitted.head.weights.astype(np.float32), fitted.head.bias, calibration, shifts)


_LARGEST_SHIFT = 20.0  # log odds


def _ai_weights(opinions: Opinions, tag: str) -> tuple[AiTagWeight, ...]:
    """What taggers add to calibrated log odds; a line's slope is the calibration's."""
    slope = opinions.posterior.line.slope
    scaled = {
        source: TaggerWeight(weight.slope * slope, weight.offset * slope)
        for source, weight in opinions.stacked.weights.items()
    }
    return tuple(AiTagWeight(source, tag, weight.slope, weight.offset) for source, weight in scaled.items())


def _decided(training_set: HeadTrainingSet, pools: StratumArray) -> IntArray:
    """Rows that stand for the posts that scores decide: those of the choosing ones that have no tag of the target.

    Where all are named, as in a person's folders, all labelled rows stand for the posts to come.
    """
    choosing = training_set.choosing
    rows = np.flatnonzero(choosing & (pools != NO_POOL))
    if not len(rows):
        rows = np.flatnonzero(choosing & np.isin(training_set.noisy_labels.label_sources, _SPOKEN))
    return rows.astype(np.int64)


def _measured(
    training_set: HeadTrainingSet, opinions: Opinions, chosen: thresholds.Chosen, scores: FloatArray
) -> VetoMeasurements:
    """What the tags of pictures say whose scores may choose, at the threshold."""
    label_sources, pools, choosing, belief = (
        training_set.noisy_labels.label_sources,
        training_set.pools,
        training_set.choosing,
        opinions.belief,
    )
    groups, logits = training_set.noisy_labels.groups, opinions.stacked.logits
    shown = choosing & np.isin(label_sources, _FOR)
    others = choosing & (label_sources == LabelSource.OTHERS)
    nobody = choosing & np.isin(pools, (Stratum.NOBODY, Stratum.NOBODY_GROUP))
    decided = choosing & (pools != NO_POOL)
    reached = scores >= chosen.threshold
    against = 1 - belief[others]
    sure = others & (belief < _SURE)
    return VetoMeasurements(
        positives=evaluation.worth(scores[shown], groups[shown]) * float(belief[shown].mean()) if shown.any() else 0.0,
        negatives=float(against.sum()),
        false_alarms=float(against[reached[others]].sum()),
        others=int((decided & ~nobody).sum()),
        kept=int((decided & reached).sum()),
        recall=chosen.recall,
        found_share=float(np.mean(belief[nobody])) if nobody.any() else float("nan"),
        counted_share=counted_share(logits[shown], belief[shown], logits[sure], logits[nobody]),
        nobody=int(nobody.sum()),
    )


def _check(training_set: HeadTrainingSet, plan: HeadPlan) -> None:
    label_sources = training_set.noisy_labels.label_sources
    for_it, against = (
        int(np.isin(label_sources, _FOR).sum()),
        int(np.isin(label_sources, _AGAINST).sum()),
    )
    counts = {"pictures tagged or labelled as showing it": for_it, "pictures tagged or labelled otherwise": against}
    needed = dict(zip(counts, (plan.positives, plan.negatives), strict=True))
    if any(counts[name] < least for name, least in needed.items()):
        raise TooFewExamples(
            training_set.target,
            counts,
            needed,
            "label more pictures (crawl review, crawl relabel) or crawl a larger tag",
        )
    if plan.few_shot:
        return
    shows, not_ = np.isin(label_sources, _FOR), np.isin(label_sources, _AGAINST)
    kinds = {"that show it": shows, "that do not": not_}
    held = {
        f"pictures {words} to {purpose}": int((those & rows).sum())
        for purpose, rows in (("choose by", training_set.choosing), ("measure on", training_set.split == TEST))
        for words, those in kinds.items()
    }
    if not all(held.values()):
        raise TooFewExamples(
            training_set.target,
            held,
            dict.fromkeys(held, 1),
            "copies of one drawing, families and artists' sets stay together, and these are nearly all of one; "
            "label or walk more",
        )


def some_rows(rows: IntArray, label_sources: npt.NDArray[np.int8], most: int, random: np.random.Generator) -> IntArray:
    """All rows, or when they are too many: every label, then half tagged ones, then the rest."""
    if len(rows) <= most:
        return rows.astype(np.int64)
    shuffled = random.permutation(rows)
    kinds = label_sources[shuffled]
    people = shuffled[np.isin(kinds, _PEOPLE)][:most]
    tagged = shuffled[kinds == LabelSource.TAGGED][: (most - len(people)) // 2]
    room = most - len(people) - len(tagged)
    others = shuffled[kinds == LabelSource.OTHERS][: max(room // 2, room - int((kinds == LabelSource.NOTHING).sum()))]
    nothing = shuffled[kinds == LabelSource.NOTHING][: room - len(others)]
    return np.sort(np.concatenate([people, tagged, others, nothing])).astype(np.int64)


def _facts(training_set: HeadTrainingSet, opinions: Opinions) -> dict[str, Any]:
    label_sources, belief = training_set.noisy_labels.label_sources, opinions.belief
    shows = belief > _SURE
    return {
        "prevalence": opinions.posterior.rates[Stratum.NOBODY],
        "prevalence_by_stratum": {
            stratum.name.lower(): opinions.posterior.rates[stratum]
            for stratum in Stratum
            if (training_set.pools == stratum).any()
        },
        "said": {kind.name.lower(): int((label_sources == kind).sum()) for kind in LabelSource},
        "examples": {name: int((training_set.split == split).sum()) for split, name in _SPLIT_NAMES.items()},
        "positives": {name: int(((training_set.split == split) & shows).sum()) for split, name in _SPLIT_NAMES.items()},
        "choosing": {
            "tagged": int((training_set.choosing & (label_sources == LabelSource.TAGGED)).sum()),
            "others": int((training_set.choosing & (label_sources == LabelSource.OTHERS)).sum()),
            "untagged": int((training_set.choosing & (label_sources == LabelSource.NOTHING)).sum()),
        },
        "l2": opinions.l2,
        "tags_right": opinions.posterior.tags_right,
        "doubtful_tags": int((opinions.doubted & (label_sources == LabelSource.TAGGED)).sum()),
        "missing_tags": int((opinions.doubted & (label_sources == LabelSource.OTHERS)).sum()),
        **(
            {"ai_tags": {one: asdict(gain) for one, gain in gains.items()}} if (gains := opinions.stacked.gains) else {}
        ),
    }


_SPLIT_NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}
