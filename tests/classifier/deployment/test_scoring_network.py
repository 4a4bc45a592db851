"""One network scores as a package does, whatever its head and its calibration are."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from classifier.deployment.scoring_network import scoring_network, with_head
from classifier.errors import DeviceError
from classifier.head import Calibration
from classifier.inference.runtime_choice import SCORE_TOLERANCE, canary_pictures
from classifier.package.package import Package
from classifier.recognition.package import RecogniserPackage

STEPS = Calibration(knots=(-3.0, -0.5, -0.4999, 0.2, 6.0), values=(0.0, 0.1, 0.4, 0.4, 1.0))


def scores(network: Any, package: Package | RecogniserPackage) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(network.predict_on_batch(canary_pictures(package)))


def test_a_targets_network_scores_as_its_package(package: Package) -> None:
    found = scores(scoring_network(package), package)

    assert found[:, 0] == pytest.approx(package.canaries.scores, abs=SCORE_TOLERANCE)


def test_a_curve_of_steps_is_followed_to_the_digit() -> None:
    import keras

    logits = np.linspace(-4, 7, 2000, dtype=np.float32)[:, None]
    given = keras.Input((1,))
    from classifier.deployment.scoring_network import _calibrated

    network = keras.Model(given, _calibrated(given, STEPS))
    expected = STEPS.probabilities(logits.astype(np.float64))

    assert np.asarray(network.predict_on_batch(logits)) == pytest.approx(expected, abs=1e-3)
    assert float(np.asarray(network.predict_on_batch(logits)).max()) <= 1.0


def test_a_recognisers_network_scores_all_its_classes(recogniser: RecogniserPackage) -> None:
    found = scores(scoring_network(recogniser), recogniser)

    assert found == pytest.approx(recogniser.canaries.scores, abs=SCORE_TOLERANCE)


def test_pictures_go_in_as_bytes_of_colour(package: Package) -> None:
    network = scoring_network(package)

    assert network.input_shape == (None, 16, 16, 3)
    assert str(network.inputs[0].dtype) == "uint8"


def test_any_network_of_the_right_length_takes_a_head(package: Package) -> None:
    import keras

    pictures = keras.Input((8, 8, 3))
    numbers = keras.layers.Dense(package.dimension)(keras.layers.GlobalAveragePooling2D()(pictures))

    assert with_head(keras.Model(pictures, numbers), package.head).output_shape == (None, 1)


def test_a_network_that_keras_refuses_is_refused_in_one_line(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    def fails(*_arguments: Any, **_options: Any) -> None:
        raise ValueError("no such\nlayer")

    monkeypatch.setattr(keras.saving, "load_model", fails)

    with pytest.raises(DeviceError, match=r"Keras refuses .*ValueError: no such layer"):
        scoring_network(replace(package))
