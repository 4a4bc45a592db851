"""A recipe and pictures of sixteen pixels: squares in colours on noise, which a tiny network tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.backbones.catalogue import Origin
from classifier.recipes.epoch_samples import LabelledPictures
from classifier.recipes.recipe import CLASSES_LAYER, Recipe
from classifier.recipes.settings import RecipeSettings, setting

SIDE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TinySettings(RecipeSettings):
    units: int = setting(8, "units of the dense layer", low=1, high=64)
    size: int = setting(SIDE, "pixels of both sides of the input", low=8, high=64)
    epochs: int = setting(6, "passes", low=1, high=100)
    batch: int = setting(16, "pictures a step", low=1, high=64)
    rate: float = setting(0.01, "learning rate", low=1e-6, high=1.0)


def build(settings: TinySettings, classes: int, origin: Origin) -> Any:
    import keras

    pictures = keras.Input((settings.size, settings.size, 3))
    x = keras.layers.Rescaling(1 / 255)(pictures)
    x = keras.layers.Conv2D(6, 4, strides=4, activation="relu")(x)
    x = keras.layers.Dense(settings.units, activation="relu")(keras.layers.Flatten()(x))
    x = keras.layers.Dropout(0.1, seed=settings.seed)(x)
    return keras.Model(
        pictures, keras.layers.Dense(classes, activation="softmax", dtype="float32", name=CLASSES_LAYER)(x)
    )


TINY = Recipe("tiny", "for tests", TinySettings, build, lambda settings, classes: 0)


def squares(count: int, classes: int = 2, seed: int = 0, name: str = "training") -> LabelledPictures:
    """Class k has a bright square in channel k; three quarters train."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count).astype(np.int64)
    pictures = random.integers(0, 90, (count, SIDE, SIDE, 3)).astype(np.uint8)
    for row, label in enumerate(labels.tolist()):
        pictures[row, 4:12, 4:12, label] = 220
    cut = count * 3 // 4
    return LabelledPictures(name, pictures, labels, np.arange(cut), np.arange(cut, count))
