"""Generators of one filter, on pictures of two colours: they learn nothing, but they go through everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from classifier.generator.batches import TrainingPictures
from classifier.generator.job import JOB, PICTURES, GeneratorJob, LearnedPicture
from classifier.generator.networks import SIZE
from classifier.generator.settings import experiment_settings
from classifier.pictures.preprocessing import Pixels
from classifier.recipes.settings import words_of

SMALL = ("filters=1", "batch=4", "noise=3", "steps=3", "measured=50", "measure_every=1", "sheets=1")
WITHOUT_FEATURES = ("features=none", "keep=last", "patience=0")


def squares(count: int = 60, seed: int = 0) -> Pixels:
    """A square in a colour, red in the first half and blue in the second, somewhere on grey noise."""
    random = np.random.default_rng(seed)
    pictures = random.integers(60, 120, (count, SIZE, SIZE, 3)).astype(np.uint8)
    for number in range(count):
        row, column = random.integers(0, SIZE - 40, 2)
        pictures[number, row : row + 40, column : column + 40, 0 if number < count // 2 else 2] = 230
    return pictures


def tiny_data(count: int = 60, seed: int = 0) -> TrainingPictures:
    labels = (np.arange(count) >= count // 2).astype(np.int64)
    rows = np.arange(count)
    return TrainingPictures(
        squares(count, seed), labels, ("blue", "red"), rows[rows % 3 == 0], rows[rows % 3 == 1], rows[rows % 3 == 2]
    )


def colours(pictures: Pixels) -> np.ndarray:
    """Features that need no network: the means and deviations of colours."""
    numbers = pictures.astype(np.float32)
    return np.concatenate([numbers.mean(axis=(1, 2)), numbers.std(axis=(1, 2))], axis=1)


def tiny_job(folder: Path, *words: str, experiment: str = "best", count: int = 60) -> GeneratorJob:
    """A job with its pictures, written into a work folder."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / PICTURES, squares(count))
    pictures = tuple(
        LearnedPicture(f"{number:032x}", "red" if number < count // 2 else "blue", number * 0x9E3779B97F4A7C15 % 2**64)
        for number in range(count)
    )
    settings = experiment_settings(experiment, [*SMALL, *WITHOUT_FEATURES, *words])
    job = GeneratorJob(folder.name, "faces", experiment, words_of(settings), pictures)
    (folder / JOB).write_text(job.text())
    return job
