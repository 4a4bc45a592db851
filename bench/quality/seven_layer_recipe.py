"""How users train the seven-layer network: a folder of the target, a folder of others, twenty epochs.

Classes are balanced to within 100 pictures by leaving negatives out; pictures are stretched to 512 pixels, mirrored,
turned and zoomed at random; Adam at its default rate, binary cross-entropy, batches of 32. No calibration, no cleaning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.seven_layers import FILTERS, SIZE, UNITS, FloatPixels, build, pixels
from classifier.arrays import BoolArray, FloatArray, IntArray

EPOCHS = 20
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SevenLayerRecipe:
    """The recipe's settings; the defaults are as written."""

    size: int = SIZE  # pixels of both sides
    epochs: int = EPOCHS
    batch: int = 32  # pictures
    balance: int = 100  # by so many pictures may one class be larger than the other
    filters: tuple[int, ...] = FILTERS
    units: tuple[int, ...] = UNITS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 1 or self.epochs < 1 or self.batch < 1 or self.balance < 0:
            raise ValueError(
                f"expected a size of pictures, epochs and a batch of at least 1 and a balance of at least 0, got "
                f"{self.size}, {self.epochs}, {self.batch} and {self.balance}"
            )

    def smaller(self) -> str:
        """The settings that are smaller than written; empty when none is."""
        less = []
        if self.size < SIZE:
            less.append(f"{self.size} px instead of {SIZE}")
        if self.epochs < EPOCHS:
            less.append(f"{self.epochs} of {EPOCHS} epochs")
        if (self.filters, self.units) != (FILTERS, UNITS):
            less.append("a narrower network")
        return ", ".join(less)


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network."""

    model: Any  # keras.Model: pictures (n, size, size, 3), 0..255 -> probabilities (n, 1)
    recipe: SevenLayerRecipe
    losses: tuple[float, ...]  # mean of each epoch
    seconds: float

    def scores(self, files: Sequence[Path]) -> FloatArray:
        """Probabilities, shape (n,), 0..1."""
        batches = [
            np.asarray(self.model.predict_on_batch(_batch(part, self.recipe.size)), dtype=np.float64)[:, 0]
            for part in (files[at : at + self.recipe.batch] for at in range(0, len(files), self.recipe.batch))
        ]
        return np.concatenate(batches) if batches else np.zeros(0)


def balanced(shows: BoolArray, slack: int, seed: int) -> IntArray:
    """The rows that the recipe keeps: all of the rarer class, and at most `slack` more than that of the other."""
    classes = np.flatnonzero(shows), np.flatnonzero(~shows)
    most = min(len(rows) for rows in classes) + slack
    random = np.random.default_rng((seed, 4))
    kept = [rows if len(rows) <= most else random.choice(rows, most, replace=False) for rows in classes]
    return np.sort(np.concatenate(kept)).astype(np.int64)


def trained(
    files: Sequence[Path],
    shows: BoolArray,
    recipe: SevenLayerRecipe,
    *,
    report: Callable[[str], None] = lambda words: None,
) -> Trained:
    """Train the network.

    Args:
        files: pictures, balanced already.
        shows: whether each shows the target, shape (n,).
        recipe: how.
        report: called after every epoch.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    network = build(recipe.size, recipe.filters, recipe.units)
    model = keras.Sequential([keras.Input((recipe.size, recipe.size, 3)), *_changes(), network])
    # Same arithmetic, but a step at 512 pixels takes 11 s instead of 18 on two cores when XLA is left out.
    model.compile(keras.optimizers.Adam(), "binary_crossentropy", jit_compile=False)
    network.compile(jit_compile=False)
    random, losses, begun = np.random.default_rng((recipe.seed, 5)), [], time.monotonic()
    for epoch in range(1, recipe.epochs + 1):
        order, total = random.permutation(len(files)), 0.0
        for rows in (order[at : at + recipe.batch] for at in range(0, len(order), recipe.batch)):
            seen = _batch([files[row] for row in rows.tolist()], recipe.size)
            total += len(rows) * float(model.train_on_batch(seen, shows[rows].astype(np.float32)))
        losses.append(total / len(order))
        report(f"epoch {epoch} of {recipe.epochs}: loss {losses[-1]:.3f}, {time.monotonic() - begun:.0f} s")
    return Trained(network, recipe, tuple(losses), time.monotonic() - begun)


def _changes() -> list[Any]:
    import keras

    return [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.1), keras.layers.RandomZoom(0.1)]


def _batch(files: Sequence[Path], size: int) -> FloatPixels:
    return np.stack([pixels(file.read_bytes(), size) for file in files])
