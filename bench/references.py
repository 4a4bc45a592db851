"""What a few references are worth: average precision by their number, on characters that the network never saw.

    python -m bench.references MODEL CLASSES [--draws 2] [--a-class 250] [--unnamed 4]

MODEL is the folder of a model package; its network looks at the pictures. CLASSES has one folder a character. Every
character in turn is the target: so many of its pictures are the references, and no other picture is tagged with it.
Half of the rest is the gallery, 40 % of everybody's tags missing; the other half takes no part and is measured on.
Twice: the gallery has all of the target's pictures without their tag, or hardly any (5 %).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from classifier.errors import PictureFault
from classifier.heads.character_space import NOBODY
from classifier.heads.head_training import learn_head
from classifier.heads.logistic_head import starting_head
from classifier.heads.noisy_labels import LabelSource, NoisyLabels
from classifier.heads.training_set import TRAIN, HeadTrainingSet
from classifier.metrics.quality import average_precision
from classifier.package.package import Package, load_package
from classifier.pictures.class_folders import ClassPicture, class_pictures
from classifier.pictures.decoder_pool import Decoders
from classifier.references.heads import reference_plan
from classifier.training.splits import Identity, group
from rounds.training_job import embedded

NUMBERS = (5, 10, 20)  # of references
MISSING = 0.4  # share of everybody's tags
HIDDEN = (1.0, 0.05)  # share of the target's pictures that the gallery has, without their tag


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceGallery:
    """Pictures as the network sees them; n rows."""

    vectors: npt.NDArray[np.float64]  # (n, d)
    labels: npt.NDArray[np.int64]  # (n,) of the class
    groups: npt.NDArray[np.int64]  # (n,) near copies and sets together


@dataclass(frozen=True, slots=True)
class ReferenceResult:
    """The result of one target and one draw of references."""

    ranked: float  # average precision on pictures that took no part
    precision: float  # of what it keeps there; NaN where it keeps nothing
    recall: float
    refused: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """The composition of a gallery."""

    hidden: float = 1.0  # share of the target's pictures that it has, without their tag
    unnamed: int = 0  # other characters that no tag names


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceDraw:
    """References of a target and the rest of a gallery to learn from, and the half that takes no part."""

    training_set: HeadTrainingSet
    apart: npt.NDArray[np.int64]  # rows of the gallery to measure on
    truth: npt.NDArray[np.bool_]  # which of these show the target


def drawn(gallery: ReferenceGallery, target: int, number: int, seed: int, like: Conditions) -> ReferenceDraw:
    """Draw so many references of a target, and what its gallery knows."""
    random = np.random.default_rng((seed, target, number))
    shows = gallery.labels == target
    halves = (random.random(int(gallery.groups.max()) + 1) < 0.5)[gallery.groups]
    chosen = _from_different_groups(random.permutation(np.flatnonzero(shows & halves)), gallery.groups, number)
    near = np.isin(gallery.groups, gallery.groups[chosen]) & shows
    untagged = shows | (random.random(len(shows)) < MISSING)
    untagged |= np.isin(gallery.labels, random.permutation(np.setdiff1d(gallery.labels, target))[: like.unnamed])
    seen = np.flatnonzero(halves & ~near & (~shows | (random.random(len(shows)) < like.hidden)))
    rows = np.concatenate([seen, chosen])
    label_sources = np.where(untagged[rows], LabelSource.NOTHING, LabelSource.OTHERS).astype(np.int8)
    label_sources[len(seen) :] = LabelSource.KEEP
    training_set = HeadTrainingSet(
        target="target",
        noisy_labels=NoisyLabels(gallery.vectors[rows], label_sources, gallery.groups[rows]),
        split=np.full(len(rows), TRAIN, dtype=np.int8),
        untagged=label_sources == LabelSource.NOTHING,
        start=starting_head(gallery.vectors.shape[1], None),
        characters=np.where(label_sources == LabelSource.OTHERS, gallery.labels[rows], NOBODY),
    )
    apart = np.flatnonzero(~halves)
    return ReferenceDraw(training_set, apart, shows[apart])


def measured(gallery: ReferenceGallery, target: int, number: int, seed: int, like: Conditions) -> ReferenceResult:
    """Learn a target from so many references and measure on the half that took no part."""
    draw = drawn(gallery, target, number, seed, like)
    begun = time.perf_counter()
    learned = learn_head(draw.training_set, reference_plan(seed=seed))
    seconds = time.perf_counter() - begun
    scores = learned.head.probabilities(gallery.vectors[draw.apart].astype(np.float32))
    kept = scores >= learned.chosen.threshold
    right = int((kept & draw.truth).sum())
    return ReferenceResult(
        ranked=average_precision(scores, draw.truth),
        precision=right / kept.sum() if kept.any() else float("nan"),
        recall=right / max(1, int(draw.truth.sum())),
        refused=bool(learned.refusal),
        seconds=seconds,
    )


def table(gallery: ReferenceGallery, names: Sequence[str], draws: int, like: Conditions) -> None:
    """Print a line a number of references: means over all targets and draws, the worst, and how many may decide."""
    print(f"{like.hidden:.0%} of the target's other pictures in the gallery, {like.unnamed} characters without a tag:")
    for number in NUMBERS:
        results = [
            measured(gallery, target, number, seed, like)
            for target in range(len(names))
            if (gallery.labels == target).sum() >= 4 * number
            for seed in range(draws)
        ]
        if not results:
            print(f"{number:3} references: no class has {4 * number} pictures")
            continue
        ranked = [one.ranked for one in results]
        deciding = [one for one in results if not one.refused]
        line = (
            f"{number:3} references: average precision {np.mean(ranked):.3f}, worst {min(ranked):.3f}; {len(deciding)} "
            f"of {len(results)} may decide; {np.median([one.seconds for one in results]):.1f} s"
        )
        if deciding:
            precision = np.array([one.precision for one in deciding])
            line += (
                f"; those: precision {np.nanmean(precision):.3f}, worst {np.nanmin(precision):.3f}, recall "
                f"{np.mean([one.recall for one in deciding]):.3f}"
            )
        print(line, flush=True)


def _from_different_groups(
    rows: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], number: int
) -> npt.NDArray[np.int64]:
    """The first so many rows of different groups: a person's references are not copies of one another."""
    _, first = np.unique(groups[rows], return_index=True)
    return rows[np.sort(first)[:number]]


