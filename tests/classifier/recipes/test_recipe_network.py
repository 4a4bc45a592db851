"""A recipe's Keras model: what a step reports, and what is kept of it."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.backbones.catalogue import Origin
from classifier.recipes.recipe_network import FULL, RecipeNetwork, has_gpu, predicted
from tests.classifier.recipes.painted import TINY, TinySettings, squares


def network(**changes: object) -> RecipeNetwork:
    return RecipeNetwork(TINY, TinySettings(**changes), 2, Origin())  # type: ignore[arg-type]  # settings of any kind


def test_a_step_reports_its_own_batch_and_not_the_mean_of_all_so_far() -> None:
    """What `train_on_batch` of Keras returns is a mean over all steps since the metrics were reset."""
    some, stage = network(rate=1e-8), squares(32)
    batch, labels = stage.pictures.astype(np.float32), np.eye(2, dtype=np.float32)[stage.labels]
    easy = batch[labels[:, 0] > 0]

    some.step(batch, labels)
    reported, right = some.step(easy, labels[labels[:, 0] > 0])

    shares = predicted(some.model, easy.astype(np.uint8))[:, 0]
    assert reported == pytest.approx(float(-np.log(shares).mean()), rel=0.15)  # dropout is at work in the step
    assert right == pytest.approx(float((shares > 0.5).mean()), abs=0.2)


def test_what_was_kept_of_another_network_is_refused_and_changes_nothing() -> None:
    some, other = network(), network(units=9)
    before = some.variables()

    assert not some.restore(other.variables())
    assert all(np.array_equal(one, two) for one, two in zip(before, some.variables(), strict=True))
    assert some.restore(before)


def test_averaged_weights_lie_between_those_of_the_steps_and_give_way_afterwards() -> None:
    some, stage = network(averaging=0.5), squares(32)
    batch, labels = stage.pictures.astype(np.float32), np.eye(2, dtype=np.float32)[stage.labels]
    course = []
    for _ in range(2):
        some.step(batch, labels)
        course.append(some.weights())

    with some.averaged():
        mean = some.weights()

    for one, two, between in zip(*course, mean, strict=True):
        assert np.allclose(between, (one + two) / 2, atol=1e-6)
    assert all(np.array_equal(*pair) for pair in zip(course[-1], some.weights(), strict=True))


def test_half_precision_is_for_gpus_alone() -> None:
    assert (network().precision == FULL) == (not has_gpu())
    assert network(precision="float32").precision == FULL
