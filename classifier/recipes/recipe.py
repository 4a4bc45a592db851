"""What a recipe is: settings, a network, and what a person wants to know of it before training it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from classifier.backbones.catalogue import Origin
from classifier.backbones.first_weights import WeightsOffer
from classifier.recipes.settings import RecipeSettings

CLASSES_LAYER = "classes"  # the last layer of every recipe's network: dense, softmax, float32
COLOURS = 3


def pictures_of(size: int) -> Any:
    """Where every recipe's network begins: RGB pictures, 0..255, shape (n, size, size, 3)."""
    import keras

    return keras.Input((size, size, COLOURS), name="pictures")


def classified(features: Any, classes: int, **of_the_layer: Any) -> Any:
    """What every recipe's network ends in: probabilities, shape (n, classes), of features, shape (n, d)."""
    import keras

    last = keras.layers.Dense(classes, activation="softmax", dtype="float32", name=CLASSES_LAYER, **of_the_layer)
    return last(features)


def weights_at_hand(offer: WeightsOffer) -> Callable[[Any, Origin], None]:
    """A check of settings and origin: raises DeviceError, which says how to get them, where first weights lack."""

    def check(settings: Any, origin: Origin) -> None:
        offer.chosen(settings.weights, origin)

    return check


def _any_origin(settings: Any, origin: Origin) -> None:
    """Networks that learn from scratch need no weights."""


def _as_trained(embedder: Any, settings: Any) -> Any:
    """Most networks look at pictures as they did in training."""
    return embedder


@dataclass(frozen=True, slots=True)
class FrozenBase:
    """The part of a network that never learns: it may look at pictures once, before training."""

    layer: str  # that it ends with
    passes: Callable[
        [Any], int
    ]  # of settings: varied copies of each picture that it looks at; 0: it looks while training


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training by name."""

    name: str
    summary: str  # one line
    settings: type[RecipeSettings]
    build: Callable[[Any, int, Origin], Any]
    """Settings, classes, origin of weights -> `keras.Model` from RGB pictures, 0..255, shape (n, size, size, 3), to
    probabilities, shape (n, classes), whose last layer is called `CLASSES_LAYER`."""
    parameters: Callable[[Any, int], int]  # of settings and classes: what the network has, without building it
    weights: str = "none: learns from scratch"  # where they come from, for people
    licence: str = "MIT, as the program"  # of code and weights
    check: Callable[[Any, Origin], None] = _any_origin  # raises DeviceError, before anything is read, without weights
    frozen: FrozenBase | None = None
    finished: Callable[[Any, Any], Any] = _as_trained
    """Trained network without its last layer, settings -> what looks at pictures from then on, with as many numbers."""
