"""Fine-tuning: the last stages learn, the published ones stay, and the files hold both in half the size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.backbones import efficientnet_lite0, pretrained
from classifier.backbones.folded_network import folded
from classifier.inference.backends import LiteRtNetwork
from classifier.inference.runtime import RuntimeSettings
from classifier.package import half_precision
from classifier.package.export import export_backbone
from classifier.package.keras_file import check_network
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.training.backbone_training import TrainingSet
from classifier.training.embedders import fine_tuning

_SIDE, _KEPT = 64, 6
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras, when it saves


@pytest.fixture(scope="module")
def published() -> Any:
    raw = pretrained.raw(_SIDE, efficientnet_lite0.published_weights())
    random = np.random.default_rng(0)
    weights = random.normal(scale=0.1, size=(sum(pretrained.sizes()), _KEPT)).astype(np.float32)
    return pretrained.projected(raw, pretrained.Projection(weights, np.zeros(_KEPT, np.float32)))


def _pictures(count: int) -> Pixels:
    """Every other one red, the others blue."""
    pictures = np.random.default_rng(1).integers(0, 90, (count, _SIDE, _SIDE, 3))
    pictures[::2, ..., 0] += 150
    pictures[1::2, ..., 2] += 150
    return pictures.astype(np.uint8)


def test_only_the_last_stages_are_trained_and_the_published_embedding_stays(published: Any) -> None:
    pictures = _pictures(16)
    shows = np.eye(2, dtype=np.float32)[np.arange(16) % 2]
    before = published.predict_on_batch(pictures.astype(np.float32))
    recipe = replace(fine_tuning.RECIPE, epochs=0.1, least_steps=20, batch=8, averaging=0.5)

    network, training = fine_tuning.fine_tuned(published, TrainingSet(pictures, shows, pictures[:0]), recipe)

    whole = folded(fine_tuning.joined(published, network, pictures.astype(np.float32)))
    found = whole.predict_on_batch(pictures.astype(np.float32))
    assert training.steps == 20
    assert found.shape == (16, _KEPT + 192 + 2)
    assert np.allclose(found[:, :_KEPT], before, atol=1e-4)
    odds = found[:, -2:] * fine_tuning.ODDS_WEIGHT
    assert (odds[:, 0] - odds[:, 1])[::2].mean() > (odds[:, 0] - odds[:, 1])[1::2].mean() + 0.1, odds
    names = {variable.path for variable in network.logits.trainable_variables}
    assert not any("stem" in name or "normal" in name for name in names)
    assert any(fine_tuning.PREFIX in name for name in names)


def _little_network() -> Any:
    import keras

    pictures = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(64, 3, name="filters")(pictures)
    x = keras.layers.Conv2D(64, 3, name="more")(x)
    return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(x))


def test_both_files_hold_the_same_rounded_weights_in_half_the_size(tmp_path: Path) -> None:
    network = _little_network()
    pictures = np.random.default_rng(0).integers(0, 255, (4, 8, 8, 3)).astype(np.uint8)
    whole = export_backbone(network, tmp_path / "whole", name="x", preprocessing=Preprocessing(8))

    half = export_backbone(network, tmp_path / "half", name="x", preprocessing=Preprocessing(8), halved=True)

    import keras

    check_network(half.keras)
    expected = network.predict_on_batch(pictures.astype(np.float32))
    loaded = keras.saving.load_model(half.keras, compile=False)
    light = LiteRtNetwork(half.runtimes["litert"], RuntimeSettings(threads=1)).infer(pictures)
    assert np.array_equal(loaded.predict_on_batch(pictures.astype(np.float32)), expected)
    assert np.allclose(light, expected, atol=1e-3)
    for one, other in ((half.keras, whole.keras), (half.runtimes["litert"], whole.runtimes["litert"])):
        assert one.stat().st_size < 0.75 * other.stat().st_size


@pytest.mark.slow
def test_the_fine_tuned_network_is_one_that_imports_accept(published: Any, tmp_path: Path) -> None:
    untrained = fine_tuning.fine_tuned_network(published, 2)
    network = folded(fine_tuning.joined(published, untrained, _pictures(4).astype(np.float32)))

    files = export_backbone(network, tmp_path, name="x", preprocessing=Preprocessing(_SIDE), halved=True)

    check_network(files.keras)
    expected = network.predict_on_batch(_pictures(4).astype(np.float32))
    light = LiteRtNetwork(files.runtimes["litert"], RuntimeSettings(threads=1)).infer(_pictures(4))
    assert np.allclose(light, expected, atol=2e-3)


@pytest.mark.parametrize("of_today", [True, False])
def test_a_projection_is_kept_where_it_is_of_the_numbers_of_today(tmp_path: Path, of_today: bool) -> None:
    import keras

    numbers = sum(pretrained.sizes()) + (0 if of_today else 900)
    weights = np.random.default_rng(0).normal(size=(numbers, _KEPT)).astype(np.float32)
    features = keras.Input((numbers,))
    network = pretrained.projected(
        keras.Model(features, features), pretrained.Projection(weights, np.zeros(_KEPT, np.float32))
    )
    network.save(tmp_path / "network.keras")

    found = fine_tuning.projection_of(tmp_path / "network.keras")

    assert (found is not None) == of_today
    assert found is None or np.array_equal(found.weights, weights)


def test_weights_that_half_precision_cannot_hold_are_refused() -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(1e6))]
    )

    with pytest.raises(ValueError, match="too large for half precision"):
        half_precision.round_weights(model)
