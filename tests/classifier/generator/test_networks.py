"""The published networks, layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from classifier.generator.networks import build_discriminator, build_generator


def layers_of(network: Any, kind: str) -> list[Any]:
    return [layer for layer in network.layers if type(layer).__name__ == kind]


def test_the_generator_has_the_published_five_layers() -> None:
    network = build_generator(100, 64)

    layers = layers_of(network, "Conv2DTranspose")
    assert [layer.output.shape[1:] for layer in layers] == [
        (4, 4, 512),
        (8, 8, 256),
        (16, 16, 128),
        (32, 32, 64),
        (96, 96, 3),
    ]
    assert [layer.strides[0] for layer in layers] == [1, 2, 2, 2, 3]
    assert [layer.activation.__name__ for layer in layers] == ["linear"] * 4 + ["tanh"]
    assert network.count_params() == 3_576_512 + 4 * (512 + 256 + 128 + 64)
    assert len(layers_of(network, "BatchNormalization")) == 4


def test_the_discriminator_is_its_mirror_image() -> None:
    network = build_discriminator(64, normal=True)

    layers = layers_of(network, "Conv2D")
    assert [layer.output.shape[1:] for layer in layers] == [
        (32, 32, 64),
        (16, 16, 128),
        (8, 8, 256),
        (4, 4, 512),
        (1, 1, 1),
    ]
    assert [layer.strides[0] for layer in layers] == [3, 2, 2, 2, 1]
    assert network.count_params() == 2_765_504 + 4 * (128 + 256 + 512)


@pytest.mark.parametrize(("side", "stride", "pixels"), [(4, 2, 8), (5, 3, 32)])
def test_same_is_a_padding_of_one_on_each_side(side: int, stride: int, pixels: int) -> None:
    import keras

    x = np.random.default_rng(0).normal(size=(1, pixels, pixels, 2)).astype(np.float32)
    same = keras.layers.Conv2DTranspose(3, side, strides=stride, padding="same")
    valid = keras.layers.Conv2DTranspose(3, side, strides=stride, padding="valid")
    padded = keras.layers.Conv2D(3, side, strides=stride, padding="same")
    by_hand = keras.layers.Conv2D(3, side, strides=stride, padding="valid")
    large = np.asarray(same(x))
    around = np.pad(large, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for one, other, inputs in ((same, valid, x), (padded, by_hand, large)):
        one(inputs), other(inputs)
        other.set_weights(one.get_weights())

    assert np.allclose(np.asarray(valid(x))[:, 1:-1, 1:-1], np.asarray(same(x)), atol=1e-5)
    assert np.allclose(np.asarray(by_hand(around)), np.asarray(padded(large)), atol=1e-5)


def test_networks_that_are_told_classes_paint_and_judge_them_differently() -> None:
    generator, discriminator = build_generator(4, 2, classes=2), build_discriminator(2, normal=False, classes=2)
    noise, shows = np.ones((2, 4), np.float32), np.eye(2, dtype=np.float32)

    pictures = np.asarray(generator([noise, shows]))
    logits = np.asarray(discriminator([np.stack([pictures[0]] * 2), shows]))

    assert pictures.shape == (2, 96, 96, 3) and not np.allclose(pictures[0], pictures[1])
    assert logits.shape == (2, 1) and logits[0] != logits[1]


def test_a_fine_layer_begins_without_a_chequerboard_and_works_at_96_pixels() -> None:
    noise = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    plain, fine = build_generator(5, 4), build_generator(5, 4, fine=True)

    strengths = [[np.abs(p).mean() for p in phases(np.asarray(network(noise)))] for network in (plain, fine)]
    assert np.std(strengths[0]) / np.mean(strengths[0]) > 2 * np.std(strengths[1]) / np.mean(strengths[1])
    of_discriminator = build_discriminator(4, normal=False, fine=True)
    for network in (fine, of_discriminator):
        assert network.get_layer("fine").output.shape[1:] == (96, 96, 2)
    assert of_discriminator.output_shape == (None, 1)


def test_a_fine_layers_doubled_maps_do_not_alternate() -> None:
    import keras

    noise = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)
    network = build_generator(5, 4, fine=True)
    layers = [network.get_layer(name).output for name in ("layer4", "smooth4")]

    maps = [np.asarray(one) for one in keras.Model(network.input, layers)(noise)]

    for axis in (1, 2):
        rows = [np.moveaxis(one, axis, 0)[:-2] for one in maps]  # the last ones have fewer neighbours
        between = [np.abs(one[::2].mean((0, 2)) - one[1::2].mean((0, 2))).mean() for one in rows]
        assert between[1] < 0.3 * between[0]


def test_the_published_first_weights_normalisation_and_activations() -> None:
    generator, discriminator = build_generator(20, 16), build_discriminator(16, normal=True)

    for network, kind in ((generator, "Conv2DTranspose"), (discriminator, "Conv2D")):
        for layer in layers_of(network, kind):
            weights = np.asarray(layer.kernel)
            assert abs(weights.mean()) < 0.005 and weights.std() == pytest.approx(0.02, rel=0.15)
            assert not layer.use_bias
    assert [layer.kernel_size for layer in layers_of(generator, "Conv2DTranspose")] == [(4, 4)] * 4 + [(5, 5)]
    assert [layer.kernel_size for layer in layers_of(discriminator, "Conv2D")] == [(5, 5)] + [(4, 4)] * 4
    assert kinds_of(generator) == ["Conv2DTranspose", "BatchNormalization", "ReLU"] * 4 + ["Conv2DTranspose"]
    between = ["Conv2D", "BatchNormalization", "LeakyReLU"]
    assert kinds_of(discriminator) == ["Conv2D", "LeakyReLU", *between * 3, "Conv2D"]
    assert {layer.negative_slope for layer in layers_of(discriminator, "LeakyReLU")} == {0.2}


def kinds_of(network: Any) -> list[str]:
    """Its layers in their order, without those that only reshape."""
    kinds = [type(layer).__name__ for layer in network.layers]
    return [kind for kind in kinds if kind not in ("InputLayer", "Reshape")]


def phases(pictures: Any) -> list[Any]:
    """The pixels by their place in squares of three, away from the border."""
    inner = pictures[:, 6:-6, 6:-6]
    return [inner[:, row::3, column::3] for row in range(3) for column in range(3)]
