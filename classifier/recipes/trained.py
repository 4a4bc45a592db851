"""What every recipe ends in, whatever the number of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifier.arrays import FloatArray
from classifier.pictures.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the samples; losses in nats, mean of a picture."""

    number: int  # from 1
    loss: float  # while training, on varied pictures
    accuracy: float  # 0..1, while training
    validation_loss: float  # on the validation pictures as they are
    validation_accuracy: float
    rate: float  # learning rate at its end
    seconds: float


@dataclass(frozen=True, slots=True)
class StageHistory:
    """What one training recorded; a recipe has one, and one more for every stage before it."""

    name: str
    counts: tuple[int, ...]  # training pictures of each class, before copies
    samples: int  # an epoch, copies included
    epochs: tuple[Epoch, ...]
    best: int  # number of the epoch whose weights were kept
    steps: int  # done
    planned_steps: int  # without early end; fewer where patience ended it, as it was meant to
    seconds: float

    @property
    def kept(self) -> Epoch:
        """The epoch whose weights were kept."""
        return self.epochs[self.best - 1]


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """A trained recipe, cut before its last layer: an embedding, and one linear softmax on it."""

    embedder: Any  # keras.Model: RGB 0..255 (batch, height, width, 3) -> (batch, d) float32
    weights: FloatArray  # (d, classes) of the last, softmax layer
    bias: FloatArray  # (classes,)
    classes: tuple[str, ...]  # in the order of the columns
    preprocessing: Preprocessing  # what the decoder does; scaling to the network's range is inside the embedder
    history: tuple[StageHistory, ...]  # the last one is the training itself
    precision: str = "float32"  # while training; the embedder is float32 always
    resumed: bool = False  # whether an interrupted training was gone on with
