"""Colours are changed within the network as libraries change them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from classifier.backbones.colour_spaces import equalised, ycrcb
from classifier.package.export import export_backbone
from classifier.package.keras_file import check_network
from classifier.pictures.preprocessing import Preprocessing


def _pictures() -> np.ndarray:
    random = np.random.default_rng(0)
    dark = np.linspace(10, 90, 32 * 32).reshape(32, 32, 1) + random.uniform(-8, 8, (32, 32, 3))
    return np.round(np.stack([dark, random.uniform(0, 255, (32, 32, 3))])).astype(np.float32)


def test_luma_and_differences_are_those_of_pillow_in_opencvs_order() -> None:
    pictures = _pictures()

    found = np.asarray(ycrcb(pictures))

    expected = np.stack(
        [np.asarray(Image.fromarray(one.astype(np.uint8)).convert("YCbCr"))[..., [0, 2, 1]] for one in pictures]
    )
    assert np.abs(found - expected).max() < 2.0


def test_a_dark_picture_fills_the_range_and_keeps_its_colours() -> None:
    pictures = _pictures()

    found = np.asarray(equalised(pictures))

    luma = found[0] @ np.float32([0.299, 0.587, 0.114])
    assert luma.min() < 20 and luma.max() > 235
    inside = (found[0] > 0).all(axis=-1) & (found[0] < 255).all(axis=-1)
    differences = [one[..., :1] - one[..., 1:] for one in (found[0], pictures[0])]
    assert np.allclose(differences[0][inside], differences[1][inside], atol=1e-2)


def test_grey_pictures_are_equalised_as_pillow_does_it() -> None:
    grey = np.repeat(_pictures()[:1].mean(axis=3, keepdims=True).round(), 3, axis=3).astype(np.float32)

    found = np.asarray(equalised(grey))[0, :, :, 0]

    expected = np.asarray(ImageOps.equalize(Image.fromarray(grey[0, :, :, 0].astype(np.uint8))), np.float32)
    assert np.abs(found - expected).mean() < 6.0


def test_a_picture_of_one_colour_stays_one() -> None:
    found = np.asarray(equalised(np.full((1, 8, 8, 3), 40.0, np.float32)))

    assert found.std() < 1e-3


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras' own, when it saves
def test_a_network_with_them_is_saved_as_one_that_packages_may_hold(tmp_path: Path) -> None:
    import keras

    pictures = keras.Input((16, 16, 3), name="pictures")
    x = keras.layers.Rescaling(1.0, offset=[-1.0, -2.0, -3.0])(ycrcb(equalised(pictures)))
    model = keras.Model(pictures, keras.layers.GlobalAveragePooling2D(dtype="float32")(x))

    files = export_backbone(model, tmp_path, name="colours", preprocessing=Preprocessing(16))

    check_network(next(tmp_path.glob("*.keras")))
    assert "litert" in files.runtimes
