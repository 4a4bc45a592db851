"""InceptionV3 takes weights by the order in which its layers were made, and scales pictures as the weights want it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.backbones import inception_v3
from classifier.backbones.first_weights import WeightsChoice
from classifier.errors import DeviceError


def _layers(count: int, filters: int = 2) -> list[Any]:
    import keras

    pictures = keras.Input((8, 8, 3))
    x = pictures
    for _ in range(count):
        x = keras.layers.BatchNormalization(scale=False)(keras.layers.Conv2D(filters, 3, use_bias=False)(x))
    return list(keras.Model(pictures, x).layers)


def _arrays(layers: list[Any]) -> dict[str, tuple[Any, ...]]:
    """Of layers that another program numbered from one."""
    found = {}
    for kind in ("conv2d", "batch_normalization"):
        ours = [layer for layer in layers if layer.name.startswith(kind)]
        for number, layer in enumerate(ours, start=1):
            found[f"{kind}_{number}"] = tuple(np.full(tuple(one.shape), number, np.float32) for one in layer.weights)
    return found


def test_layers_are_paired_by_the_numbers_in_their_names(tmp_path: Path) -> None:
    layers = _layers(3)

    inception_v3.give(reversed(layers), _arrays(layers), tmp_path)

    convolutions = [layer for layer in layers if layer.name.startswith("conv2d")]
    assert [float(layer.get_weights()[0].max()) for layer in convolutions] == [1, 2, 3]


def test_fewer_layers_or_other_shapes_are_refused(tmp_path: Path) -> None:
    layers = _layers(2)

    with pytest.raises(DeviceError, match="not of inception_v3: 1 layers conv2d, expected 2"):
        inception_v3.give(layers, _arrays(_layers(1)), tmp_path)
    with pytest.raises(DeviceError, match=r"conv2d_1 has \[\(3, 3, 3, 4\)\]"):
        inception_v3.give(layers, _arrays(_layers(2, filters=4)), tmp_path)


def test_weights_of_a_tfjs_model_want_0_to_1_and_those_of_keras_want_both_signs(tmp_path: Path) -> None:
    folder = tmp_path / "inception_v3"
    folder.mkdir()
    spec = {"name": "conv2d_1/kernel", "shape": [1], "dtype": "float32"}
    group = {"paths": ["s"], "weights": [spec]}
    (folder / "model.json").write_text(json.dumps({"modelTopology": {}, "weightsManifest": [group]}))
    (folder / "s").write_bytes(np.ones(1, "<f4").tobytes())

    assert inception_v3.read(tmp_path).scaling == inception_v3.UNIT
    with pytest.raises(DeviceError, match="cannot be read"):
        inception_v3.read(tmp_path / "none.h5")


@pytest.mark.slow
def test_the_whole_network_has_as_many_parameters_as_published_and_refuses_other_weights(tmp_path: Path) -> None:
    import keras

    model = inception_v3.maps(keras.Input((96, 96, 3)), WeightsChoice(None))

    assert model.count_params() == inception_v3.PARAMETERS
    assert model.output_shape[-1] == inception_v3.FEATURES
    with pytest.raises(DeviceError, match="not of inception_v3"):
        inception_v3.give(model.layers, _arrays(_layers(2)), tmp_path)
