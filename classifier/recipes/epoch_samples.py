"""What a stage is trained on, and in which order: the samples of one epoch, batch by batch.

A batch depends on seed, stage, epoch and step alone, so a training that goes on sees what it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.arrays import Float32Array, IntArray
from classifier.pictures.preprocessing import Pixels
from classifier.recipes.expansion import epoch_rows
from classifier.recipes.settings import RecipeSettings
from classifier.recipes.variations import mixed, varied


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """What is learned in one stage."""

    name: str  # of the stage
    pictures: Pixels  # shape (n, size, size, 3); may be mapped from disk
    labels: IntArray  # (n,) number of the class
    train: IntArray  # rows
    validation: IntArray  # rows that choose the best epoch; no group is in both

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
        """Varied pictures, shape (n, size, size, 3), 0..255, and labels, shape (n, classes); no rows after the last."""
        rows = self._order[step * self._settings.batch : (step + 1) * self._settings.batch]
        labels = np.eye(self._classes, dtype=np.float32)[self._stage.labels[rows]]
        if not len(rows):
            return np.zeros((0, *self._stage.pictures.shape[1:]), np.float32), labels
        random = self._random(1, step)
        return mixed(varied(self._stage.pictures[rows], self._settings, random), labels, self._settings.mixup, random)

    def _random(self, *what: int) -> np.random.Generator:
        return np.random.default_rng((self._settings.seed, *self._place, *what))
