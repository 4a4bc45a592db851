"""A recipe as the network of a recogniser: every class of a folder, nobody among them, cut into embedding and head.

split by groups -> train -> the network's own last layer, calibrated and limited on the validation split
-> figures on the test split -> package
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import IntArray
from classifier.backbones.catalogue import Origin
from classifier.errors import TooFewExamples
from classifier.head import EMBEDDING_DTYPE
from classifier.package.embedding_blocks import in_a_row
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.recipes.catalogue import recipe_named
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.fit import FitPlace, fit
from classifier.recipes.settings import changed_words, from_words
from classifier.recipes.trained import TrainedNetwork
from classifier.recognition.class_head import ClassHead
from classifier.recognition.held_out import HeldOut, calibrated, chosen_on, held_out_metrics
from classifier.recognition.labels import NOBODY
from classifier.recognition.recogniser import Recogniser
from classifier.recognition.summary import summary_text
from classifier.training.embedders.frozen_features import looked_at
from classifier.training.embedders.recipe import CLASSES, shares_of, summary_of
from classifier.training.job import RecipeOrder
from classifier.training.pipeline import Embedded, rows_as_flags
from classifier.training.recogniser_job import (
    Finished,
    LearnedClasses,
    RecogniserJob,
    check_groups,
    material_of,
    style_head,
    synthetic_line,
    written,
)
from classifier.training.splits import Split


def make_recipe_recogniser(
    folder: Path, job: RecogniserJob, order: RecipeOrder, pictures: Pixels, report: ProgressCallback
) -> dict[str, Any]:
    """Do a job with a recipe; the package goes to `folder/package`.

    Args:
        folder: the work folder.
        job: what is wanted.
        order: what the recipe is asked for; it has no stages.
        pictures: prepared, shape (n, size, size, 3).
        report: progress.

    Returns:
        As `recogniser_job.make_recogniser`.

    Raises:
        TooFewExamples: a class has too few pictures that differ for three splits.
        RecipeSettingError: the recipe knows no such setting.
        DeviceError: the network's first weights cannot be had.
    """
    material = material_of(job, pictures, shares_of(job.backbone.name, order))
    check_groups(job, material.groups)
    classes, labels = numbered_classes([example.name for example in job.examples])
    check_splits(job.name, classes, labels, material.split)
    network, embedded = _trained(folder, job, order, (classes, labels), (pictures, material.split), report)
    report("learning", 0.0, "choosing when to say nobody")
    learned = _learned(job, network, embedded, (labels, material.split), material.groups)
    return written(folder, job, pictures, Finished(embedded, learned, _rows(material.split)), report)


def numbered_classes(names: Sequence[str]) -> tuple[tuple[str, ...], IntArray]:
    """The classes, nobody last, and the number of each picture's class, shape (n,)."""
    classes = tuple(sorted(set(names), key=lambda name: (name == NOBODY, name)))
    at = {name: number for number, name in enumerate(classes)}
    return classes, np.array([at[name] for name in names], dtype=np.int64)


def check_splits(name: str, classes: Sequence[str], labels: IntArray, split: Split) -> None:
    """Refuse classes of which a split has no picture.

    Args:
        name: of the recogniser.
        classes: their names.
        labels: number of each picture's class, shape (n,).
        split: of the pictures.

    Raises:
        TooFewExamples: names the class and the split.
    """
    for number, one in enumerate(classes):
        for part, rows in _rows(split).items():
            if not (labels[rows] == number).any():
                raise TooFewExamples(
                    f"{name}: the class {one}",
                    {f"pictures in the {part} split": 0},
                    {f"pictures in the {part} split": 1},
                    "add pictures that are not near copies of each other, or take the folder out",
                )


def _rows(split: Split) -> dict[str, IntArray]:
    return {"train": split.train, "validation": split.validation, "test": split.test}


def _trained(
    folder: Path,
    job: RecogniserJob,
    order: RecipeOrder,
    labelled: tuple[tuple[str, ...], IntArray],
    material: tuple[Pixels, Split],
    report: ProgressCallback,
) -> tuple[TrainedNetwork, Embedded]:
    """The network, and what it says of every picture."""
    recipe = recipe_named(job.backbone.name)
    settings = from_words(recipe.settings(), order.settings)
    (classes, labels), (pictures, split) = labelled, material
    origin = Origin(job.backbone.weights, job.backbone.may_download)
    stage = LabelledPictures(CLASSES, pictures, labels, split.train, split.validation)
    place = FitPlace(order.checkpoints, order.logs, report)
    network = fit(recipe, settings, classes, [stage], origin=origin, place=place)
    every = len(pictures)
    numbers, files = looked_at(
        network.embedder,
        pictures,
        folder / "looked-at",
        report=lambda share: report("measuring", share, f"at {every} pictures"),
    )
    embedded = Embedded(
        model=network.embedder,
        classes=(),
        blocks=in_a_row(taught=numbers.shape[1]),
        embeddings=numbers.astype(EMBEDDING_DTYPE).astype(np.float16),
        trained_on=rows_as_flags(split.train, every),
        training=summary_of(network, changed_words(settings), settings.epochs),
        halved=True,
        files=files,
    )
    return network, embedded


def _learned(
    job: RecogniserJob, network: TrainedNetwork, embedded: Embedded, held_out: tuple[IntArray, Split], groups: IntArray
) -> LearnedClasses:
    """The network's own last layer as a recogniser, with what is known of it."""
    labels, split = held_out
    validation, test = (
        HeldOut(embedded.embeddings[rows].astype(np.float32), labels[rows]) for rows in (split.validation, split.test)
    )
    raw = ClassHead(network.classes, network.weights.astype(np.float32), network.bias)
    head = calibrated(raw, validation)
    limits, reached = chosen_on(head, validation, job.precision)
    styles = style_head(job, embedded, groups)
    recogniser = Recogniser(head, limits, None if styles is None else styles.head)
    metrics = held_out_metrics(recogniser, test, reached=reached)
    words = summary_text(job.name, recogniser, metrics, job.precision) + synthetic_line(job)
    right = recogniser.scores(test.embeddings).argmax(axis=1) == test.columns
    return LearnedClasses(
        recogniser,
        metrics,
        words + "".join(f"{line}\n" for line in embedded.training.stages),
        dict(zip(split.test.tolist(), right.tolist(), strict=True)),
    )
