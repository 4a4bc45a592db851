"""What one step of a generator's training sees: real pictures, noise and variations, from seed and step alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.arrays import Float32Array, IntArray
from classifier.generator.adversaries import StepInput
from classifier.generator.settings import GeneratorSettings
from classifier.generator.variation import Variation
from classifier.pictures.preprocessing import Pixels

_NOISE = 2**31  # beside the numbers of steps, in a seed
_DISCRIMINATOR, _GENERATOR = 0, 1


@dataclass(frozen=True, slots=True, eq=False)
class TrainingPictures:
    """What a generator learns from and is measured on; rows of one array, no group in two of the splits."""

    pictures: Pixels  # (n, 96, 96, 3), RGB; may be mapped from disk
    labels: IntArray  # (n,) number of the class
    names: tuple[str, ...]  # of the classes
    train: IntArray  # rows
    validation: IntArray
    test: IntArray

    def shows(self, rows: IntArray, told: int) -> Float32Array:
        """The classes of rows, one-hot, as networks that are told so many take them."""
        return one_hot(self.labels[rows], told)


def one_hot(labels: IntArray, told: int) -> Float32Array:
    """Shape (n, told); no columns where networks are told nothing."""
    return np.eye(told, dtype=np.float32)[labels] if told else np.zeros((len(labels), 0), np.float32)


class Batches:
    """The input of every step."""

    def __init__(self, data: TrainingPictures, settings: GeneratorSettings, told: int) -> None:
        self._data, self._settings, self._told = data, settings, told
        self._size = min(settings.batch, len(data.train))
        self._variation = Variation.of(settings)
        self._order: tuple[int, IntArray] = (-1, data.train)

    @property
    def an_epoch(self) -> int:
        """Steps of one pass over the training pictures."""
        return max(1, len(self._data.train) // self._size)

    def discriminator(self, step: int) -> StepInput:
        """Of the discriminator's step in a batch, from 0."""
        return self._input(step, _DISCRIMINATOR)

    def generator(self, step: int) -> StepInput:
        """Of the generator's: the same real pictures, other noise and variations."""
        return self._input(step, _GENERATOR)

    def _input(self, step: int, whose: int) -> StepInput:
        random = np.random.default_rng((self._settings.seed, step, whose))
        rows = self._rows(step)
        real = self._data.pictures[rows].astype(np.float32) / 127.5 - 1
        if self._settings.mirror:
            turned = random.random(len(rows)) < 0.5
            real[turned] = real[turned, :, ::-1]
        passes = self._settings.variation_epochs
        share = min(1.0, step / self.an_epoch / passes) if passes else 1.0
        return StepInput(
            real,
            self._data.shows(rows, self._told),
            random.standard_normal((len(rows), self._settings.noise)).astype(np.float32),
            self._variation.drawn(len(rows), random, share),
            self._variation.drawn(len(rows), random, share),
        )

    def _rows(self, step: int) -> IntArray:
        epoch, at = divmod(step, self.an_epoch)
        if self._order[0] != epoch:
            random = np.random.default_rng((self._settings.seed, epoch, _NOISE))
            self._order = (epoch, random.permutation(self._data.train).astype(np.int64))
        return np.sort(self._order[1][at * self._size : (at + 1) * self._size])


def fixed_noise(count: int, noise: int, seed: int, first: int = 0) -> Float32Array:
    """The noise of pictures by their numbers, shape (count, noise): each depends on the seed and its number alone."""
    rows = [
        np.random.default_rng((seed, _NOISE, number)).standard_normal(noise) for number in range(first, first + count)
    ]
    return np.array(rows, dtype=np.float32).reshape(count, noise)
