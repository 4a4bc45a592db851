"""A network that is trained again begins with its earlier weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import PackageError
from classifier.training.backbone_training import Network, TrainingRecipe, embeddings, network
from classifier.training.warm_start import Earlier, gentler, take_over

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)  # Keras' own, when it saves

FEATURES = 8
PICTURES = np.random.default_rng(0).integers(0, 255, (5, 16, 16, 3)).astype(np.uint8)


def tiny(features: int = FEATURES, layers: int = 1) -> Any:
    import keras

    pictures = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pictures)
    for _ in range(layers):
        x = keras.layers.Conv2D(features, 4, strides=4, padding="same", activation="relu")(x)
    return keras.Model(pictures, keras.layers.GlobalAveragePooling2D()(x))


def untrained(seed: int, characters: int, **shape: int) -> Network:
    import keras

    keras.utils.set_random_seed(seed)
    return network(tiny(**shape), characters)


@pytest.fixture
def earlier(tmp_path: Path) -> tuple[Earlier, np.ndarray]:
    known = untrained(1, 2)
    known.embedding.save(tmp_path / "backbone.keras")
    return Earlier(tmp_path / "backbone.keras", ("mona", "fischl")), embeddings(known, PICTURES)


def test_a_network_that_is_trained_again_sees_what_the_earlier_one_saw(earlier: tuple[Earlier, np.ndarray]) -> None:
    before, seen = earlier
    model = untrained(2, 2)

    take_over(model, ("mona", "fischl"), before)

    assert embeddings(model, PICTURES) == pytest.approx(seen, abs=1e-5)


def test_characters_keep_their_answers_in_another_order_and_beside_new_ones(
    earlier: tuple[Earlier, np.ndarray],
) -> None:
    before, seen = earlier
    model = untrained(2, 3)
    alone = embeddings(model, PICTURES)

    take_over(model, ("fischl", "lisa", "mona"), before)

    after = embeddings(model, PICTURES)
    assert after[:, :FEATURES] == pytest.approx(seen[:, :FEATURES], abs=1e-5)
    assert after[:, FEATURES] == pytest.approx(seen[:, FEATURES + 1], abs=1e-5)
    assert after[:, FEATURES + 2] == pytest.approx(seen[:, FEATURES], abs=1e-5)
    assert not np.allclose(alone[:, FEATURES + 1], seen[:, FEATURES + 1])


@pytest.mark.parametrize("shape", [{"features": 4}, {"layers": 2}])
def test_another_network_is_no_warm_start(earlier: tuple[Earlier, np.ndarray], shape: dict[str, int]) -> None:
    with pytest.raises(PackageError, match=r"backbone\.keras"):
        take_over(untrained(2, 2, **shape), ("mona", "fischl"), earlier[0])


def test_a_warm_start_takes_smaller_steps_and_no_more_than_the_recipe() -> None:
    short = TrainingRecipe(epochs=2, least_steps=6)

    assert gentler(TrainingRecipe()).peak_rate < TrainingRecipe().peak_rate
    assert (gentler(short).epochs, gentler(short).least_steps) == (2, 6)
