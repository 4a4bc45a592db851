"""From pictures and tags to finished models: split, train the backbone, fit each target's head, calibrate, measure.

One backbone learns every character that the tags name often enough; then each target gets a head, calibrated stratum by
stratum, a threshold for the goal, and figures measured on examples that nothing else saw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, IntArray
from classifier.head import EMBEDDING_DTYPE, AiPercents
from classifier.heads import logistic_head
from classifier.heads.character_space import numbered
from classifier.heads.head_training import LearnedHead, learn_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import CONTAMINATED, TEST, TRAIN, VALIDATION, HeadPlan, HeadTrainingSet
from classifier.metrics.thresholds import CAUTION
from classifier.metrics.thresholds import Goal as Goal
from classifier.package.embedding_blocks import Block, in_a_row
from classifier.package.package import BackboneFiles
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback, unreported
from classifier.references.heads import reference_plan, rests_on_references
from classifier.tagger_block import TaggerVectors
from classifier.training import backbone_training, splits, warm_start
from classifier.training.examples import Example as Example
from classifier.training.examples import Minimum as Minimum
from classifier.training.examples import SplitExamples, check_counts, classes_of, shown_by, split_examples
from classifier.training.examples import TargetSpec as TargetSpec

_KEPT = 1e6  # strength that pulls a head to its start until nothing but the bias can follow the examples


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How to learn."""

    recipe: backbone_training.TrainingRecipe = field(default_factory=backbone_training.TrainingRecipe)
    shares: splits.Shares = field(default_factory=splits.Shares)
    minimum: Minimum = field(default_factory=Minimum)
    caution: float = CAUTION
    earlier: warm_start.Earlier | None = None  # a network of the same shape to begin with; None: first weights
    tags_may_lie: bool = True  # held-out ones that are out of the question are set right; never a person's folders
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedTarget:
    """One target's model, without its backbone."""

    spec: TargetSpec
    learned: LearnedHead  # of every example, a row each
    shows: BoolArray  # (n,) the target, as far as tags say and are not contradicted
    unlabelled: int  # untagged pictures among the examples that took part


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A backbone and its targets."""

    embedded: Embedded
    characters: tuple[str, ...]  # that the tags name often enough to be classes of their own
    targets: tuple[LearnedTarget, ...]
    split: splits.Split  # row numbers among the given examples; train: the backbone learned from them
    references: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # their row numbers
    synthetic: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # those of painted pictures
    spared: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  # dealt to train, and the backbone
    # did not learn from them, so that they choose: among the split's validation


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a network may learn from."""

    pictures: Pixels  # prepared, shape (n, size, size, 3)
    shows: npt.NDArray[np.float32]  # (n, k) 1 where the tags name the character
    classes: tuple[str, ...]  # the characters, k
    split: splits.Split  # of the labelled ones
    groups: IntArray  # (n,)
    unlabelled: IntArray  # rows


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A network, and what it says of every picture."""

    model: Any  # keras.Model: pictures -> (n, d)
    classes: tuple[str, ...]  # whose log odds are the last columns; empty: it was trained on none
    blocks: tuple[Block, ...]  # of the embedding
    embeddings: npt.NDArray[np.float16]  # (n, d)
    trained_on: BoolArray  # (n,) pictures that it learned from
    training: backbone_training.TrainingSummary
    odds_weight: float = 1.0  # by which the last columns are to be multiplied to be log odds
    fit_on_trained: bool = True  # whether heads are fitted to pictures that the network learned from
    halved: bool = False  # whether its files hold weights in half precision
    files: BackboneFiles | None = None  # where it has been exported already
    own_head: logistic_head.LinearHead | None = None  # the network's own last layer, which is kept and only calibrated
    tagger_vectors: TaggerVectors = field(default_factory=dict)  # what the user's tagger saw in the same pictures


Embedder = Callable[[Material, ProgressCallback], Embedded]  # learns a network or takes a given one, and embeds with it


def learn(
    pictures: Pixels,
    examples: Sequence[Example],
    specs: Sequence[TargetSpec],
    plan: TrainingPlan,
    *,
    embedder: Embedder,
    report: ProgressCallback = unreported,
) -> Learned:
    """Learn one backbone and a head for each spec.

    Args:
        pictures: prepared, shape (n, size, size, 3).
        examples: what is known of each.
        specs: the targets.
        plan: how.
        embedder: gives the network.
        report: progress.

    Raises:
        TooFewExamples: some target cannot be learned from these; says what there is.
        PackageError: the earlier network has another architecture.
        DeviceError: the network's first weights cannot be had.
    """
    check_counts(examples, specs, plan.minimum)
    prepared = split_examples(pictures, examples, specs, plan.minimum, plan.shares, plan.seed)
    classes = classes_of(examples, prepared.split.train, specs, plan.minimum)
    shows = shown_by(examples, classes, specs)
    embedded = embedder(
        Material(pictures, shows, classes, prepared.split, prepared.groups, prepared.unlabelled), report
    )
    synthetic = np.array([example.synthetic for example in examples], dtype=np.bool_)  # as if the network knew them:
    embedded = replace(
        embedded, trained_on=embedded.trained_on | synthetic
    )  # fitted to, and their scores choose nothing
    dealt = prepared.split
    prepared = replace(prepared, split=_by_use(dealt, embedded.trained_on))
    targets = tuple(_learned_target(prepared, embedded, examples, spec, plan) for spec in specs)
    report("measuring", 1.0, "")
    return Learned(
        embedded=embedded,
        characters=classes,
        targets=targets,
        split=prepared.split,
        references=prepared.references,
        synthetic=np.flatnonzero(synthetic).astype(np.int64),
        spared=dealt.train[~embedded.trained_on[dealt.train]],
    )


def beside_tagger(embedder: Embedder, tagger_vectors: TaggerVectors) -> Embedder:
    """An embedder whose pictures are described by the penultimate layer of the user's tagger too.

    Args:
        embedder: gives the network.
        tagger_vectors: of the pictures, (n, k).
    """
    return lambda material, report: replace(embedder(material, report), tagger_vectors=tagger_vectors)


def from_scratch(backbone: Callable[[], Any], plan: TrainingPlan) -> Embedder:
    """An embedder that trains a whole network on all the characters of the training split.

    Args:
        backbone: builds the `keras.Model` from pictures to features.
        plan: how; an earlier network to begin with is part of it.
    """

    def embedded(material: Material, report: ProgressCallback) -> Embedded:
        rows = material.split.train
        training_set = backbone_training.TrainingSet(
            material.pictures[rows], material.shows[rows], material.pictures[material.unlabelled]
        )
        recipe, earlier, classes = plan.recipe, plan.earlier, material.classes
        network, training = backbone_training.trained_network(
            backbone,
            training_set,
            recipe if earlier is None else warm_start.gentler(recipe),
            begin=lambda model: None if earlier is None else warm_start.take_over(model, classes, earlier),
            report=lambda at: report_training(report, at),
        )
        report("measuring", 0.0, f"looking at {len(material.pictures)} pictures with the trained network")
        embeddings = backbone_training.embeddings(network, material.pictures).astype(EMBEDDING_DTYPE).astype(np.float16)
        blocks = in_a_row(taught=embeddings.shape[1] - len(classes), log_odds=len(classes))
        return Embedded(network.embedding, classes, blocks, embeddings, rows_as_flags(rows, len(embeddings)), training)

    return embedded


def rows_as_flags(rows: IntArray, count: int) -> BoolArray:
    """True for these rows, shape (count,)."""
    flags = np.zeros(count, dtype=np.bool_)
    flags[rows] = True
    return flags


def _by_use(split: splits.Split, trained_on: BoolArray) -> splits.Split:
    """The split by what was done with it: training pictures that no network learned from may choose thresholds."""
    both = np.concatenate([split.train, split.validation])
    return splits.Split(np.sort(both[trained_on[both]]), np.sort(both[~trained_on[both]]), split.test)


def _learned_target(
    prepared: SplitExamples, embedded: Embedded, examples: Sequence[Example], spec: TargetSpec, plan: TrainingPlan
) -> LearnedTarget:
    training_set = _head_training_set(prepared, embedded, examples, spec, plan)
    few = rests_on_references(
        len(prepared.references), int((training_set.noisy_labels.label_sources == LabelSource.TAGGED).sum())
    )
    usual = HeadPlan(goal=spec.goal, caution=plan.caution, seed=plan.seed)
    learned = learn_head(training_set, reference_plan(spec.goal, seed=plan.seed) if few else usual)
    shows = np.isin(training_set.noisy_labels.label_sources, (LabelSource.TAGGED, LabelSource.KEEP)) & ~learned.doubted
    return LearnedTarget(spec=spec, learned=learned, shows=shows, unlabelled=len(prepared.unlabelled))


def _head_training_set(
    prepared: SplitExamples, embedded: Embedded, examples: Sequence[Example], spec: TargetSpec, plan: TrainingPlan
) -> HeadTrainingSet:
    """What the tags say of a target, or, of a person's folders, what the person says."""
    labelled = np.array([example.labelled for example in examples])
    shows = np.array([spec.named_in(example.characters) for example in examples])
    yes, no = (LabelSource.TAGGED, LabelSource.OTHERS) if plan.tags_may_lie else (LabelSource.KEEP, LabelSource.DELETE)
    label_sources = np.where(labelled, np.where(shows, yes, no), LabelSource.NOTHING).astype(np.int8)
    label_sources[prepared.references] = LabelSource.KEEP
    split = np.full(len(examples), CONTAMINATED, dtype=np.int8)
    for number, rows in (
        (TRAIN, prepared.split.train),
        (VALIDATION, prepared.split.validation),
        (TEST, prepared.split.test),
    ):
        split[rows] = number
    split[np.concatenate([prepared.unlabelled, prepared.references])] = TRAIN
    return HeadTrainingSet(
        target=spec.target,
        noisy_labels=NoisyLabels(embedded.embeddings.astype(np.float64), label_sources, prepared.groups),
        split=split,
        untagged=~labelled,
        start=embedded.own_head
        or logistic_head.knowing_head(embedded.embeddings.shape[1], embedded.classes, [spec.tag], embedded.odds_weight),
        strength=None if embedded.own_head is None else _KEPT,
        strata=np.array([example.stratum for example in examples], dtype=np.int8),
        trained_on=embedded.trained_on,
        fit_on_trained=embedded.fit_on_trained,
        ai_percents=_ai_percents(examples, spec),
        tagger_vectors=embedded.tagger_vectors,
        tag=spec.tag,
        characters=numbered([one.characters[0] if len(one.characters) == 1 else "" for one in examples]),
    )


def _ai_percents(examples: Sequence[Example], spec: TargetSpec) -> AiPercents:
    """What each tagger gives the target's tag, (n,) a source; -1 where it says nothing."""
    given = [example.ai_percents.get(spec.tag, {}) for example in examples]
    sources = sorted({source for one in given for source in one})
    return {source: np.array([one.get(source, -1) for one in given], dtype=np.int64) for source in sources}


def report_training(report: ProgressCallback, at: backbone_training.TrainingProgress) -> None:
    """Say how far training is."""
    report("training", at.step / at.steps, f"loss {at.loss:.3f}, {at.pictures_per_s:.0f} pictures/s")
