"""A recogniser from pictures with labels, in the training process: embed, fit out of fold, choose limits, package.

    pictures -> network as published, or trained on the classes -> embeddings -> head -> limits -> package

Only pictures that the network was not trained on are measured on; where it was trained on none, that is all of them,
each by a head that saw none of its group.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.errors import TooFewExamples
from classifier.package.export import export_backbone
from classifier.package.package import BackboneFiles, Canary
from classifier.pictures.png_file import png
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.progress import ProgressCallback
from classifier.recognition.certainty import Limits
from classifier.recognition.head_fit import FittedHead, LabelledVectors, fitted_head, strangers
from classifier.recognition.labels import NOBODY
from classifier.recognition.limit_choice import ChosenLimits, answers_of, chosen_limits
from classifier.recognition.package import RecogniserParts, write_recogniser
from classifier.recognition.recogniser import Recogniser
from classifier.recognition.summary import summary_metrics, summary_text
from classifier.training import splits
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.history import FILE as HISTORY
from classifier.training.job import FirstWeights, RecipeOrder
from classifier.training.pipeline import Embedded, Embedder, Material

PACKAGE, MEASURED = "package", "measured.json"
LEAST_PICTURES = 10  # of a class
LEAST_GROUPS = 4  # of a class: pictures that are nearly one cannot be on both sides of a fold
CANARIES = 16


@dataclass(frozen=True, slots=True)
class LabelledExample:
    """One picture's labels."""

    identity: splits.Identity
    name: str  # of the class
    style: str = ""  # "": nobody says
    taught: bool = False  # learned from and nothing else: a generator has learned from it, or painted it
    synthetic: bool = False  # painted by a generator; then it is `taught`, too


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserJob:
    """One order to the training process: a recogniser of many classes."""

    FILE: ClassVar[str] = "recogniser.json"
    name: str  # of the recogniser
    examples: Sequence[LabelledExample]  # one a picture, in the order of the array
    preprocessing: Preprocessing
    backbone: FirstWeights
    recipe: TrainingRecipe  # of a network that is trained
    order: RecipeOrder | None = None  # where the network is a recipe's, which brings its own last layer
    precision: float | None = None  # that names are to have; None: a wrong name costs what a right one gains
    snapshot: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def size(self) -> int:
        """Pixels of both sides of the network's input."""
        return self.preprocessing.size


