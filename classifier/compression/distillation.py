"""Distillation: a small network learns what a large one answers about the gallery's pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.backbones.catalogue import Origin, backbone_named, builder
from classifier.compression.compressed_package import Compressed
from classifier.compression.job import CompressionJob, ParentAnswers
from classifier.compression.settings import DistilSettings, TrainedSettings
from classifier.compression.soft_targets import SoftTargets, soft_loss, soft_targets
from classifier.package.embedding_blocks import in_a_row
from classifier.package.export import export_backbone
from classifier.package.package import Package
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.training import backbone_training
from classifier.training.augmentation import Changes
from classifier.training.backbone_training import (
    Network,
    TrainingProgress,
    TrainingRecipe,
    TrainingSet,
    TrainingSummary,
)
from classifier.training.pipeline import report_training

GENTLE = Changes(turn=0.1, scale=0.1, shift=0.05, cover=0.25)  # for a network that knows its pictures already
_LEAST_STEPS = 300


def distilled(
    features: Any,
    pictures: Pixels,
    targets: SoftTargets,
    settings: TrainedSettings,
    report: Callable[[TrainingProgress], None] = lambda _: None,
) -> tuple[Network, TrainingSummary]:
    """Train a network on what its parent answers.

    Args:
        features: `keras.Model` from pictures, 0..255, to features; it learns.
        pictures: the training pictures, shape (n, size, size, 3).
        targets: of the same pictures.
        settings: how.
        report: called every few steps.

    Returns:
        The network; its embedding ends with the log odds of the targets' classes.
    """
    import keras

    keras.utils.set_random_seed(settings.seed)
    plain = backbone_training.network(features, len(targets.classes))
    seen = keras.layers.Dense(targets.directions.shape[1], dtype="float32", name="directions")(features.outputs[0])
    both = keras.layers.Concatenate(dtype="float32")([plain.logits.outputs[0], seen])
    learning = replace(plain, logits=keras.Model(features.inputs, both, name="student"))
    return plain, trained_on(learning, pictures, targets, settings, report)


def trained_on(
    network: Network,
    pictures: Pixels,
    targets: SoftTargets,
    settings: TrainedSettings,
    report: Callable[[TrainingProgress], None],
    changes: Changes | None = None,
) -> TrainingSummary:
    """Train a network in place, whose output is laid out as the targets' columns.

    Args:
        network: its `logits` give the columns.
        pictures: the training pictures.
        targets: of the same pictures.
        settings: how.
        report: called every few steps.
        changes: of the pictures; None: as in every training of a network.
    """
    loss = soft_loss(len(targets.classes), settings.temperature, settings.features)
    training_set = TrainingSet(pictures, targets.columns, pictures[:0])
    recipe = TrainingRecipe(
        epochs=settings.epochs,
        least_steps=min(_LEAST_STEPS, max(1, round(settings.epochs * len(pictures) / settings.batch))),
        batch=settings.batch,
        peak_rate=settings.rate,
        self_training_from=1.0,
        changes=changes or Changes(),
        seed=settings.seed,
        time_budget_s=settings.minutes * 60,
        precision=backbone_training.FULL,
    )
    return backbone_training.train(replace(network, loss=loss), training_set, recipe, report=report)


def distil(
    folder: Path,
    job: CompressionJob,
    parent: Package,
    given: tuple[Pixels, ParentAnswers],
    report: ProgressCallback,
) -> Compressed:
    """Train the student that a job asks for, and write its network's files.

    Args:
        folder: for the files.
        job: what was asked for.
        parent: the package that is learned from.
        given: the pictures, and what the parent says of them.
        report: progress.

    Raises:
        DeviceError: the student's first weights cannot be had.
    """
    pictures, answers = given
    settings = job.asked(DistilSettings)
    targets = soft_targets(parent, answers, job.tag, settings.seed)
    rows = np.flatnonzero(answers.train)
    features = _student(settings, job)
    network, training = distilled(
        features, np.asarray(pictures[rows]), targets.rows(rows), settings, lambda at: report_training(report, at)
    )
    files = export_backbone(
        network.embedding, folder, name=settings.network, preprocessing=job.preprocessing, classes=targets.classes
    )
    blocks = in_a_row(taught=files.dimension - len(targets.classes), log_odds=len(targets.classes))
    facts = {"network": settings.network, **training_facts(training)}
    words = f"{settings.network} learned from {len(rows)} pictures of the parent's answers: {training_words(training)}"
    return Compressed(
        files=replace(files, blocks=blocks),
        facts=facts | {"words": words},
        taught=training.facts(),
        history=training.history,
    )


def training_facts(training: TrainingSummary) -> dict[str, Any]:
    """What a training took."""
    kept = ("steps", "planned_steps", "seconds", "loss")
    return {name: value for name, value in training.facts().items() if name in kept}


def training_words(training: TrainingSummary) -> str:
    """What a training took, for people."""
    return f"{training.steps} of {training.planned_steps} steps in {training.seconds:.0f} s, loss {training.loss:.3f}"


def _student(settings: DistilSettings, job: CompressionJob) -> Any:
    """The student's network; from published weights where it has any and they are at hand, all of it learning."""
    chosen = backbone_named(settings.network)
    size = job.preprocessing.size
    if chosen.published_mb is None or not (job.weights or job.may_download):
        return chosen.build(size, None)
    features = builder(chosen, Origin(job.weights, job.may_download), size)()
    features.trainable = True
    return features
