"""From pictures and tags to finished models: split, teach the backbone, fit each target's head, calibrate, measure.

One backbone learns every character that the tags name often enough; then each target gets a head, a calibration at the
prevalence of the unlabelled part, a threshold for the goal, and figures measured on examples that nothing else saw.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier import calibration, evaluation, heads, splits, teaching_on, thresholds, training
from classifier.errors import TooFewExamples
from classifier.head_format import EMBEDDING_DTYPE, Head
from classifier.noisy_heads import Credit, Said, weigh
from classifier.picture_hash import picture_hash
from classifier.pictures import Pixels

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]
Tell = Callable[[str, float, str], None]  # stage, share of it that is done 0..1, words for people

CLASSES_AT_MOST = 64
_ONE_STRENGTH = (30.0,)  # of regularisation, for heads that only help to calibrate others


@dataclass(frozen=True, slots=True)
class Example:
    """One picture's tags, as far as they are believed."""

    identity: splits.Identity
    characters: tuple[str, ...]  # tags
    labelled: bool  # False: untagged, anybody may be in the picture
    part: str = ""  # train | validation | test, where an earlier round has settled it; of all examples or of none
    stratum: int = 0  # of `storage.records.Stratum`, with every name taken for somebody else's


@dataclass(frozen=True, slots=True)
class Goal:
    """What the threshold is chosen for: exactly one of the three is given."""

    precision: float | None = 0.95
    recall: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.precision, self.recall, self.threshold) if value is not None]
        if len(given) != 1 or not 0 < given[0] < 1:
            raise ValueError(f"a goal is one of precision, recall or threshold, strictly between 0 and 1; got {self}")


