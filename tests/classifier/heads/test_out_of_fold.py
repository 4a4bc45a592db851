"""Every example is scored by heads that never saw its group."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.heads.logistic_head import LinearHead, starting_head
from classifier.heads.out_of_fold import Deals, Examples, cross_fit, deal_groups, least_loss_strength


def noise(count: int = 200, width: int = 60) -> Examples:
    """Vectors of noise: only a head that has memorised them scores them well."""
    random = np.random.default_rng(0)
    share = (random.random(count) < 0.5).astype(float)
    return Examples(
        random.normal(size=(count, width)), share, np.ones(count), np.arange(count), starting_head(width, None)
    )


def test_scores_do_not_know_what_they_are_scored_on() -> None:
    examples = noise()

    fitted = cross_fit(examples, 0.01)

    by_heart = ((fitted.head.logits(examples.vectors) > 0) == (examples.share > 0.5)).mean()
    assert by_heart > 0.75
    assert ((fitted.logits > 0) == (examples.share > 0.5)).mean() < 0.6


def test_copies_in_one_group_do_not_give_each_other_away() -> None:
    examples = noise(100)
    twice = Examples(
        *(
            np.tile(part, (2, 1)) if part.ndim == 2 else np.tile(part, 2)
            for part in (examples.vectors, examples.share, examples.weights, examples.groups)
        ),
        examples.start,
    )

    fitted = cross_fit(twice, 0.01)

    assert ((fitted.logits > 0) == (twice.share > 0.5)).mean() < 0.6


def test_rows_without_weight_are_scored_by_the_mean_head_and_change_no_fit() -> None:
    examples = noise()
    weights = examples.weights.copy()
    weights[:50] = 0.0
    some = Examples(examples.vectors, examples.share, weights, examples.groups, examples.start)
    lying = Examples(
        examples.vectors,
        np.where(weights == 0, 1 - examples.share, examples.share),
        weights,
        *(examples.groups, examples.start),
    )

    one, other = cross_fit(some, 0.1), cross_fit(lying, 0.1)

    assert one.logits.tolist() == other.logits.tolist()
    assert one.logits[:50] == pytest.approx(one.head.logits(examples.vectors)[:50])


def test_scaling_all_vectors_or_moving_them_changes_no_score() -> None:
    examples = noise()
    moved = Examples(examples.vectors * 40 + 7, *(examples.share, examples.weights, examples.groups, examples.start))

    assert cross_fit(moved, 0.1).logits == pytest.approx(cross_fit(examples, 0.1).logits, abs=1e-2)


def test_a_strong_pull_leaves_the_start_as_it_is() -> None:
    examples = noise(width=4)
    pulled = Examples(*(examples.vectors, examples.share, examples.weights, examples.groups), starting_head(4, 2))

    assert cross_fit(pulled, 1e9).head.weights == pytest.approx([0, 0, 1, 0], abs=1e-3)


def test_noise_is_held_back_by_the_strongest_regularisation() -> None:
    assert least_loss_strength(noise(), np.ones(200, dtype=bool), (0.01, 1.0, 1000.0)) == 1000.0


def test_what_only_a_free_fit_can_tell_is_not_held_back() -> None:
    random = np.random.default_rng(6)
    shows = random.random(400) < 0.5
    common = random.normal(scale=3.0, size=400)  # drowns the signal in the first number; the second alone knows it
    vectors = np.stack([common + shows, common], axis=1) + random.normal(scale=0.1, size=(400, 2))
    examples = Examples(vectors, shows.astype(float), np.ones(400), np.arange(400), starting_head(2, None))

    assert least_loss_strength(examples, np.ones(400, dtype=bool), (0.01, 1000.0)) == 0.01


def test_a_score_is_the_mean_over_deals_that_differ() -> None:
    examples = noise()

    every = cross_fit(examples, 1.0, Deals(deals=3, seed=5)).logits
    alone = [cross_fit(examples, 1.0, Deals(deals=1, seed=seed)).logits for seed in (5, 6, 7)]

    assert every == pytest.approx(np.mean(alone, axis=0), abs=1e-3)
    assert np.abs(alone[0] - alone[1]).max() > 0.1


@pytest.mark.parametrize("shares", [0.0, 1.0])
def test_examples_of_one_kind_give_a_finite_head(shares: float) -> None:
    examples = Examples(np.eye(5), np.full(5, shares), np.ones(5), np.arange(5), LinearHead(np.zeros(5), 0.0))

    assert np.isfinite(cross_fit(examples, 0.1).logits).all()


def test_groups_stay_whole_and_folds_are_of_nearly_equal_size() -> None:
    groups = np.random.default_rng(0).integers(0, 60, 900)

    fold = deal_groups(groups, 5, seed=3)

    assert all(len(set(fold[groups == group].tolist())) == 1 for group in range(60))
    assert np.bincount(fold).min() > 130


def test_nothing_to_fit_to_is_refused() -> None:
    empty = Examples(np.eye(3), np.zeros(3), np.zeros(3), np.arange(3), starting_head(3, None))

    with pytest.raises(ValueError, match="nothing"):
        cross_fit(empty, 0.1, Deals())
