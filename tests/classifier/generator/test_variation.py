"""What the discriminator sees: each kind of change alone, and that gradients pass through all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from classifier.generator.batches import Batches
from classifier.generator.settings import experiment_settings
from classifier.generator.variation import COLUMNS, Variation, varied
from tests.classifier.generator.tiny_generator import SMALL, tiny_data


def pictures() -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)


def how(**columns: float) -> Any:
    names = ("brightness", "saturation", "contrast", "down", "right", "row", "column")
    numbers = np.zeros((2, COLUMNS), np.float32)
    for name, value in columns.items():
        numbers[:, names.index(name)] = value
    return numbers


def test_a_picture_is_moved_by_whole_pixels_and_leaves_nothing_behind() -> None:
    before = pictures()

    after = np.asarray(varied(before, how(down=3, right=-5), Variation(0, 12, 0)))

    assert np.array_equal(after[:, :-3, 5:], before[:, 3:, :-5])
    assert not after[:, -3:].any() and not after[:, :, :5].any()


def test_a_square_is_cut_out_where_it_was_drawn() -> None:
    after = np.asarray(varied(pictures(), how(row=50, column=20), Variation(0, 0, 10)))

    assert not after[:, 41:60, 11:30].any()
    assert after[:, :40].all() and after[:, :, 31:].all()


def test_colours_change_in_brightness_saturation_and_contrast() -> None:
    before = pictures()

    def changed(**columns: float) -> Any:
        return np.asarray(varied(before, how(**columns), Variation(0.5, 0, 0)))

    assert np.allclose(changed(brightness=0.25), before + 0.25, atol=1e-5)
    assert np.allclose(changed(saturation=-0.5).std(axis=3), 0, atol=1e-5)  # no colour is left
    assert changed(contrast=0.5).std() == pytest.approx(1.5 * before.std(), rel=0.01)
    assert np.allclose(changed(), before, atol=1e-5)


def test_what_is_drawn_lies_within_what_was_asked_for() -> None:
    variation = Variation.of(experiment_settings("best", ()))

    drawn = variation.drawn(500, np.random.default_rng(0))

    assert np.abs(drawn[:, :3]).max() <= 0.5 and np.abs(drawn[:, 3:5]).max() == 2
    assert (drawn[:, 5:].min(), drawn[:, 5:].max()) == (0, 95)
    assert Variation.of(experiment_settings("4", ())).nothing and not variation.nothing


def test_few_pictures_vary_at_first_and_all_in_the_end() -> None:
    settings = replace(experiment_settings("best", SMALL), variation_epochs=2.0)
    batches = Batches(tiny_data(), settings, 0)  # five batches an epoch

    def share(step: int) -> float:
        drawn = [batches.discriminator(step).varied_real for step in range(step, step + 3)]
        return float(np.mean([row[0] != 0 and row[5] >= 0 for row in np.concatenate(drawn)]))

    assert share(0) < share(6) < share(10) == 1.0
    assert np.abs(Variation(0.5, 2, 10).drawn(99, np.random.default_rng(0), 0.0)[:, 3:5]).max() == 2  # all are moved


def test_a_generator_learns_through_all_of_it() -> None:
    import tensorflow as tf

    variation = Variation.of(experiment_settings("best", ()))
    seen = tf.constant(pictures())
    with tf.GradientTape() as tape:
        tape.watch(seen)
        total = tf.reduce_sum(varied(seen, variation.drawn(2, np.random.default_rng(1)), variation))

    assert float(tf.reduce_max(tf.abs(tape.gradient(total, seen)))) > 0