def pictures_of(classes: Path, a_class: int) -> dict[str, list[ClassPicture]]:
    """At most so many pictures of each class folder, by class."""
    any_class = min(path.name for path in classes.iterdir() if path.is_dir())
    by_label: dict[str, list[ClassPicture]] = defaultdict(list)
    for picture in class_pictures(classes, [any_class]).pictures:
        if len(by_label[picture.label]) < a_class:
            by_label[picture.label].append(picture)
    return by_label


async def looked_at(package: Package, by_label: dict[str, list[ClassPicture]]) -> tuple[ReferenceGallery, list[str]]:
    """The pictures as the package's network sees them, and the names of the classes."""
    labels = sorted(by_label)
    pixels, numbers, identities = [], [], []
    async with Decoders([package.preprocessing]) as decoder:
        for picture in (one for label in labels for one in by_label[label]):
            try:
                seen = await decoder.decode(picture.read())
            except PictureFault:
                continue
            pixels.append(seen.pixels[0])
            numbers.append(labels.index(picture.label))
            identities.append(Identity(len(identities), md5=picture.md5, picture_hash=seen.hash, set_key=picture.group))
    vectors = embedded(package, np.stack(pixels)).astype(np.float64)
    return ReferenceGallery(vectors, np.array(numbers, dtype=np.int64), group(identities)), labels


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a model package")
    parser.add_argument("classes", type=Path, help="folder with one folder a character")
    parser.add_argument("--draws", type=int, default=2, help="of references, for every target")
    parser.add_argument("--a-class", type=int, default=250, help="pictures a class, at most")
    parser.add_argument("--unnamed", type=int, default=0, help="other characters that no tag names")
    arguments = parser.parse_args()
    gallery, names = asyncio.run(
        looked_at(load_package(arguments.model), pictures_of(arguments.classes, arguments.a_class))
    )
    print(f"{len(gallery.labels)} pictures of {len(names)} classes, {gallery.vectors.shape[1]} numbers each")
    for hidden in HIDDEN:
        table(gallery, names, arguments.draws, Conditions(hidden, arguments.unnamed))


if __name__ == "__main__":
    main()
