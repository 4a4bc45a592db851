"""Recipes by name: their networks are as large as `crawl networks` says, and end as the loop expects."""

from __future__ import annotations

import pytest

from classifier.backbones.catalogue import Origin
from classifier.recipes.catalogue import RECIPES, recipe_named
from classifier.recipes.recipe import CLASSES_LAYER
from classifier.recipes.settings import from_words

SMALL = {  # settings under which a network is built at once
    "mona_cnn": ["size=48", "padding=same", "width=0.05"],
    "simpsons_cnn": ["size=32"],
    "efficientnet_lite0": ["size=32", "weights=none"],
    "vgg16": ["size=32", "weights=none"],
}


@pytest.mark.parametrize("name", SMALL)
def test_the_parameters_of_a_network_are_counted_without_building_it(name: str) -> None:
    recipe = RECIPES[name]
    settings = from_words(recipe.settings(), SMALL[name])

    model = recipe.build(settings, 3, Origin())

    assert model.count_params() == recipe.parameters(settings, 3)
    assert model.layers[-1].name == CLASSES_LAYER
    assert model.output_shape == (None, 3)


def test_mona_cnn_is_as_large_as_it_was_published() -> None:
    recipe = RECIPES["mona_cnn"]

    assert recipe.parameters(recipe.settings(), 2) == pytest.approx(44e6, rel=0.02)


@pytest.mark.parametrize("convolutions", ["4", "6"])
def test_simpsons_cnn_has_as_many_convolutions_as_asked_for(convolutions: str) -> None:
    recipe = RECIPES["simpsons_cnn"]
    settings = from_words(recipe.settings(), [f"convolutions={convolutions}"])

    model = recipe.build(settings, 18, Origin())

    assert sum("conv2d" in layer.name for layer in model.layers) == int(convolutions)
    assert model.count_params() == recipe.parameters(settings, 18)


def test_an_unknown_recipe_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="known are mona_cnn, simpsons_cnn, inception_v3, vgg16, efficientnet_lite0"):
        recipe_named("monacnn")
