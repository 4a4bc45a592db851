"""What a stage is trained on, and in which order: the samples of one epoch, batch by batch.

A batch depends on seed, stage, epoch and step alone, so a training that goes on sees what it would have seen. Few or
rare pictures come several times, each time varied afresh; only rows of the training split are ever given, so no copy
can cross into validation or test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np

from classifier.arrays import Float32Array, IntArray
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback, unreported
from classifier.recipes.settings import RecipeSettings
from classifier.recipes.variations import mixed, varied
from system.flush import flush

_PASSES = 2**31  # beside the numbers of epochs, in a seed


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """What is learned in one stage."""

    name: str  # of the stage
    pictures: Pixels | Float32Array  # shape (n, size, size, 3); may be mapped from disk
    labels: IntArray  # (n,) number of the class
    train: IntArray  # rows
    validation: IntArray  # rows that choose the best epoch; no group is in both
    passes: Float32Array | None = None  # (p, n, d): what a frozen base saw of varied copies; then `pictures` is (n, d)

    def __post_init__(self) -> None:
        if not len(self.train) or not len(self.validation):
            raise ValueError(
                f"stage {self.name}: {len(self.train)} pictures to train on and {len(self.validation)} to validate on; "
                "both are needed"
            )


class EpochSamples:
    """One epoch of a stage."""

    def __init__(self, stage: LabelledPictures, settings: RecipeSettings, place: tuple[int, int], classes: int) -> None:
        """Choose and shuffle.

        Args:
            stage: the pictures.
            settings: batch, expansion, variations, seed.
            place: numbers of the stage and of the epoch, from 0.
            classes: how many there are.
        """
        self._stage, self._settings, self._place, self._classes = stage, settings, place, classes
        self._order = epoch_rows(stage.labels, stage.train, settings, self._random(0))

    @property
    def steps(self) -> int:
        """Batches of the epoch; the last one may be smaller."""
        return -(-len(self._order) // self._settings.batch)

    def batch(self, step: int) -> tuple[Float32Array, Float32Array]:
        """Varied pictures, shape (n, size, size, 3), 0..255, and labels, shape (n, classes); no rows after the last.

        Where a frozen base has looked before, what it saw, shape (n, d), in the pictures' place.
        """
        rows = self._order[step * self._settings.batch : (step + 1) * self._settings.batch]
        labels = np.eye(self._classes, dtype=np.float32)[self._stage.labels[rows]]
        if not len(rows):
            return np.zeros((0, *self._stage.pictures.shape[1:]), np.float32), labels
        random = self._random(1, step)
        return mixed(self._samples(rows, random), labels, self._settings.mixup, random)

    def _samples(self, rows: IntArray, random: np.random.Generator) -> Float32Array:
        passes = self._stage.passes
        if passes is None:
            side = self._settings.side(self._place[1])
            return varied(cast("Pixels", self._stage.pictures[rows]), self._settings, random, side)
        return passes[random.integers(0, len(passes), len(rows)), rows]

    def _random(self, *what: int) -> np.random.Generator:
        return np.random.default_rng((self._settings.seed, *self._place, *what))


@dataclass(frozen=True, slots=True)
class SeenPlace:
    """Where what a frozen base saw is kept between two starts; None as the folder: nowhere."""

    folder: Path | None
    report: ProgressCallback = unreported

    def kept(self, name: str, made: Callable[[], Float32Array]) -> Float32Array:
        """The array of that name; made now where it is not there."""
        if self.folder is None:
            return made()
        path = self.folder / f"{name}.npy"
        try:
            return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
        except (OSError, ValueError, EOFError):  # not there, or cut short
            array = made()
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        with beside.open("wb") as file:
            np.save(file, array)
        flush(beside)
        beside.replace(path)
        return array


def seen_once(
    stage: LabelledPictures,
    number: int,
    look: Callable[[Float32Array], Float32Array],
    settings: RecipeSettings,
    passes: int,
    place: SeenPlace,
) -> LabelledPictures:
    """The stage as a frozen base sees it: varied copies of what is trained on, and what is validated on as it is.

    Args:
        stage: with pictures.
        number: of the stage, from 0.
        look: what the base says of pictures, 0..255, shape (n, d).
        settings: how copies are varied; a batch of them is looked at together.
        passes: copies of each picture.
        place: where what was seen is kept, so that a training that was killed need not look again.
    """
    plain = place.kept(f"seen-{number}-plain", lambda: _seen(stage, stage.validation, look, settings.batch, _as_it_is))
    every = []
    for one in range(passes):
        place.report("looking", one / passes, f"pass {one + 1} of {passes} over {len(stage.train)} pictures")
        random = np.random.default_rng((settings.seed, number, _PASSES, one))
        vary = partial(varied, settings=settings, random=random)
        every.append(place.kept(f"seen-{number}-{one}", partial(_seen, stage, stage.train, look, settings.batch, vary)))
    return replace(stage, pictures=plain, passes=np.stack(every))


def _as_it_is(pictures: Pixels) -> Float32Array:
    return pictures.astype(np.float32)


def _seen(
    stage: LabelledPictures,
    rows: IntArray,
    look: Callable[[Float32Array], Float32Array],
    batch: int,
    vary: Callable[[Pixels], Float32Array],
) -> Float32Array:
    """What is seen of some rows, shape (n, d); zeros for the others."""
    parts = [look(vary(cast("Pixels", stage.pictures[rows[at : at + batch]]))) for at in range(0, len(rows), batch)]
    numbers = np.zeros((len(stage.pictures), parts[0].shape[1]), np.float32)
    numbers[rows] = np.concatenate(parts)
    return numbers


def wanted_counts(counts: IntArray, settings: RecipeSettings) -> IntArray:
    """How many samples of each class an epoch has.

    Args:
        counts: training pictures of each class, shape (k,).
        settings: `samples`, `balance` and `least_per_class`.

    Returns:
        Shape (k,); never fewer than there are pictures; zero where there are none.
    """
    there = counts > 0
    wanted = np.maximum(counts, settings.least_per_class)
    if settings.balance >= 0:
        wanted = np.maximum(wanted, wanted.max(initial=0) - settings.balance)
    wanted = np.where(there, wanted, 0)
    lacking = settings.samples - int(wanted.sum())
    if lacking > 0 and there.any():  # by so many more of each class, so that their difference stays
        each = math.ceil(lacking / int(there.sum())) if settings.balance >= 0 else lacking * wanted / wanted.sum()
        wanted = np.where(there, wanted + np.ceil(each).astype(np.int64), 0)
    return wanted.astype(np.int64)


def epoch_rows(labels: IntArray, rows: IntArray, settings: RecipeSettings, random: np.random.Generator) -> IntArray:
    """The rows of one epoch in their order; each picture as often as the others of its class, or once more.

    Args:
        labels: class of every picture, shape (n,).
        rows: the training pictures.
        settings: as for `wanted_counts`.
        random: decides the order, and which pictures come once more.
    """
    counts = np.bincount(labels[rows], minlength=int(labels.max(initial=0)) + 1)
    parts = []
    for kind, wanted in enumerate(wanted_counts(counts, settings).tolist()):
        of_kind = rows[labels[rows] == kind]
        whole, more = divmod(wanted, max(1, len(of_kind)))
        parts += [np.tile(of_kind, whole), random.permutation(of_kind)[:more]]
    return random.permutation(np.concatenate(parts)).astype(np.int64)
