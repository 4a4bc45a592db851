"""A new head on stored embeddings: learn around wrong words, calibrate, choose the threshold, measure.

No picture is decoded and no network library is loaded, so a round of this kind takes seconds. What is held out here was
held out in every earlier round of the same backbone; the caller sees to that and says it by `parts` and `seen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier import calibration, evaluation, thresholds
from classifier.errors import TooFewExamples
from classifier.head_format import Calibration, Head
from classifier.heads import LinearHead
from classifier.learning import Goal, chosen_threshold
from classifier.noisy_heads import Credit, NoisyHead, Said, Testimony, learn_noisy_head, weigh

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]

TRAIN, VALIDATION, TEST = 0, 1, 2
SPENT = 3  # shows what was held out, and was learned from nevertheless: used for nothing
_SPOKEN = (Said.TAGGED, Said.OTHERS, Said.KEEP, Said.DELETE)
_PEOPLE = (Said.KEEP, Said.DELETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadPlan:
    """How a head is learned."""

    goal: Goal = field(default_factory=Goal)
    caution: float = 0.3  # share of what the goal leaves open that is kept in reserve
    leeway: float = 0.65  # see thresholds.for_precision; wider than in round 0, which has no answers to lean on
    credit: Credit = field(default_factory=Credit)
    rows_at_most: int = 12_000  # to train on; bounds the time
    positives: int = 8  # tagged or labelled as showing the target, all parts together
    negatives: int = 8
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeadLesson:
    """What a head is learned from; n rows."""

    target: str  # Target.name
    testimony: Testimony
    parts: npt.NDArray[np.int8]  # (n,) TRAIN | VALIDATION | TEST | SPENT
    untagged: BoolArray  # (n,) no character tag: the pictures that scores decide, answered or not
    start: LinearHead  # where regularisation pulls to
    left_out: BoolArray | None = None  # (n,) teaches nothing and is measured nowhere; None: none
    strata: npt.NDArray[np.int8] | None = None  # (n,) of `Stratum`; None: by what is said alone
    trained_on: BoolArray | None = None  # (n,) the network learned from them: their scores choose nothing; None: none


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LearnedHead:
    """A finished head, and what was found out on the way."""

    head: Head
    chosen: thresholds.Chosen
    curve: thresholds.ThresholdCurve
    quality: evaluation.Quality  # on test
    scores: FloatArray  # (n,) by the finished head; for rows that trained it, out of fold
    belief: FloatArray  # (n,) what is believed of each row, testimony and opinion together
    measured: IntArray  # rows of the test part that `quality` rests on
    noisy: NoisyHead
    facts: Mapping[str, Any]
    refusal: str = ""  # why the model must not decide, and what to do; "": it may
    doubted: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))  # (n,) contradicted beyond doubt

    @property
    def reject_ratio(self) -> float:
        """Share of the untagged part that the model is expected to reject."""
        kept = self.curve.prevalence * self.chosen.recall / max(self.chosen.precision, 1e-9)
        return float(np.clip(1 - kept, 0, 1))


def learn_head(lesson: HeadLesson, plan: HeadPlan) -> LearnedHead:
    """Learn one head.

    Raises:
        TooFewExamples: not enough is said for or against the target; counts what there is.
    """
    _check(lesson, plan)
    testimony, random = lesson.testimony, np.random.default_rng(plan.seed)
    used = np.ones(len(lesson.parts), dtype=bool) if lesson.left_out is None else ~lesson.left_out
    taught = some_rows(np.flatnonzero((lesson.parts == TRAIN) & used), testimony.said, plan.rows_at_most, random)
    noisy = learn_noisy_head(testimony.of(taught), lesson.start, plan.credit, seed=plan.seed)
    logits = noisy.head.logits(testimony.vectors)
    logits[taught] = noisy.found.logits
    held = lesson.parts != TRAIN
    belief = np.empty(len(logits))
    for rows in (held, ~held):  # apart: the backbone itself was taught with the tags of the training pictures
        belief[rows] = weigh(logits[rows], testimony.said[rows], plan.credit).belief
    head = _calibrated(lesson, noisy, logits, plan)
    scores = head.calibration.probabilities(logits)
    curve = thresholds.threshold_curve(_as_believed(lesson, scores))
    chosen = chosen_threshold(curve, plan.goal, plan.caution, plan.leeway)
    test = np.flatnonzero((lesson.parts == TEST) & used & np.isin(testimony.said, _SPOKEN))
    quality = evaluation.evaluate(
        scores[test], belief[test] > 0.5, chosen.threshold, groups=testimony.groups[test], seed=plan.seed
    )
    return LearnedHead(
        head=head,
        chosen=chosen,
        curve=curve,
        quality=quality,
        scores=scores,
        belief=belief,
        measured=test,
        noisy=noisy,
        facts=_facts(lesson, noisy, belief, curve.prevalence),
    )


def _check(lesson: HeadLesson, plan: HeadPlan) -> None:
    said = lesson.testimony.said
    for_it, against = (
        int(np.isin(said, (Said.TAGGED, Said.KEEP)).sum()),
        int(np.isin(said, (Said.OTHERS, Said.DELETE)).sum()),
    )
    counts = {"pictures tagged or labelled as showing it": for_it, "pictures tagged or labelled otherwise": against}
    needed = dict(zip(counts, (plan.positives, plan.negatives), strict=True))
    if any(counts[name] < least for name, least in needed.items()):
        raise TooFewExamples(
            lesson.target, counts, needed, "label more pictures (crawl review, crawl relabel) or crawl a larger tag"
        )
    shows, not_ = np.isin(said, (Said.TAGGED, Said.KEEP)), np.isin(said, (Said.OTHERS, Said.DELETE))
    kinds = {"that show it": shows, "that do not": not_}
    held = {
        f"pictures {words} to {purpose}": int((those & (lesson.parts == part)).sum())
        for part, purpose in _PURPOSES.items()
        for words, those in kinds.items()
    }
    if not all(held.values()):
        raise TooFewExamples(
            lesson.target,
            held,
            dict.fromkeys(held, 1),
            "copies of one drawing, families and artists' sets stay together, and these are nearly all of one; "
            "label or walk more",
        )


_PURPOSES = {TRAIN: "learn from", VALIDATION: "calibrate on", TEST: "measure on"}


def some_rows(rows: IntArray, said: npt.NDArray[np.int8], most: int, random: np.random.Generator) -> IntArray:
    """All rows, or when they are too many: every label, then half tagged ones, then the rest."""
    if len(rows) <= most:
        return rows.astype(np.int64)
    shuffled = random.permutation(rows)
    kinds = said[shuffled]
    people = shuffled[np.isin(kinds, _PEOPLE)][:most]
    tagged = shuffled[kinds == Said.TAGGED][: (most - len(people)) // 2]
    room = most - len(people) - len(tagged)
    others = shuffled[kinds == Said.OTHERS][: max(room // 2, room - int((kinds == Said.NOTHING).sum()))]
    nothing = shuffled[kinds == Said.NOTHING][: room - len(others)]
    return np.sort(np.concatenate([people, tagged, others, nothing])).astype(np.int64)


def _calibrated(lesson: HeadLesson, noisy: NoisyHead, logits: FloatArray, plan: HeadPlan) -> Head:
    """Stretch the logits until they fit what is believed, at the share among untagged pictures.

    All pictures but the test's take part, answered or not, and each counts once: people answer about what they were
    asked, and those were chosen by score and by tag; without the others the answers would tell a crooked story.
    """
    said = lesson.testimony.said
    rows = np.flatnonzero(np.isin(lesson.parts, (TRAIN, VALIDATION)))
    found = weigh(logits[rows], said[rows], replace(plan.credit, label=1.0, nothing=1.0))
    among_untagged = calibration.log_odds(found.reliability[Said.NOTHING]) - calibration.log_odds(found.base)
    bent = Calibration(slope=found.line.slope, intercept=found.line.offset + among_untagged)
    return Head(noisy.head.weights.astype(np.float32), noisy.head.bias, bent)


def _as_believed(lesson: HeadLesson, scores: FloatArray) -> thresholds.Scored:
    """The pictures that scores decide: open ones taken at their scores, answered ones at what they are."""
    said = lesson.testimony.said
    rows = lesson.untagged if lesson.untagged.any() else said != Said.TAGGED
    believed = np.where(said == Said.KEEP, 1.0, np.where(said == Said.DELETE, 0.0, scores))[rows]
    share = float(np.clip(believed.mean(), 1e-4, 1 - 1e-4))
    return thresholds.Scored(np.zeros(0), np.zeros(0, dtype=np.bool_), believed, share)


def _facts(lesson: HeadLesson, noisy: NoisyHead, belief: FloatArray, prevalence: float) -> dict[str, Any]:
    said = lesson.testimony.said
    return {
        "prevalence": prevalence,
        "said": {kind.name.lower(): int((said == kind).sum()) for kind in Said},
        "examples": {name: int((lesson.parts == part).sum()) for part, name in _PART_NAMES.items()},
        "positives": {name: int(((lesson.parts == part) & (belief > 0.5)).sum()) for part, name in _PART_NAMES.items()},
        "tags_right": noisy.found.reliability[Said.TAGGED],
        "doubtful_tags": int(((said == Said.TAGGED) & (belief < 0.5)).sum()),
        "missing_tags": int(((said == Said.OTHERS) & (belief > 0.5)).sum()),
    }


_PART_NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}
