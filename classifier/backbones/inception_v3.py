"""InceptionV3 without its top, with the weights of ImageNet or of a package from the registry.

The package `nsfwjs` (25 MB, MIT) brings one that was trained on from ImageNet's to tell drawings and photographs of
five kinds, in 8 bit. It is a package for Node: its archive, as `npm pack nsfwjs` leaves it, is read as it is. Its
weights want 0..1, those of ImageNet -1..1.

Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.backbones.first_weights import WeightsChoice, WeightsOffer
from classifier.errors import DeviceError
from classifier.weights.keras_h5 import read_layers
from classifier.weights.layer_arrays import LayerArrays, by_creation
from classifier.weights.model_files import files_of
from classifier.weights.tfjs_model import TfjsModel, read_model

SIZE = 224  # pixels of both sides; it was published for 299
LEAST_SIZE = 75
PARAMETERS = 21_802_784
FEATURES = 2048
OFFER = WeightsOffer(
    "inception_v3",
    87.9,
    "npm pack nsfwjs and weights=nsfwjs-4.3.0.tgz, or weights=FILE with Keras' own without its top",
)
FOLDER = "inception_v3"  # of its files, in the package
SYMMETRIC, UNIT = "symmetric", "unit"  # what the network's first layer gives: -1..1 or 0..1
_HDF5 = (".h5", ".hdf5")
_KINDS = ("conv2d", "batch_normalization")
_SCALES = {SYMMETRIC: (1 / 127.5, -1.0), UNIT: (1 / 255, 0.0)}


@dataclass(frozen=True, slots=True)
class InceptionWeights:
    """What is read before the network is built."""

    layers: LayerArrays
    scaling: str  # that they want


def read(place: Path) -> InceptionWeights:
    """The weights that lie there: HDF5 of Keras, or a layers model of TensorFlow.js in an archive or a folder.

    Raises:
        DeviceError: neither; says what it is instead.
    """
    if place.name.endswith(_HDF5):
        return InceptionWeights(OFFER.read(place, read_layers), SYMMETRIC)
    return InceptionWeights(OFFER.read(place, lambda path: published_model(path).layers), UNIT)


def published_model(place: Path) -> TfjsModel:
    """The model of TensorFlow.js that lies in a folder or an archive, with its own last layers.

    Raises:
        NotWeights, OSError: there is none.
    """
    return read_model(files_of(place, FOLDER))


def maps(pictures: Any, choice: WeightsChoice, scaling: str = "auto") -> Any:
    """A `keras.Model` from the tensor's input to the last feature maps, 2,048 channels.

    Args:
        pictures: tensor of RGB pictures, 0..255, shape (n, size, size, 3).
        choice: where the weights come from.
        scaling: `SYMMETRIC`, `UNIT`, or auto: as the weights want it.

    Raises:
        DeviceError: the weights are not to be had, or not of this network.
    """
    import keras

    weights = read(choice.place) if choice.place is not None else None
    scale, offset = _SCALES[scaling if scaling != "auto" else weights.scaling if weights else SYMMETRIC]
    scaled = keras.layers.Rescaling(scale, offset=offset, name="scaled")(pictures)
    try:
        model = keras.applications.InceptionV3(
            include_top=False, weights="imagenet" if choice.download else None, input_tensor=scaled
        )
    except Exception as error:  # Keras raises plain Exception for a failed download
        raise DeviceError(
            f"the weights of inception_v3 cannot be downloaded: {str(error)[:200]}; {OFFER.how}"
        ) from error
    if weights is not None and choice.place is not None:
        give(model.layers, weights.layers, choice.place)
    return model


def give(layers: Iterable[Any], arrays: LayerArrays, place: Path) -> None:
    """Give layers their weights by the order in which both were made: Keras numbers their names.

    Raises:
        DeviceError: there are more or fewer, or of other shapes.
    """
    by_name = {layer.name: layer for layer in layers}
    for kind in _KINDS:
        ours, theirs = by_creation(by_name, kind), by_creation(arrays, kind)
        if len(ours) != len(theirs):
            raise DeviceError(
                f"the weights {place} are not of inception_v3: {len(theirs)} layers {kind}, expected {len(ours)}"
            )
        for name, published in zip(ours, theirs, strict=True):
            layer, given = by_name[name], arrays[published]
            shapes = [tuple(one.shape) for one in layer.weights]
            if [one.shape for one in given] != shapes:
                found = [one.shape for one in given]
                raise DeviceError(
                    f"the weights {place} are not of inception_v3: {published} has {found}, expected {shapes}"
                )
            layer.set_weights(given)
