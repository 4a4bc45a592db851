"""What each way to compress a model can be asked for: a frozen record each, read from `KEY=VALUE` words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from classifier.recipes.settings import from_words, setting

INT8, DISTIL, PRUNE = "int8", "distil", "prune"
STUDENTS = ("small", "mobilenet_v2")
AUTO, DYNAMIC, STATIC = "auto", "dynamic", "static"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionSettings:
    """What all ways share."""

    OWNER: ClassVar[str] = "this way to compress"  # for messages: what these are settings of
    pictures: int = setting(8000, "stored pictures that take part, at most", low=50, high=1_000_000)
    margin: float = setting(
        0.01, "by how much average precision may fall for the model to come into force", low=0.0, high=1.0
    )
    seed: int = setting(0, "seed of weights, order and choice of pictures", low=0, high=2**31 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Int8Settings(CompressionSettings):
    """Weights of eight bits; and, where static is chosen, all arithmetic between convolutions too."""

    mode: str = setting(
        AUTO, "scales of what layers give: found anew for each picture, or beforehand", choices=(AUTO, DYNAMIC, STATIC)
    )
    calibration: int = setting(200, "training pictures that the static scales are taken from", low=16, high=2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedSettings(CompressionSettings):
    """What is trained on the parent's probabilities."""

    epochs: float = setting(30.0, "passes over the training pictures", low=0.01, high=1000.0)
    minutes: float = setting(8.0, "of a machine that is free, for training, at most", low=0.01, high=100_000.0)
    batch: int = setting(64, "pictures a step", low=2, high=4096)
    rate: float = setting(3e-3, "learning rate, at its highest", low=1e-8, high=1.0)
    temperature: float = setting(
        2.0, "by which log odds are divided: higher ones learn more from what is unlikely", low=0.1, high=100.0
    )
    features: float = setting(
        1.0, "weight of learning what the parent sees, beside what it answers", low=0.0, high=1000.0
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DistilSettings(TrainedSettings):
    """A small network that learns what a large one answers."""

    network: str = setting("small", "the network that learns", choices=STUDENTS)
    size: int = setting(0, "pixels of both sides of its input; 0: as it was made for", low=0, high=1024)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSettings(TrainedSettings):
    """The same network with fewer channels."""

    parameters: float = setting(0.6, "share of the parameters that is left", low=0.05, high=0.99)
    epochs: float = setting(15.0, "passes over the training pictures afterwards", low=0.01, high=1000.0)
    rate: float = setting(1e-3, "learning rate, at its highest", low=1e-8, high=1.0)


WAYS: Mapping[str, CompressionSettings] = {INT8: Int8Settings(), DISTIL: DistilSettings(), PRUNE: PruneSettings()}


def settings_of(how: str, words: Sequence[str]) -> CompressionSettings:
    """The settings of a way to compress, with `KEY=VALUE` words on top of its defaults.

    Raises:
        RecipeSettingError: no such key, no such value; names the nearest.
    """
    return from_words(WAYS[how], words, f"--how {how} --set")
