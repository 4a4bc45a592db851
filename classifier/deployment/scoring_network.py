"""A package's scoring as one Keras model: uint8 RGB pictures in, probabilities out.

    pictures (n, size, size, 3) uint8 -> the package's network -> head -> calibration -> probability (n, 1)
                                                                       -> softmax      -> probabilities (n, classes)

What a package keeps as a few numbers beside its network (`head.npz`) is layers here, so that one file holds all of it.
Three things of a crawl's scores are not inside, because they are not of the picture's pixels: windows of pictures of
extreme shape, the shifts of posts whose tags name somebody else, and what taggers say of a post. A crawl rounds
embeddings to half precision, as it stores them; here they are not, which moves a score by less than 0.001.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from classifier.head import Calibration, Head
from classifier.package.keras_file import loaded_network
from classifier.pictures.preprocessing import Preprocessing
from classifier.recognition.class_head import ClassHead

PICTURES, PROBABILITY, LOGIT, EMBEDDING = "pictures", "probability", "head_logit", "head_input"
"""Names of the input, and of the layers that give the output, the head's logits and the embedding."""


class ScoringPackage(Protocol):
    """A package of either kind, as far as one picture's score is concerned."""

    @property
    def keras(self) -> Path: ...
    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def head(self) -> Head | ClassHead: ...


def scoring_network(package: ScoringPackage) -> Any:
    """The whole package as a `keras.Model`.

    Args:
        package: checked; its network is loaded here.

    Returns:
        From uint8 RGB, shape (n, size, size, 3), to float32, 0..1: (n, 1) of a target's model, (n, classes) of a
        recogniser, rows that sum to one.

    Raises:
        PackageError: the network's file is none of ours.
        DeviceError: Keras refuses it.
    """
    return with_head(loaded_network(package.keras), package.head)


def with_head(backbone: Any, head: Head | ClassHead) -> Any:
    """A network with a head and its calibration as layers.

    Args:
        backbone: a `keras.Model` from float32 RGB 0..255, shape (n, size, size, 3), to embeddings, shape (n, d).
        head: for embeddings of that length.
    """
    import keras

    pictures = keras.Input(backbone.input_shape[1:], dtype="uint8", name=PICTURES)
    numbers = backbone(keras.ops.cast(pictures, "float32"))
    embedding = keras.layers.Activation("linear", dtype="float32", name=EMBEDDING)(numbers)
    scored = _classes(embedding, head) if isinstance(head, ClassHead) else _target(embedding, head)
    model = keras.Model(pictures, scored, name="scoring")
    model.trainable = False
    return model


def input_network(size: int) -> Any:
    """From uint8 pictures, (n, size, size, 3), to what a network takes: the same as float32, 0..255."""
    import keras

    pictures = keras.Input((size, size, 3), dtype="uint8", name=PICTURES)
    return keras.Model(pictures, keras.ops.cast(pictures, "float32"))


def head_network(head: Head) -> Any:
    """From embeddings, (n, d), to probabilities, (n, 1): a head and its calibration alone."""
    import keras

    embedding = keras.Input((len(head.weights),), dtype="float32", name=EMBEDDING)
    return keras.Model(embedding, _target(embedding, head))


def _target(embedding: Any, head: Head) -> Any:
    logits = _linear(embedding, head.weights[:, None], np.array([head.bias]))
    return _calibrated(logits, head.calibration)


def _classes(embedding: Any, head: ClassHead) -> Any:
    import keras

    cooler = 1.0 / head.temperature
    logits = _linear(embedding, head.weights * cooler, head.bias * cooler)
    return keras.layers.Softmax(dtype="float32", name=PROBABILITY)(logits)


def _linear(embedding: Any, weights: Any, bias: Any) -> Any:
    import keras

    layer = keras.layers.Dense(weights.shape[1], dtype="float32", name=LOGIT)
    logits = layer(embedding)
    layer.set_weights([np.asarray(weights, np.float32), np.asarray(bias, np.float32)])
    return logits


def _calibrated(logits: Any, calibration: Calibration) -> Any:
    """Probabilities, shape (n, 1), from logits, shape (n, 1), as `Calibration.probabilities` gives them."""
    import keras

    if calibration.knots:
        return _curve(logits, calibration)
    scaled = keras.layers.Rescaling(calibration.slope, calibration.intercept, dtype="float32", name="head_calibrated")
    return keras.layers.Activation("sigmoid", dtype="float32", name=PROBABILITY)(scaled(logits))


def _curve(logits: Any, calibration: Calibration) -> Any:
    """The rising piecewise-linear curve as a sum of ramps.

    Each ramp goes from 0 to 1 between two knots and counts as much as the probability rises there: every part of the
    sum lies in 0..1, so that float32 loses nothing where two knots lie close together.
    """
    import keras

    knots, values = np.array(calibration.knots), np.array(calibration.values)
    starts, steepness = knots[:-1].astype(np.float32), (1.0 / np.diff(knots)).astype(np.float32)
    ramps = keras.layers.ReLU(max_value=1.0, dtype="float32", name="head_ramps")((logits - starts) * steepness)
    layer = keras.layers.Dense(1, dtype="float32", name="head_calibrated")
    probabilities = layer(ramps)
    layer.set_weights([np.diff(values).astype(np.float32)[:, None], np.array([values[0]], np.float32)])
    return keras.layers.ReLU(max_value=1.0, dtype="float32", name=PROBABILITY)(probabilities)  # the sum may round up
