"""The margin is as small as the decisions allow, and no smaller."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.arrays import FloatArray
from classifier.metrics.rendition_margin import FEWEST, LEAST, MOST, rendition_margin


def scores(odds: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-odds)))


def looked_twice(spread: float, count: int = 400) -> tuple[FloatArray, FloatArray]:
    random = np.random.default_rng(0)
    large = random.uniform(-4, 4, count)
    return scores(large), scores(large + random.normal(0, spread, count))


def test_a_small_copy_that_moves_nothing_needs_the_least_margin() -> None:
    large, _ = looked_twice(0)

    assert rendition_margin(large, large, 0.5) == LEAST


def test_the_margin_grows_with_what_a_small_copy_moves() -> None:
    margins = [rendition_margin(*looked_twice(spread), 0.5) or 0.0 for spread in (0.3, 1.0, 1.3)]

    assert margins == sorted(margins)
    assert margins[0] < margins[1] < margins[2] <= MOST


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_outside_of_the_margin_other_pictures_are_decided_alike(spread: float) -> None:
    margin = rendition_margin(*looked_twice(spread), 0.5)
    assert margin is not None
    random = np.random.default_rng(1)
    large = random.uniform(-4, 4, 20_000)
    small = large + random.normal(0, spread, 20_000)

    assert np.mean((np.abs(small) >= margin) & (small * large < 0)) <= 0.005


def test_the_distance_is_from_the_model_s_own_threshold() -> None:
    odds = np.full(FEWEST, -2.0)
    odds[: FEWEST // 2] = -2.2  # around a threshold of 0.12, far from 0.5
    moved = odds + np.where(np.arange(FEWEST) % 2, 1.9, -1.9)

    at_it, far = (rendition_margin(scores(odds), scores(moved), threshold) for threshold in (0.119, 0.5))

    assert at_it is not None
    assert at_it > LEAST
    assert far == LEAST


def test_too_few_pictures_tell_nothing() -> None:
    large, small = looked_twice(0.3, FEWEST - 1)

    assert rendition_margin(large, small, 0.5) is None
