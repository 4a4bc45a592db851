"""Heads: logistic regression that knows where to start and what not to believe."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.heads.logistic_head import WeightedExamples, fit_head, starting_head


def blobs(count: int, seed: int, apart: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.random(count) < 0.3
    return random.normal(0, 1, (count, 4)) + np.outer(truth, [apart, 0, 0, 0]), truth


def test_a_head_separates_what_can_be_separated() -> None:
    rows, truth = blobs(400, 0)

    head = fit_head(WeightedExamples.of(rows, truth), 1.0, starting_head(4, None))

    assert ((head.logits(rows) > 0) == truth).mean() > 0.9


def test_a_strong_pull_leaves_the_backbones_own_logit_as_it_is() -> None:
    rows, truth = blobs(200, 1)

    head = fit_head(WeightedExamples.of(rows, truth), 1e9, starting_head(4, 2))

    assert head.weights == pytest.approx([0, 0, 1, 0], abs=1e-3)


def test_perfectly_separable_examples_give_a_finite_head() -> None:
    rows = np.array([[-1.0], [-2.0], [1.0], [2.0]])

    head = fit_head(WeightedExamples.of(rows, [0, 0, 1, 1]), 0.3, starting_head(1, None))

    assert np.isfinite(head.weights).all()
    assert np.isfinite(head.bias)


def test_a_column_that_never_changes_does_no_harm() -> None:
    rows, truth = blobs(200, 2)
    rows[:, 3] = 7.0

    head = fit_head(WeightedExamples.of(rows, truth), 1.0, starting_head(4, None))

    assert np.isfinite(head.logits(rows)).all()


def test_an_unlabelled_picture_counts_as_little_as_we_say() -> None:
    rows, truth = blobs(200, 5)
    doubtful = np.full((50, 4), 10.0)  # would ruin the head as negatives
    together = WeightedExamples.of(
        np.vstack([rows, doubtful]), np.append(truth, np.zeros(50)), np.append(np.ones(200), np.full(50, 1e-9))
    )

    with_doubtful = fit_head(together, 1.0, starting_head(4, None))

    assert ((with_doubtful.logits(rows) > 0) == truth).mean() > 0.9


@pytest.mark.fault("M15")
def test_examples_of_one_kind_only_are_refused() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        fit_head(WeightedExamples.of(np.ones((5, 2)), np.ones(5)), 1.0, starting_head(2, None))


def test_embeddings_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        WeightedExamples.of(np.array([[np.nan]]), [1.0])
