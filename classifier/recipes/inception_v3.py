"""`inception_v3`: InceptionV3 trained on from published weights, its first 100 layers left as they are; as in 2025.

    pictures -> colours -> InceptionV3 -> mean -> 1,024 units with ReLU -> dropout -> classes

Adam along cosines of ten epochs from 1e-3, label smoothing, mixup, L2 on both dense layers, classes brought to 200
samples, samples turned, moved, sheared, scaled and mirrored. Frozen layers are frozen by `trainable`: then their batch
normalisation stays in inference mode while the rest is trained, which `training=False` at the call does not achieve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifier.backbones import inception_v3
from classifier.backbones.catalogue import Origin
from classifier.backbones.colour_spaces import RGB, YCRCB, equalised, ycrcb
from classifier.backbones.first_weights import AUTO
from classifier.recipes.recipe import Recipe, classified, pictures_of, weights_at_hand
from classifier.recipes.settings import RecipeSettings, setting

_SCALED = "scaled"  # the layer that stands where the published network has its input


@dataclass(frozen=True, slots=True, kw_only=True)
class InceptionV3Settings(RecipeSettings):
    """The defaults are as published; `size=96 epochs=4` is what two processor cores train in minutes."""

    weights: str = setting(AUTO, "first weights: a file or folder, imagenet (by a download that you allowed), none")
    scaling: str = setting(
        AUTO, "what the weights want: symmetric is -1..1, unit 0..1", choices=(AUTO, "symmetric", "unit")
    )
    frozen: int = setting(100, "layers that stay as they are, from the first on", low=0, high=311)
    keep_statistics: bool = setting(False, "batch normalisation of trained layers stays as published, too")
    colours: str = setting(
        RGB, "what the network sees: red, green, blue, or luma and two differences", choices=(RGB, YCRCB)
    )
    equalise: bool = setting(False, "the luma of each picture is spread by its own histogram")
    units: int = setting(1024, "of the dense layer", low=1, high=16_384)
    dropout: float = setting(0.5, "share of the dense layer's units that is left out while training", low=0.0, high=0.9)
    l2: float = setting(1e-3, "weight of the squares of both dense layers' weights in the loss", low=0.0, high=1.0)
    size: int = setting(inception_v3.SIZE, "pixels of both sides of the input", low=inception_v3.LEAST_SIZE, high=1024)
    epochs: int = setting(50, "passes over the training samples, at most", low=1, high=10_000)
    schedule: str = setting(
        "cosine", "course of the learning rate over the epochs; cosine falls to zero", choices=("constant", "cosine")
    )
    cosine_epochs: int = setting(10, "epochs of one cosine, after which it begins anew; 0: all", low=0, high=10_000)
    watch: str = setting(
        "accuracy",
        "what is to improve on the validation pictures, and picks the best epoch",
        choices=("loss", "accuracy"),
    )
    label_smoothing: float = setting(0.1, "share of each label that is spread over all classes", low=0.0, high=0.9)
    mixup: float = setting(0.4, "alpha of mixup: pairs of pictures and labels are blended; 0: none", low=0.0, high=10.0)
    least_per_class: int = setting(200, "least samples of every class, reached by varied copies", low=0, high=1_000_000)
    turn: float = setting(20.0, "degrees by which samples are turned, at most, to either side", low=0.0, high=180.0)
    shift: float = setting(0.2, "share of the side by which samples are moved, at most", low=0.0, high=0.9)
    zoom: float = setting(0.2, "share by which samples are made larger or smaller, at most", low=0.0, high=0.9)
    shear: float = setting(0.2, "share of the side by which samples are sheared, at most", low=0.0, high=0.9)
    validation_share: float = setting(0.1, "share of the pictures that picks the best epoch", low=0.02, high=0.45)


def build(settings: InceptionV3Settings, classes: int, origin: Origin) -> Any:
    """The network with its first weights: `keras.Model` from RGB pictures, 0..255, to probabilities, (n, classes).

    Raises:
        DeviceError: the weights cannot be had.
    """
    import keras

    pictures = pictures_of(settings.size)
    choice = inception_v3.OFFER.chosen(settings.weights, origin)
    base = inception_v3.maps(_coloured(pictures, settings), choice, settings.scaling)
    _freeze(base.layers, settings)
    penalty = keras.regularizers.L2(settings.l2) if settings.l2 else None
    x = keras.layers.GlobalAveragePooling2D(name="features")(base.outputs[0])
    x = keras.layers.Dense(settings.units, activation="relu", kernel_regularizer=penalty, name="dense")(x)
    x = keras.layers.Dropout(settings.dropout, seed=settings.seed)(x)
    return keras.Model(pictures, classified(x, classes, kernel_regularizer=penalty), name="inception_v3")


def parameters(settings: InceptionV3Settings, classes: int) -> int:
    """How many numbers the network has."""
    return inception_v3.PARAMETERS + (inception_v3.FEATURES + 1) * settings.units + (settings.units + 1) * classes


def _coloured(pictures: Any, settings: InceptionV3Settings) -> Any:
    x = equalised(pictures) if settings.equalise else pictures
    return ycrcb(x) if settings.colours == YCRCB else x


def _freeze(layers: list[Any], settings: InceptionV3Settings) -> None:
    """The first layers, counted as in the published network, whose input is one of them."""
    start = [layer.name for layer in layers].index(_SCALED)
    for number, layer in enumerate(layers):
        statistics = settings.keep_statistics and layer.name.startswith("batch_normalization")
        layer.trainable = number >= start + settings.frozen and not statistics


RECIPE = Recipe(
    "inception_v3",
    "InceptionV3 trained on from published weights: many classes, long training",
    InceptionV3Settings,
    build,
    parameters,
    weights="--set weights=FILE: what `npm pack nsfwjs` leaves, or Keras' file without the top; or 88 MB to download",
    licence="MIT (nsfwjs); Apache-2.0 (those of ImageNet)",
    check=weights_at_hand(inception_v3.OFFER),
)