def make_recogniser(
    folder: Path, job: RecogniserJob, pictures: Pixels, embedder: Embedder, report: ProgressCallback
) -> dict[str, Any]:
    """Do a job; the package goes to `folder/package`.

    Args:
        folder: the work folder.
        job: what is wanted.
        pictures: prepared, shape (n, size, size, 3).
        embedder: gives the network.
        report: progress.

    Returns:
        Plain values: the package's folder and hashes, metrics, and a report for people.

    Raises:
        TooFewExamples: fewer than two classes have enough pictures that differ.
        DeviceError: the network's first weights cannot be had.
    """
    material = material_of(job, pictures)
    check_groups(job, material.groups)
    embedded = embedder(material, report)
    report("learning", 0.0, f"a head for {len(set(_names(job)))} classes")
    learned = learn_classes(job, embedded, material.groups, report)
    parts = {"train": np.arange(len(job.examples))}
    return written(folder, job, pictures, Finished(embedded, learned, parts), report)


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A network and the recogniser on it, which is not written yet."""

    embedded: Embedded
    learned: LearnedClasses
    parts: Mapping[str, IntArray]  # rows of each split; painted ones are told apart when it is written


def written(
    folder: Path, job: RecogniserJob, pictures: Pixels, finished: Finished, report: ProgressCallback
) -> dict[str, Any]:
    """Write the package to `folder/package`; gives what `make_recogniser` does.

    Beside it lies `folder/measured.json`: MD5 of each measured picture, and whether its likeliest class is right.
    """
    embedded, learned = finished.embedded, finished.learned
    right = {job.examples[row].identity.md5: bool(is_right) for row, is_right in learned.right.items()}
    (folder / MEASURED).write_text(json.dumps(right))
    report("writing", 0.0, "writing the recogniser")
    backbone = _backbone(folder, job, embedded)
    facts = write_recogniser(
        folder / PACKAGE,
        RecogniserParts(
            name=job.name,
            backbone=backbone,
            recogniser=learned.recogniser,
            canaries=_canaries(job, learned, embedded, pictures),
            snapshot={
                **job.snapshot,
                "taught": embedded.training.facts(),
                "parts": _md5s_by_part(job, finished.parts),
            },
            metrics=learned.metrics,
            report={"report.txt": learned.report.encode(), HISTORY: embedded.training.history.to_bytes()},
        ),
    )
    report("writing", 1.0, "")
    return {
        "folder": str(folder / PACKAGE),
        "hash": facts.hash,
        "backbone_hash": facts.backbone_hash,
        "metrics": learned.metrics,
        "report": learned.report,
    }


def _md5s_by_part(job: RecogniserJob, parts: Mapping[str, IntArray]) -> dict[str, list[str]]:
    """MD5 of the pictures of each split, painted ones apart."""
    painted = _painted(job)
    named = {name: rows[~painted[rows]] for name, rows in parts.items()}
    if painted.any():
        named["synthetic"] = np.flatnonzero(painted)
    return {name: [job.examples[row].identity.md5 for row in rows.tolist()] for name, rows in named.items()}


@dataclass(frozen=True, slots=True, eq=False)
class LearnedClasses:
    """A recogniser with what is known of it."""

    recogniser: Recogniser
    metrics: Mapping[str, Any]
    report: str
    right: Mapping[int, bool]  # rows that it was measured on, and whether the likeliest class is right


def learn_classes(job: RecogniserJob, embedded: Embedded, groups: IntArray, report: ProgressCallback) -> LearnedClasses:
    """Fit the heads on embeddings, choose the limits, and measure out of fold.

    Args:
        job: with the labels.
        embedded: the network's numbers of every picture, and which it was trained on.
        groups: of pictures that are nearly one, shape (n,).
        report: progress.
    """
    taught = np.array([example.taught for example in job.examples], dtype=np.bool_)
    unseen = ~embedded.trained_on & ~taught
    flattered = not _enough(job, unseen)
    measured = np.flatnonzero(~taught if flattered else unseen)
    beside = np.flatnonzero(taught if flattered else taught & ~embedded.trained_on)
    examples = _vectors(embedded, measured, _names(job, measured), groups)
    always = _vectors(embedded, beside, _names(job, beside), groups, examples.classes)
    fitted = fitted_head(
        examples, always, seed=job.seed, report=lambda share: report("learning", 0.8 * share, "heads out of fold")
    )
    report("learning", 0.8, "choosing when to say nobody")
    chosen = _limits(examples, always, fitted, job)
    styles = style_head(job, embedded, groups)
    recogniser = Recogniser(fitted.head, chosen.limits, None if styles is None else styles.head)
    metrics = summary_metrics(recogniser, examples, fitted, chosen)
    if flattered and embedded.trained_on.any():
        metrics["flattered"] = True  # the network was trained on the pictures that the figures are of
    report("learning", 1.0, "")
    right = fitted.probabilities.argmax(axis=1) == examples.columns
    words = summary_text(job.name, recogniser, metrics, job.precision) + synthetic_line(job)
    return LearnedClasses(recogniser, metrics, words, dict(zip(measured.tolist(), right.tolist(), strict=True)))


def synthetic_line(job: RecogniserJob) -> str:
    """How many painted pictures were learned from, for the report; empty: none."""
    count = int(_painted(job).sum())
    return f"learned from {count} synthetic pictures, too; none of them chose or measured anything\n" if count else ""


def check_groups(job: RecogniserJob, groups: IntArray) -> None:
    """Refuse classes whose pictures are all nearly the same one, painted ones and those behind them left out.

    Raises:
        TooFewExamples: names the class.
    """
    names, free = np.array(_names(job)), np.array([not example.taught for example in job.examples], dtype=np.bool_)
    for name in sorted(set(_names(job))):
        different = len(np.unique(groups[free & (names == name)]))
        if different < LEAST_GROUPS:
            raise TooFewExamples(
                f"{job.name}: the class {name}",
                {"pictures that are not nearly the same": different},
                {"pictures that are not nearly the same": LEAST_GROUPS},
                "add others, or take the folder out",
            )


def _names(job: RecogniserJob, rows: IntArray | None = None) -> list[str]:
    """The class of each example, or of some rows."""
    return [example.name for example in (job.examples if rows is None else [job.examples[row] for row in rows])]


def _painted(job: RecogniserJob) -> BoolArray:
    return np.array([example.synthetic for example in job.examples], dtype=np.bool_)


def material_of(job: RecogniserJob, pictures: Pixels, shares: splits.Shares | None = None) -> Material:
    """What a network is trained on: every class but nobody, whose pictures show none."""
    identities = [replace(example.identity, post_id=number) for number, example in enumerate(job.examples, start=1)]
    groups, names = splits.group(identities), _names(job)
    classes = tuple(name for name in sorted(set(names)) if name != NOBODY)
    shows = np.array([[name == one for one in classes] for name in names], dtype=np.float32)
    taught = np.array([example.taught for example in job.examples], dtype=np.bool_)
    if taught.any():
        split = splits.split_beside(groups, names, taught, shares=shares, seed=job.seed)
    else:
        split = splits.split(groups, names, shares=shares, seed=job.seed)
    return Material(pictures, shows, classes, split, groups, np.zeros(0, dtype=np.int64))


def _enough(job: RecogniserJob, rows: BoolArray) -> bool:
    """Whether these pictures can stand for all: enough of every class."""
    names = np.array(_names(job))
    return all(rows[names == name].sum() >= LEAST_PICTURES for name in set(names.tolist()))


def _vectors(
    embedded: Embedded, rows: IntArray, names: Sequence[str], groups: IntArray, classes: tuple[str, ...] = ()
) -> LabelledVectors:
    """The embeddings of rows with their classes; numbered as `classes` are, where these are given."""
    classes = classes or tuple(sorted(set(names), key=lambda name: (name == NOBODY, name)))
    at = {name: number for number, name in enumerate(classes)}
    columns = np.array([at[name] for name in names], dtype=np.int64)
    return LabelledVectors(embedded.embeddings[rows].astype(np.float32), columns, groups[rows], classes)


def _limits(examples: LabelledVectors, always: LabelledVectors, fitted: FittedHead, job: RecogniserJob) -> ChosenLimits:
    """From where on a name is said; with a class for nobody, from nothing on, unless a precision is asked for."""
    right = fitted.probabilities.argmax(axis=1) == examples.columns
    if NOBODY not in examples.classes:
        strange = strangers(examples, fitted, always, seed=job.seed)
        strange = strange[np.isfinite(strange).all(axis=1)]
        return chosen_limits(answers_of(fitted.probabilities, right, strange), len(right), precision=job.precision)
    nobody = examples.classes.index(NOBODY)
    named = fitted.probabilities.argmax(axis=1) != nobody
    answers = answers_of(fitted.probabilities[named], right[named], np.zeros((0, len(examples.classes))))
    if job.precision is not None:
        return chosen_limits(answers, int(named.sum()), precision=job.precision)
    known = examples.columns != nobody
    refused = float((~named[~known]).mean())
    return ChosenLimits(Limits(), float(named[known].mean()), float(right[named].mean()), refused)


def style_head(job: RecogniserJob, embedded: Embedded, groups: IntArray) -> FittedHead | None:
    """A head for the styles that enough pictures have; None: there are fewer than two."""
    rows = np.flatnonzero([bool(example.style) for example in job.examples]).astype(np.int64)
    counts = {style: sum(job.examples[row].style == style for row in rows.tolist()) for style in _all_styles(job)}
    kept = {style for style, count in counts.items() if count >= LEAST_PICTURES}
    rows = np.array([row for row in rows.tolist() if job.examples[row].style in kept], dtype=np.int64)
    if len(kept) < 2:
        return None
    return fitted_head(
        _vectors(embedded, rows, [job.examples[row].style for row in rows.tolist()], groups), seed=job.seed
    )


def _all_styles(job: RecogniserJob) -> set[str]:
    return {example.style for example in job.examples} - {""}


def _backbone(folder: Path, job: RecogniserJob, embedded: Embedded) -> BackboneFiles:
    files = embedded.files or export_backbone(
        embedded.model,
        folder / "backbone",
        name=job.backbone.name,
        preprocessing=job.preprocessing,
        halved=embedded.halved,
    )
    return replace(
        files,
        name=job.backbone.name,
        preprocessing=job.preprocessing,
        classes=embedded.classes,
        blocks=embedded.blocks,
    )


def _canaries(job: RecogniserJob, learned: LearnedClasses, embedded: Embedded, pictures: Pixels) -> list[Canary]:
    """Real pictures spread evenly over the likeliest classes and over how sure the recogniser is of them."""
    real = np.flatnonzero(~_painted(job))
    scores: FloatArray = learned.recogniser.scores(embedded.embeddings[real])
    order = real[np.lexsort((scores.max(axis=1), scores.argmax(axis=1)))]
    rows = order[np.unique(np.linspace(0, len(order) - 1, CANARIES).round().astype(int))]
    return [Canary(png(pictures[row]), embedded.embeddings[row].astype(np.float32)) for row in rows.tolist()]
