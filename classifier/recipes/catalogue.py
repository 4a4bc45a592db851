"""The recipes by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from classifier.recipes import efficientnet_lite0, inception_v3, mona_cnn, simpsons_cnn, vgg16
from classifier.recipes.recipe import Recipe

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            mona_cnn.RECIPE,
            simpsons_cnn.RECIPE,
            inception_v3.RECIPE,
            vgg16.RECIPE,
            efficientnet_lite0.RECIPE,
        )
    }
)


def recipe_named(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        ValueError: there is none; the message lists those that exist.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no recipe called {name!r}; known are {', '.join(RECIPES)}")
    return RECIPES[name]
