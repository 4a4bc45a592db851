"""Layers that Keras named by itself are found again in the order in which they were made."""

from __future__ import annotations

from classifier.weights.layer_arrays import by_creation


def test_numbers_count_as_numbers_and_none_is_the_first() -> None:
    names = ["conv2d_10", "dense_1", "conv2d_9", "conv2d", "conv2d_transpose_1", "my_conv2d_2"]

    assert by_creation(names, "conv2d") == ["conv2d", "conv2d_9", "conv2d_10"]
