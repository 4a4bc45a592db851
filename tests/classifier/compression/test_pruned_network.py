"""Channels are taken out for real, together with those that they hang together with, and the least important ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.backbones import small
from classifier.compression.channels import channels_of, importance
from classifier.compression.pruned_network import pruned
from classifier.errors import DeviceError

SIDE = 16


def pictures() -> Any:
    return np.random.default_rng(0).uniform(0, 255, (3, SIDE, SIDE, 3)).astype(np.float32)


def residual(channels: int = 16) -> Any:
    """A network with a sum, a filter of one channel each, a normalisation, and one network within another."""
    import keras

    keras.utils.set_random_seed(0)
    seen = keras.Input((SIDE, SIDE, 3))
    first = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name="first")(seen)
    side = keras.layers.Conv2D(channels, 1, use_bias=False, name="side")(first)
    side = keras.layers.BatchNormalization(name="normal")(side)
    side = keras.layers.DepthwiseConv2D(3, padding="same", name="each")(side)
    joined = keras.layers.Add()([first, side])
    wide = keras.layers.Conv2D(2 * channels, 3, strides=2, name="wide")(joined)
    both = keras.layers.Concatenate()(
        [keras.layers.GlobalAveragePooling2D()(wide), keras.layers.GlobalMaxPooling2D()(wide)]
    )
    inner = keras.Model(seen, keras.layers.Dense(5, name="end")(both))
    outside = keras.Input((SIDE, SIDE, 3))
    return keras.Model(outside, inner(outside) + inner(keras.ops.flip(outside, axis=2)))


def layer(network: Any, name: str) -> Any:
    (found,) = [one for model in network.layers if hasattr(model, "layers") for one in model.layers if one.name == name]
    return found


def test_channels_that_do_nothing_go_first_and_nothing_changes_without_them() -> None:
    network = residual()
    kernel, bias = layer(network, "wide").get_weights()
    kernel[..., :16] = 0.0
    layer(network, "wide").set_weights([kernel, bias * 0])
    before = np.asarray(network(pictures()))

    smaller = pruned(network, 0.75)

    assert layer(smaller.network, "wide").filters < 32
    assert layer(smaller.network, "first").filters == 16
    np.testing.assert_allclose(np.asarray(smaller.network(pictures())), before, rtol=1e-4, atol=1e-3)


def test_what_a_sum_adds_is_kept_or_removed_together() -> None:
    smaller = pruned(residual(), 0.5).network

    kept = layer(smaller, "first").filters
    assert kept < 16
    assert layer(smaller, "side").filters == kept
    assert layer(smaller, "each").get_weights()[0].shape[2] == kept
    assert layer(smaller, "normal").get_weights()[0].shape == (kept,)
    assert layer(smaller, "wide").get_weights()[0].shape[2] == kept


@pytest.mark.parametrize("share", [0.9, 0.6, 0.4])
def test_as_many_parameters_are_left_as_was_asked_for(share: float) -> None:
    network = small.build(32)

    smaller = pruned(network, share)

    assert smaller.before == network.count_params()
    assert smaller.network.count_params() == smaller.after
    assert abs(smaller.after / smaller.before - share) < 0.02
    assert smaller.network.output_shape == network.output_shape


def test_what_cannot_be_reached_is_refused_with_what_can() -> None:
    with pytest.raises(DeviceError, match=r"a share of 0.01 of the parameters cannot be reached: 0\.\d\d are left"):
        pruned(residual(), 0.01)


def test_channels_of_operations_that_nobody_knows_stay() -> None:
    import keras

    seen = keras.Input((SIDE, SIDE, 3))
    filtered = keras.layers.Conv2D(8, 3, name="filtered")(seen)
    grouped = keras.layers.Conv2D(8, 3, groups=2, name="grouped")(filtered)
    turned = keras.ops.transpose(keras.layers.Conv2D(8, 1)(grouped), (0, 2, 1, 3))
    network = keras.Model(seen, keras.layers.GlobalAveragePooling2D()(turned))

    channels = channels_of(network)

    assert {one.layer.name for one in channels.layers if not set(one.out.tolist()) & channels.fixed} == set()


def test_importance_counts_what_a_normalisation_makes_of_a_filter() -> None:
    network = residual(4)
    normal = layer(network, "normal")
    gamma, *others = normal.get_weights()
    normal.set_weights([np.array([9.0, 1.0, 1.0, 1.0], np.float32), *others])

    channels = channels_of(network)
    worth = importance(channels)
    side = next(one.out for one in channels.layers if one.layer.name == "side")

    assert gamma.shape == (4,)
    assert int(np.argmax(worth[side])) == 0


def test_flattened_maps_lose_all_the_places_of_a_channel() -> None:
    import keras

    seen = keras.Input((4, 4, 3))
    filtered = keras.layers.Conv2D(16, 3, padding="same", name="filtered")(seen)
    network = keras.Model(seen, keras.layers.Dense(2)(keras.layers.Flatten()(filtered)))
    weights = network.get_layer("filtered").get_weights()
    weights[0][..., ::2], weights[1][::2] = 0.0, 0.0
    network.get_layer("filtered").set_weights(weights)
    shown = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype(np.float32)

    smaller = pruned(network, 0.55).network

    assert smaller.get_layer("filtered").filters < 16
    np.testing.assert_allclose(np.asarray(smaller(shown)), np.asarray(network(shown)), atol=1e-5)
