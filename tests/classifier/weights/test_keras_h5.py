"""Keras' weights in HDF5 are read by the names of their layers; links, and numbers that unpack, are refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py  # noqa: TID253 - the tests write such files
import numpy as np
import pytest

from classifier.weights.keras_h5 import read_layers
from classifier.weights.layer_arrays import NotWeights


def _tiny() -> Any:
    import keras

    pictures = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, name="first")(pictures)
    x = keras.layers.BatchNormalization(name="second")(x)
    return keras.Model(pictures, keras.layers.Conv2D(2, 1, name="third")(x))


def _saved(path: Path, model: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "__array__ implementation")  # Keras' own, towards NumPy 2
        model.save_weights(path)


def _older(path: Path, model: Any) -> None:
    """As Keras wrote weights before version 3, and still publishes them."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{number}:0" for number in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, layer.get_weights(), strict=True):
                group[name] = array


def test_weights_that_keras_saves_are_read_by_layer(tmp_path: Path) -> None:
    model = _tiny()
    _saved(tmp_path / "w.weights.h5", model)

    layers = read_layers(tmp_path / "w.weights.h5")

    assert set(layers) == {"first", "second", "third"}
    for name, arrays in layers.items():
        expected = model.get_layer(name).get_weights()
        assert all(np.array_equal(*pair) for pair in zip(arrays, expected, strict=True))


def test_the_older_form_is_read_too(tmp_path: Path) -> None:
    model = _tiny()
    _older(tmp_path / "w.h5", model)

    layers = read_layers(tmp_path / "w.h5")

    assert {name: len(arrays) for name, arrays in layers.items()} == {"first": 2, "second": 4, "third": 2}
    assert np.array_equal(layers["third"][0], model.get_layer("third").get_weights()[0])


def _link_to_a_file(file: Any) -> None:
    file["layers/x/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def _soft_link(file: Any) -> None:
    file["layers/x/vars/0"] = h5py.SoftLink("/layers")


def _compressed(file: Any) -> None:
    file.create_dataset("layers/x/vars/0", data=np.zeros((1000, 1000), "f4"), compression="gzip")


def _never_written(file: Any) -> None:
    file.create_dataset("layers/x/vars/0", shape=(100_000, 100_000), dtype="f4")


def _in_another_file(file: Any) -> None:
    file.create_dataset("layers/x/vars/0", shape=(4,), dtype="f4", external=[("/etc/hostname", 0, 16)])


def _texts(file: Any) -> None:
    file["layers/x/vars/0"] = ["a", "b"]


def _circle(file: Any) -> None:
    file["layers/x"] = file.create_group("layers/y")
    file["layers/y/again"] = file["layers"]


def _empty(file: Any) -> None:
    file.create_group("layers")


def _lacking(file: Any) -> None:
    file.attrs["layer_names"] = [b"gone"]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_link_to_a_file, "has a link in its place"),
        (_soft_link, "has a link in its place"),
        (_compressed, "does not lie in it as plain numbers"),
        (_never_written, "has less of them than it says"),
        (_in_another_file, "does not lie in it as plain numbers"),
        (_texts, "are no weights"),
        (_circle, "more than 20000 layers, or layers more than 16 deep"),
        (_empty, "holds no layer with weights"),
        (_lacking, "lacks gone"),
    ],
)
def test_a_file_that_holds_more_or_less_than_plain_numbers_is_refused(
    tmp_path: Path, harm: Callable[[Any], None], words: str
) -> None:
    path = tmp_path / "w.weights.h5"
    with h5py.File(path, "w") as file:
        harm(file)

    with pytest.raises(NotWeights, match=words):
        read_layers(path)


@pytest.mark.parametrize("cut", [0, 8, 200, 2000])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "w.weights.h5"
    _saved(path, _tiny())
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(NotWeights, match="cannot be read as Keras' weights"):
        read_layers(path)
