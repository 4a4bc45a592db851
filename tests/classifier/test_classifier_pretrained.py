"""The pretrained backbone: rebuilt rightly, the same for a mirror where it should be, and projected without loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from classifier.backbones import efficientnet_lite0, gradients_and_colour, pretrained
from classifier.errors import DeviceError

_SIDE = 64


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
    monkeypatch.setattr(efficientnet_lite0, "_PACKAGE", "not_installed_anywhere")

    assert not efficientnet_lite0.installed()
    with pytest.raises(DeviceError, match=r"boorusieve\[pretrained\]"):
        efficientnet_lite0.published_weights()


def test_another_file_than_the_published_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(b"not the weights")

    with pytest.raises(DeviceError, match="not the published file"):
        efficientnet_lite0._read(tmp_path / "other.pth")


def test_colours_stay_where_the_picture_is_mirrored_and_edges_turn() -> None:
    from keras import ops

    picture = _picture(128)
    straight, mirrored = (
        np.asarray(gradients_and_colour.features(ops.array(one))) for one in (picture, picture[:, :, ::-1])
    )
    edges = 900

    assert straight.shape == (1, gradients_and_colour.DIMENSION)
    assert np.allclose(straight[:, edges : edges + 192], mirrored[:, edges : edges + 192], atol=1e-3)
    assert not np.allclose(straight[:, :edges], mirrored[:, :edges], atol=1e-2)


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
