"""`simpsons_cnn`: four or six small convolutions and one dense layer on 64 pixels; many classes, as in 2017.

Convolutions of 3×3 with ReLU in pairs, each pair followed by a 2×2 maximum pool and dropout; one hidden dense layer
with dropout; RMSprop, batch 32, 200 epochs at most; varied by small turns, shifts, noise and mirroring.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifier.backbones.catalogue import Origin
from classifier.recipes.recipe import COLOURS, Recipe, classified, pictures_of
from classifier.recipes.settings import RecipeSettings, setting

_FIRST = 32  # filters of the first pair; each pair doubles them
_HIDDEN = {4: 512, 6: 1024}  # units of the dense layer


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpsonsCnnSettings(RecipeSettings):
    """The defaults are as published, but for the early end, which only saves time."""

    convolutions: str = setting("4", "how many there are", choices=("4", "6"))
    dropout: float = setting(0.25, "share that is left out after each pair of convolutions", low=0.0, high=0.9)
    dropout_dense: float = setting(0.5, "share that is left out after the dense layer", low=0.0, high=0.9)
    size: int = setting(64, "pixels of both sides of the input", low=16, high=1024)
    epochs: int = setting(200, "passes over the training samples, at most", low=1, high=10_000)
    batch: int = setting(32, "pictures a step", low=1, high=4096)
    optimizer: str = setting("rmsprop", "how weights follow the gradient", choices=("adam", "adamw", "rmsprop", "sgd"))
    rate: float = setting(1e-4, "learning rate, at its highest", low=1e-8, high=10.0)
    patience: int = setting(
        20, "epochs without improvement after which training ends; 0: never early", low=0, high=1000
    )
    watch: str = setting(
        "accuracy",
        "what is to improve on the validation pictures, and picks the best epoch",
        choices=("loss", "accuracy"),
    )
    turn: float = setting(10.0, "degrees by which samples are turned, at most, to either side", low=0.0, high=180.0)
    shift: float = setting(0.1, "share of the side by which samples are moved, at most", low=0.0, high=0.9)
    noise: float = setting(4.0, "standard deviation of noise on samples, of 255 levels", low=0.0, high=128.0)

    def pairs(self) -> tuple[int, ...]:
        """Filters of each pair of convolutions."""
        return tuple(_FIRST * 2**number for number in range(int(self.convolutions) // 2))

    def hidden(self) -> int:
        """Units of the dense layer."""
        return _HIDDEN[int(self.convolutions)]


def build(settings: SimpsonsCnnSettings, classes: int, origin: Origin) -> Any:
    """The network, untrained: `keras.Model` from RGB pictures, 0..255, to probabilities, shape (n, classes)."""
    import keras

    pictures = pictures_of(settings.size)
    x = keras.layers.Rescaling(1 / 255, name="scaled")(pictures)
    for filters in settings.pairs():
        x = keras.layers.Conv2D(filters, 3, activation="relu", padding="same")(x)
        x = keras.layers.Conv2D(filters, 3, activation="relu")(x)
        x = keras.layers.MaxPooling2D(2)(x)
        x = keras.layers.Dropout(settings.dropout, seed=settings.seed)(x)
    x = keras.layers.Dense(settings.hidden(), activation="relu")(keras.layers.Flatten()(x))
    x = keras.layers.Dropout(settings.dropout_dense, seed=settings.seed)(x)
    return keras.Model(pictures, classified(x, classes), name="simpsons_cnn")


def parameters(settings: SimpsonsCnnSettings, classes: int) -> int:
    """How many numbers the network learns."""
    total, before, side = 0, COLOURS, settings.size
    for filters in settings.pairs():
        total += (9 * before + 1) * filters + (9 * filters + 1) * filters
        before, side = filters, (side - 2) // 2
    hidden = settings.hidden()
    return total + (side * side * before + 1) * hidden + (hidden + 1) * classes


RECIPE = Recipe(
    "simpsons_cnn",
    "four or six small convolutions and a dense layer: many classes at 64 px",
    SimpsonsCnnSettings,
    build,
    parameters,
)
