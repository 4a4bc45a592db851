"""A head on embeddings: from noisy labels to a model that decides, or a reason why it must not.

    fit out of fold -> compare tags with scores -> drop tags that are contradicted, fit again -> add taggers where
    they pay -> calibrate, share by stratum -> threshold on the posts that scores decide -> measure on the test
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

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.errors import TooFewExamples
from classifier.head import Head
from classifier.heads.noisy_labels import NO_POOL, LabelSource, StratumArray
from classifier.heads.opinions import Opinions, opinions_of
from classifier.heads.training_set import (
    AGAINST,
    FOR,
    SPOKEN,
    SURE,
    TEST,
    TRAIN,
    VALIDATION,
    HeadPlan,
    HeadTrainingSet,
)
from classifier.metrics import quality as evaluation
from classifier.metrics import thresholds
from classifier.metrics.calibration import log_odds
from classifier.metrics.forecast import Forecast, forecast
from classifier.metrics.veto import VetoMeasurements, counted_share, refusal
from classifier.tagger_block import TaggerBlock
from storage.records import AiTagWeight, Stratum

_SPLIT_NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}


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
    head = opinions.head
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
    test = np.flatnonzero((training_set.split == TEST) & training_set.used & np.isin(label_sources, SPOKEN))
    quality = evaluation.evaluate(
        scores[test],
        opinions.belief[test] > SURE,
        chosen.threshold,
        groups=training_set.noisy_labels.groups[test],
        seed=plan.seed,
    )
    alone = head.calibrated(opinions.fitted.logits, strata)
    unheard = _unheard_shift(alone[decided], chances[decided], chosen, plan)
    ai_weights = _ai_weights(opinions, training_set, unheard)
    return LearnedHead(
        head=replace(head, ai_weights=ai_weights, tagger_block=_tagger_block(opinions)),
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


def _ai_weights(opinions: Opinions, training_set: HeadTrainingSet, unheard: float) -> tuple[AiTagWeight, ...]:
    """What taggers' percents add to calibrated log odds; a line's slope is the calibration's."""
    slope = opinions.posterior.line.slope
    return tuple(
        AiTagWeight(source, training_set.tag, weight.slope * slope, weight.offset * slope, unheard)
        for source, weight in opinions.stacked.weights.items()
        if source in training_set.ai_percents
    )


def _unheard_shift(alone: FloatArray, chances: FloatArray, chosen: thresholds.Chosen, plan: HeadPlan) -> float:
    """Log odds, 0 or less, by which scores of pictures alone are lowered, so that one threshold suits both kinds.

    Args:
        alone: scores of the posts that scores decide, shape (n,), as if no tagger had looked at them.
        chances: that each shows the target, shape (n,), as the taggers and the labels have it.
        chosen: the threshold for scores with the taggers' word.
        plan: whose goal, caution and leeway hold for both.
    """
    curve = thresholds.threshold_curve(alone, chances, caution=plan.caution, leeway=plan.leeway)
    return min(0.0, log_odds(chosen.threshold) - log_odds(curve.chosen(plan.goal).threshold))


def _tagger_block(opinions: Opinions) -> TaggerBlock | None:
    """What the penultimate layer of the user's tagger adds to them; None: it does not pay."""
    on_tagger = opinions.tagger_head
    weight = None if on_tagger is None else opinions.stacked.weights.get(on_tagger.network)
    if on_tagger is None or weight is None:
        return None
    return on_tagger.block(weight, opinions.posterior.line.slope)


def _decided(training_set: HeadTrainingSet, pools: StratumArray) -> IntArray:
    """Rows that stand for the posts that scores decide: those of the choosing ones that have no tag of the target.

    Where all are named, as in a person's folders, all labelled rows stand for the posts to come.
    """
    choosing = training_set.choosing
    rows = np.flatnonzero(choosing & (pools != NO_POOL))
    if not len(rows):
        rows = np.flatnonzero(choosing & np.isin(training_set.noisy_labels.label_sources, SPOKEN))
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
    shown = choosing & np.isin(label_sources, FOR)
    others = choosing & (label_sources == LabelSource.OTHERS)
    nobody = choosing & np.isin(pools, (Stratum.NOBODY, Stratum.NOBODY_GROUP))
    decided = choosing & (pools != NO_POOL)
    reached = scores >= chosen.threshold
    against = 1 - belief[others]
    sure = others & (belief < SURE)
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
        int(np.isin(label_sources, FOR).sum()),
        int(np.isin(label_sources, AGAINST).sum()),
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
    shows, not_ = np.isin(label_sources, FOR), np.isin(label_sources, AGAINST)
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


def _facts(training_set: HeadTrainingSet, opinions: Opinions) -> dict[str, Any]:
    label_sources, belief = training_set.noisy_labels.label_sources, opinions.belief
    shows = belief > SURE
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
