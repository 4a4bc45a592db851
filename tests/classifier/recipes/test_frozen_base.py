"""A wholly frozen base looks at pictures once; what is trained behind it ends as if it had looked all the time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.arrays import Float32Array
from classifier.backbones.catalogue import Origin
from classifier.recipes.epoch_samples import SeenPlace, seen_once
from classifier.recipes.fit import FitPlace, fit, probabilities
from classifier.recipes.recipe import CLASSES_LAYER, FrozenBase, Recipe
from classifier.recipes.recipe_network import FULL, HALF, RecipeNetwork
from classifier.recipes.settings import setting
from tests.classifier.recipes.painted import TinySettings, squares

CLASSES = ("red", "green")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSettings(TinySettings):
    passes: int = setting(2, "passes", low=0, high=9)
    learns: bool = setting(False, "whether the base does")
    epochs: int = setting(30, "passes", low=1, high=100)
    mirror: bool = setting(False, "half of the samples are mirrored")


def build(settings: FrozenSettings, classes: int, origin: Origin) -> Any:
    import keras

    pictures = keras.Input((settings.size, settings.size, 3))
    base = keras.layers.Conv2D(6, 4, strides=4, activation="relu")
    normal = keras.layers.BatchNormalization()
    base.trainable = normal.trainable = settings.learns
    x = normal(base(keras.layers.Rescaling(1 / 255)(pictures)))
    x = keras.layers.GlobalMaxPooling2D(name="features")(x)
    x = keras.layers.Dropout(0.1, seed=settings.seed)(x)
    last = keras.layers.Dense(classes, activation="softmax", dtype="float32", name=CLASSES_LAYER)
    return keras.Model(pictures, last(x))


FROZEN = Recipe(
    "frozen",
    "for tests",
    FrozenSettings,
    build,
    lambda settings, classes: 0,
    frozen=FrozenBase("features", lambda settings: settings.passes),
)


class Looks:
    """What a base sees, and how many pictures it has looked at."""

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, pictures: Float32Array) -> Float32Array:
        self.pictures += len(pictures)
        return pictures.mean(axis=(1, 2))


def test_what_was_seen_once_trains_the_same_network_as_looking_every_time() -> None:
    stage = squares(200)

    once = fit(FROZEN, FrozenSettings(passes=1), CLASSES, [stage])
    always = fit(FROZEN, FrozenSettings(passes=0), CLASSES, [stage])

    shares = probabilities(once, stage.pictures)
    assert (shares.argmax(axis=1) == stage.labels).mean() > 0.9
    assert np.allclose(shares, probabilities(always, stage.pictures), atol=1e-3)  # nothing is varied here


def test_the_frozen_base_is_as_it_was_after_training() -> None:
    settings = FrozenSettings(passes=2, epochs=2)
    before = RecipeNetwork(FROZEN, settings, 2, Origin()).model.get_weights()[:-2]

    after = fit(FROZEN, settings, CLASSES, [squares(80)]).embedder.get_weights()

    assert len(before) == 6  # filters, and a normalisation with its statistics
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=False))


def test_the_base_looks_at_each_training_picture_once_a_pass_and_at_validation_pictures_as_they_are() -> None:
    stage, looks = squares(40), Looks()
    settings = FrozenSettings(noise=20.0)

    seen = seen_once(stage, 0, looks, settings, 3, SeenPlace(None))

    assert looks.pictures == 3 * len(stage.train) + len(stage.validation)
    assert seen.passes is not None and seen.passes.shape == (3, 40, 3)
    assert not np.array_equal(seen.passes[0], seen.passes[1])
    plain = stage.pictures[stage.validation].astype(np.float32).mean(axis=(1, 2))
    assert np.allclose(seen.pictures[stage.validation], plain)


def test_a_training_that_was_killed_does_not_look_again(tmp_path: Path) -> None:
    stage, first, second = squares(40), Looks(), Looks()
    settings = FrozenSettings(noise=20.0)

    one = seen_once(stage, 0, first, settings, 2, SeenPlace(tmp_path))
    (tmp_path / "seen-0-1.npy").write_bytes(b"cut short")
    other = seen_once(stage, 0, second, settings, 2, SeenPlace(tmp_path))

    assert second.pictures == len(stage.train)  # the pass that was lost
    assert one.passes is not None and other.passes is not None
    assert np.array_equal(one.passes, other.passes)


def test_it_goes_on_after_a_kill_as_one_that_was_not_killed(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def die(stage: str, share: float, words: str) -> None:
        if stage == "training" and share > 0.5:
            raise Killed

    settings, stages = FrozenSettings(epochs=6, patience=0), [squares(80)]
    with pytest.raises(Killed):
        fit(FROZEN, settings, CLASSES, stages, place=FitPlace(tmp_path, report=die))

    went_on = fit(FROZEN, settings, CLASSES, stages, place=FitPlace(tmp_path))

    assert went_on.resumed
    assert np.array_equal(went_on.weights, fit(FROZEN, settings, CLASSES, stages).weights)


def test_a_base_that_learns_is_no_frozen_one() -> None:
    with pytest.raises(ValueError, match="weights before the layer features learn"):
        fit(FROZEN, FrozenSettings(learns=True), CLASSES, [squares(40)])


def test_samples_of_what_was_seen_are_blended_too() -> None:
    network = fit(FROZEN, FrozenSettings(mixup=0.4, epochs=2), CLASSES, [squares(40)])

    assert np.isfinite(network.weights).all()


def test_half_precision_ends_in_a_twin_with_the_trained_weights() -> None:
    network = RecipeNetwork(FROZEN, FrozenSettings(), 2, Origin(), HALF)
    network.freeze_until("features")
    trained = [np.full_like(one, 0.5) for one in network.weights()]
    network.give(trained)

    cut = network.cut(CLASSES)

    assert {layer.dtype_policy.name for layer in cut.embedder.layers} == {FULL}
    assert (cut.weights == 0.5).all()
