"""Few and rare pictures are brought to what a recipe asks for, from training pictures alone."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.recipes.epoch_samples import epoch_rows, wanted_counts
from classifier.recipes.mona_cnn import MonaCnnSettings
from classifier.recipes.simpsons_cnn import SimpsonsCnnSettings
from tests.classifier.recipes.painted import TinySettings


@pytest.mark.parametrize("counts", [(40, 900), (3000, 5), (4000, 4000), (9000, 200), (1, 1)])
def test_mona_cnn_has_8000_samples_and_classes_within_100_of_each_other(counts: tuple[int, int]) -> None:
    wanted = wanted_counts(np.array(counts), MonaCnnSettings())

    assert wanted.sum() >= 8000
    assert abs(int(wanted[0] - wanted[1])) <= 100
    assert (wanted >= counts).all()


def test_pictures_are_taken_as_they_are_where_nothing_is_asked_for() -> None:
    assert wanted_counts(np.array([3, 0, 700]), SimpsonsCnnSettings()).tolist() == [3, 0, 700]


def test_rare_classes_are_brought_to_their_least() -> None:
    assert wanted_counts(np.array([3, 0, 700]), TinySettings(least_per_class=200)).tolist() == [200, 0, 700]


def test_without_balance_more_samples_keep_the_proportions() -> None:
    wanted = wanted_counts(np.array([10, 30]), TinySettings(samples=400))

    assert wanted.tolist() == [100, 300]


def test_copies_are_of_training_rows_alone_and_spread_evenly() -> None:
    labels, train = np.array([0, 1] * 50), np.arange(60)
    settings = TinySettings(samples=700, balance=0)

    rows = epoch_rows(labels, train, settings, np.random.default_rng(0))

    assert len(rows) == 700
    assert set(rows.tolist()) == set(range(60))  # none of the validation rows, all of the others
    counts = np.bincount(rows)
    assert counts.max() - counts.min() <= 1
    assert (labels[rows] == 0).sum() == (labels[rows] == 1).sum()
