"""`mona_cnn`: seven groups of convolution and pooling, two dense layers; the network that filtered a folder in 2021.

3, 64, 128, 256, 512, 1024 and 2048 filters of 3×3 with ReLU, unpadded, each followed by a 2×2 maximum pool: 512 pixels
become 2×2×2048; then 2048 and 1024 units with dropout. What its author left open is a setting: batch, size, epochs and
padding. Samples are brought to 8,000 an epoch and classes to within 100 by varied copies of training pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from classifier.backbones.catalogue import Origin
from classifier.recipes.recipe import COLOURS, Recipe, classified, pictures_of
from classifier.recipes.settings import RecipeSettings, setting

FILTERS = (3, 64, 128, 256, 512, 1024, 2048)
UNITS = (2048, 1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonaCnnSettings(RecipeSettings):
    """The defaults are as published; `size=128 padding=same` is what two processor cores can train."""

    padding: str = setting(
        "valid",
        "of the convolutions; with valid the input needs 382 px for all seven groups",
        choices=("valid", "same"),
    )
    dropout: float = setting(
        0.3, "share of each dense layer's units that is left out while training", low=0.0, high=0.9
    )
    width: float = setting(1.0, "factor on the filters and units of every layer after the first", low=0.01, high=4.0)
    size: int = setting(512, "pixels of both sides of the input", low=8, high=1024)
    epochs: int = setting(20, "passes over the training samples, at most", low=1, high=10_000)
    batch: int = setting(32, "pictures a step", low=1, high=4096)
    samples: int = setting(8000, "least samples an epoch, reached by varied copies", low=0, high=1_000_000)
    balance: int = setting(
        100,
        "most samples by which classes may differ, reached by varied copies; -1: as they are",
        low=-1,
        high=1_000_000,
    )
    turn: float = setting(15.0, "degrees by which samples are turned, at most, to either side", low=0.0, high=180.0)
    zoom: float = setting(0.1, "share by which samples are made larger or smaller, at most", low=0.0, high=0.9)
    shift: float = setting(0.05, "share of the side by which samples are moved, at most", low=0.0, high=0.9)

    def __post_init__(self) -> None:
        sides = _sides(self.size, self.padding)
        if sides[-1] < 1:
            fits = sum(side >= 1 for side in sides)
            raise ValueError(
                f"size={self.size} with padding={self.padding} leaves nothing after {fits} of {len(FILTERS)} groups; "
                f"take padding=same, or size={_least_size()} or more"
            )

    def filters(self) -> tuple[int, ...]:
        """Of the seven convolutions."""
        return (FILTERS[0], *(max(1, round(count * self.width)) for count in FILTERS[1:]))

    def units(self) -> tuple[int, ...]:
        """Of the dense layers before the last."""
        return tuple(max(1, round(count * self.width)) for count in UNITS)


def build(settings: MonaCnnSettings, classes: int, origin: Origin) -> Any:
    """The network, untrained: `keras.Model` from RGB pictures, 0..255, to probabilities, shape (n, classes)."""
    import keras

    pictures = pictures_of(settings.size)
    x = keras.layers.Rescaling(1 / 255, name="scaled")(pictures)
    for count in settings.filters():
        x = keras.layers.Conv2D(count, 3, activation="relu", padding=settings.padding)(x)
        x = keras.layers.MaxPooling2D(2, padding=settings.padding)(x)
    x = keras.layers.Flatten()(x)
    for width in settings.units():
        x = keras.layers.Dense(width, activation="relu")(x)
        x = keras.layers.Dropout(settings.dropout, seed=settings.seed)(x)
    return keras.Model(pictures, classified(x, classes), name="mona_cnn")


def parameters(settings: MonaCnnSettings, classes: int) -> int:
    """How many numbers the network learns."""
    filters, units = settings.filters(), settings.units()
    side = _sides(settings.size, settings.padding)[-1]
    convolved = sum((9 * before + 1) * count for before, count in pairwise((COLOURS, *filters)))
    widths = (side * side * filters[-1], *units, classes)
    return convolved + sum((before + 1) * after for before, after in pairwise(widths))


def _sides(size: int, padding: str) -> list[int]:
    """Pixels of the side after each group."""
    found = []
    for _ in FILTERS:
        size = (size + 1) // 2 if padding == "same" else (size - 2) // 2
        found.append(size)
    return found


def _least_size() -> int:
    return next(size for size in range(8, 1024) if _sides(size, "valid")[-1] >= 1)


RECIPE = Recipe(
    "mona_cnn",
    "seven convolutions and two dense layers: target against the rest, in stages where stages are given",
    MonaCnnSettings,
    build,
    parameters,
)