@dataclass(frozen=True, slots=True)
class Wish:
    """A target to learn."""

    target: str  # Target.name
    tag: str
    variants: tuple[str, ...] = ()  # tags that imply it
    goal: Goal = field(default_factory=Goal)

    def named_in(self, characters: Sequence[str]) -> bool:
        """Whether these tags name the target."""
        return any(tag in characters for tag in (self.tag, *self.variants))


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Fewer examples than these teach nothing that could be measured."""

    positives: int = 30  # tagged pictures of the target
    negatives: int = 60  # well-tagged pictures of others
    per_part: int = 3  # positives in validation and in test
    per_class: int = 16  # training pictures of a character that becomes a class of the backbone


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to learn."""

    recipe: training.Recipe = field(default_factory=training.Recipe)
    shares: splits.Shares = field(default_factory=splits.Shares)
    minimum: Minimum = field(default_factory=Minimum)
    caution: float = 0.1  # share of what the goal leaves open that is kept in reserve: 0.95 aims at 0.955
    earlier: teaching_on.Earlier | None = None  # a network of the same shape to begin with; None: first weights
    tags_may_lie: bool = True  # held-out ones that are out of the question are set right; never a person's folders
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedTarget:
    """One target's model, without its backbone."""

    wish: Wish
    head: Head
    chosen: thresholds.Chosen
    curve: thresholds.ThresholdCurve
    quality: evaluation.Quality  # on test, counted as it stands there
    expected_precision: float  # of test, re-weighted to the prevalence; NaN without kept test examples
    facts: Mapping[str, Any]  # prevalence, method, l2, counts

    @property
    def reject_ratio(self) -> float:
        """Share of the untagged part that the model is expected to reject."""
        kept = self.curve.prevalence * self.chosen.recall / max(self.chosen.precision, 1e-9)
        return float(np.clip(1 - kept, 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A taught backbone and its targets."""

    network: training.Network
    classes: tuple[str, ...]
    taught: training.Taught
    targets: tuple[LearnedTarget, ...]
    split: splits.Split  # row numbers among the given examples
    embeddings: npt.NDArray[np.float16]  # of every example, shape (n, d)


def learn(
    pictures: Pixels,
    examples: Sequence[Example],
    wishes: Sequence[Wish],
    plan: Plan,
    *,
    backbone: Callable[[], Any],
    tell: Tell = lambda stage, share, words: None,
) -> Learned:
    """Learn one backbone and a head for each wish.

    Args:
        pictures: prepared, shape (n, size, size, 3).
        examples: what is known of each.
        wishes: the targets.
        plan: how.
        backbone: builds the `keras.Model` from pictures to features.
        tell: progress.

    Raises:
        TooFewExamples: some target cannot be learned from these; says what there is.
        PackageError: the earlier network has another architecture.
    """
    _check_counts(examples, wishes, plan.minimum)
    room = _split(pictures, examples, wishes, plan)
    classes = _classes(examples, room.parts.train, wishes, plan.minimum)
    shows = _shows(examples, classes, wishes)
    lesson = training.Lesson(pictures[room.parts.train], shows[room.parts.train], pictures[room.unlabelled])
    network, taught = training.taught_network(
        backbone,
        lesson,
        plan.recipe if plan.earlier is None else teaching_on.gentler(plan.recipe),
        begin=lambda pupil: None if plan.earlier is None else teaching_on.take_over(pupil, classes, plan.earlier),
        tell=lambda at: _tell_training(tell, at),
    )
    tell("measuring", 0.0, f"looking at {len(pictures)} pictures with the taught network")
    embeddings = training.embeddings(network, pictures).astype(EMBEDDING_DTYPE).astype(np.float16)
    room = _Room(room.parts, room.unlabelled, room.groups, embeddings.astype(np.float64), classes)
    fitted = [_fit(room, examples, wish) for wish in wishes]
    common = _common_line(room, examples, wishes, fitted)
    targets = tuple(_finish(room, fit, plan, common) for fit in fitted)
    tell("measuring", 1.0, "")
    return Learned(
        network=network, classes=classes, taught=taught, targets=targets, split=room.parts, embeddings=embeddings
    )


@dataclass(frozen=True, slots=True)
class _Room:
    """What every target's fitting looks at."""

    parts: splits.Split
    unlabelled: IntArray
    groups: IntArray
    embeddings: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    classes: tuple[str, ...] = ()

    def evidence(self, rows: IntArray, truth: BoolArray) -> heads.Evidence:
        return heads.Evidence.of(self.embeddings[rows], truth[rows])


@dataclass(frozen=True, slots=True)
class _Fit:
    wish: Wish
    truth: BoolArray
    choice: heads.HeadChoice
    logits: FloatArray


def _check_counts(examples: Sequence[Example], wishes: Sequence[Wish], minimum: Minimum) -> None:
    labelled = [example for example in examples if example.labelled]
    for wish in wishes:
        positives = sum(wish.named_in(example.characters) for example in labelled)
        negatives = len(labelled) - positives
        if positives < minimum.positives or negatives < minimum.negatives:
            raise TooFewExamples(
                wish.target,
                {f"pictures tagged {wish.tag}": positives, "well-tagged pictures of others": negatives},
                {f"pictures tagged {wish.tag}": minimum.positives, "well-tagged pictures of others": minimum.negatives},
                "crawl a larger tag, sample more of it, or import a model",
            )


def _split(pictures: Pixels, examples: Sequence[Example], wishes: Sequence[Wish], plan: Plan) -> _Room:
    identities = [_hashed(example.identity, picture) for example, picture in zip(examples, pictures, strict=True)]
    groups = splits.group(identities)
    parts = _parts(examples, groups, wishes, plan)
    for wish in wishes:
        counts = [
            sum(wish.named_in(examples[int(row)].characters) for row in rows)
            for rows in (parts.train, parts.validation, parts.test)
        ]
        if min(counts) < plan.minimum.per_part:
            names = ("to train on", "to choose the threshold on", "to measure on")
            raise TooFewExamples(
                wish.target,
                dict(zip(names, counts, strict=True)),
                dict.fromkeys(names, plan.minimum.per_part),
                "near-duplicates and sets stay together, and these are nearly all of one set; sample more",
            )
    # An unlabelled copy of a held-out picture would carry its answer into training.
    held_out = set(groups[np.concatenate([parts.validation, parts.test])].tolist())
    rows = [
        row
        for row, example in enumerate(examples)
        if not example.labelled and example.part in ("", "train") and groups[row] not in held_out
    ]
    return _Room(parts, np.array(rows, dtype=np.int64), groups)


def _hashed(identity: splits.Identity, picture: Pixels) -> splits.Identity:
    """With the hash of the prepared picture, where nobody has hashed the whole one."""
    if identity.picture_hash is not None:
        return identity
    return replace(identity, picture_hash=picture_hash(Image.fromarray(picture)))


def _parts(examples: Sequence[Example], groups: IntArray, wishes: Sequence[Wish], plan: Plan) -> splits.Split:
    labelled = np.flatnonzero([example.labelled for example in examples]).astype(np.int64)
    settled = np.array([examples[int(row)].part for row in labelled])
    if settled.any():
        train, validation, test = (labelled[settled == part] for part in ("train", "validation", "test"))
        return splits.Split(train, validation, test)
    kinds = [_kind(examples[int(row)], wishes) for row in labelled]
    dealt = splits.split(groups[labelled], kinds, shares=plan.shares, seed=plan.seed)
    return splits.Split(labelled[dealt.train], labelled[dealt.validation], labelled[dealt.test])


def _kind(example: Example, wishes: Sequence[Wish]) -> str:
    """What the split spreads evenly: the wished target where there is one, else the rarest-sorted first character."""
    for wish in wishes:
        if wish.named_in(example.characters):
            return wish.tag
    return example.characters[0] if example.characters else ""


def _classes(examples: Sequence[Example], train: IntArray, wishes: Sequence[Wish], minimum: Minimum) -> tuple[str, ...]:
    """The targets, then the commonest other characters of the training part."""
    names = _class_names(wishes)
    counts = Counter(name for row in train for name in {names.get(tag, tag) for tag in examples[int(row)].characters})
    wished = [wish.tag for wish in wishes]
    others = [name for name, count in counts.most_common() if name not in wished and count >= minimum.per_class]
    return tuple(wished + others[: max(0, CLASSES_AT_MOST - len(wished))])


def _class_names(wishes: Sequence[Wish]) -> dict[str, str]:
    return {variant: wish.tag for wish in wishes for variant in wish.variants}


def _shows(examples: Sequence[Example], classes: Sequence[str], wishes: Sequence[Wish]) -> npt.NDArray[np.float32]:
    names, column = _class_names(wishes), {name: number for number, name in enumerate(classes)}
    shows = np.zeros((len(examples), len(classes)), dtype=np.float32)
    for row, example in enumerate(examples):
        for tag in example.characters:
            if (place := column.get(names.get(tag, tag))) is not None:
                shows[row, place] = 1.0
    return shows


def _fit(
    room: _Room, examples: Sequence[Example], wish: Wish, candidates: Sequence[float] = heads.L2_CANDIDATES
) -> _Fit:
    truth = np.array([wish.named_in(example.characters) for example in examples])
    features = room.embeddings.shape[1] - len(room.classes)
    own = features + room.classes.index(wish.tag) if wish.tag in room.classes else None
    choice = heads.choose_head(
        room.evidence(room.parts.train, truth),
        room.evidence(room.parts.validation, truth),
        heads.starting_head(room.embeddings.shape[1], own),
        candidates=candidates,
    )
    return _Fit(wish, truth, choice, choice.head.logits(room.embeddings))


def _common_line(
    room: _Room, examples: Sequence[Example], wishes: Sequence[Wish], fitted: Sequence[_Fit]
) -> calibration.Line:
    """The calibration line of all characters together; the others get heads for this purpose alone."""
    validation = room.parts.validation
    wished = {wish.tag for wish in wishes}
    others = [Wish(name, name) for name in room.classes if name not in wished]
    helpers = [_fit(room, examples, other, _ONE_STRENGTH) for other in others if _has_both(room, examples, other)]
    every = [*fitted, *helpers]
    return calibration.common_line([fit.logits[validation] for fit in every], [fit.truth[validation] for fit in every])


def _has_both(room: _Room, examples: Sequence[Example], wish: Wish) -> bool:
    return all(
        any(wish.named_in(examples[int(row)].characters) for row in rows)
        for rows in (room.parts.train, room.parts.validation)
    )


def _finish(room: _Room, fit: _Fit, plan: Plan, common: calibration.Line) -> LearnedTarget:
    fit, lies = _without_lies(room, fit) if plan.tags_may_lie else (fit, 0)
    validation, test = room.parts.validation, room.parts.test
    truth = fit.truth[validation]
    found = calibration.choose_calibration(
        fit.logits[validation], truth, room.groups[validation], common=common, seed=plan.seed
    )
    prior = float(truth.mean())
    prevalence = calibration.estimate_prevalence(found.calibration.probabilities(fit.logits[room.unlabelled]), prior)
    moved = calibration.shifted(found.calibration, calibration.log_odds(prevalence) - calibration.log_odds(prior))
    head = Head(fit.choice.head.weights.astype(np.float32), fit.choice.head.bias, moved)
    scores = moved.probabilities(fit.logits)
    curve = thresholds.threshold_curve(
        thresholds.Scored(scores[validation], truth, scores[room.unlabelled], prevalence)
    )
    chosen = chosen_threshold(curve, fit.wish.goal, plan.caution)
    quality = evaluation.evaluate(
        scores[test], fit.truth[test], chosen.threshold, groups=room.groups[test], seed=plan.seed
    )
    return LearnedTarget(
        wish=fit.wish,
        head=head,
        chosen=chosen,
        curve=curve,
        quality=quality,
        expected_precision=_reweighted(quality, prevalence),
        facts={
            "prevalence": prevalence,
            "calibration": found.method,
            "calibration_losses": dict(found.losses),
            "l2": fit.choice.l2,
            "positives": {
                "train": int(fit.truth[room.parts.train].sum()),
                "validation": int(truth.sum()),
                "test": int(fit.truth[test].sum()),
            },
            "examples": {"train": len(room.parts.train), "validation": len(validation), "test": len(test)},
            "unlabelled": len(room.unlabelled),
            "set_right": lies,
        },
    )


def _without_lies(room: _Room, fit: _Fit) -> tuple[_Fit, int]:
    """The same with held-out tags set right that are out of the question: two of them would cost half the recall.

    One wrongly untagged picture of a hundred makes any precision over 0.9 look out of reach at the gallery's
    prevalence, so the threshold would go where hardly anything is kept.
    """
    held = np.concatenate([room.parts.validation, room.parts.test])
    said = np.where(fit.truth[held], Said.TAGGED, Said.OTHERS).astype(np.int8)
    truth = fit.truth.copy()
    truth[held] = weigh(fit.logits[held], said, Credit()).belief > 0.5
    return replace(fit, truth=truth), int((truth != fit.truth).sum())


def chosen_threshold(
    curve: thresholds.ThresholdCurve, goal: Goal, caution: float, leeway: float = thresholds.LEEWAY
) -> thresholds.Chosen:
    """The threshold for a goal; `caution` is the share of what the goal leaves open that is kept in reserve."""
    if goal.threshold is not None:
        return curve.at(goal.threshold)
    if goal.recall is not None:
        return curve.for_recall(goal.recall + caution * (1 - goal.recall))
    precision = goal.precision or 0.95
    return curve.for_precision(precision + caution * (1 - precision), leeway)


def _reweighted(quality: evaluation.Quality, prevalence: float) -> float:
    """Test's precision if positives were as rare there as in the untagged part."""
    negatives = quality.examples - quality.positives
    if not quality.kept or not quality.positives or not negatives:
        return math.nan
    right = prevalence * quality.right / quality.positives
    wrong = (1 - prevalence) * (quality.kept - quality.right) / negatives
    return right / (right + wrong) if right + wrong else math.nan


def _tell_training(tell: Tell, at: training.Progress) -> None:
    tell("training", at.step / at.steps, f"loss {at.loss:.3f}, {at.pictures_per_s:.0f} pictures/s")
