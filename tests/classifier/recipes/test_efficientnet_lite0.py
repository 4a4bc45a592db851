"""`efficientnet_lite0` may begin with small samples, and looks at whole pictures in the end."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.backbones.catalogue import Origin
from classifier.errors import RecipeSettingError
from classifier.recipes.efficientnet_lite0 import RECIPE, EfficientNetLite0Settings
from classifier.recipes.epoch_samples import EpochSamples, LabelledPictures
from classifier.recipes.settings import from_words

GROWING = EfficientNetLite0Settings(size=128, first_size=64, epochs=6, weights="none")


def test_samples_grow_over_two_thirds_of_the_epochs() -> None:
    assert [GROWING.side(epoch) for epoch in range(6)] == [64, 64, 96, 96, 128, 128]
    assert [EfficientNetLite0Settings().side(epoch) for epoch in (0, 13)] == [96, 96]


def test_an_epoch_s_batches_are_as_large_as_its_samples() -> None:
    pictures = np.zeros((4, 128, 128, 3), np.uint8)
    stage = LabelledPictures("classes", pictures, np.array([0, 1, 0, 1]), np.arange(3), np.array([3]))

    shapes = [EpochSamples(stage, GROWING, (0, epoch), 2).batch(0)[0].shape for epoch in (0, 5)]

    assert shapes == [(3, 64, 64, 3), (3, 128, 128, 3)]


def test_a_network_that_learns_from_every_size_is_finished_for_one() -> None:
    import keras

    model = RECIPE.build(GROWING, 2, Origin())
    embedder = keras.Model(model.inputs, model.layers[-1].input)

    for both_sides in (True, False):
        settings = EfficientNetLite0Settings(size=128, first_size=64, both_sides=both_sides)
        assert RECIPE.finished(embedder, settings).input_shape == (None, 128, 128, 3)
    assert model.compute_output_shape((1, 64, 64, 3)) == (1, 2)


@pytest.mark.parametrize("word", ["first_size=16", "first_size=128"])
def test_first_samples_that_no_network_could_take_are_refused(word: str) -> None:
    with pytest.raises(RecipeSettingError, match="must be 0, or from 32 to size=96"):
        from_words(RECIPE.settings(), [word])
