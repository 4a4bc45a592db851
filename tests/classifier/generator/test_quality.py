"""The figures of painted pictures, each against the same thing said slowly."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.generator.features import Scale
from classifier.generator.quality import (
    distance,
    kernel_distance,
    near_by_hash,
    near_copies,
    nearest_distances,
    precision_and_recall,
)
from classifier.pictures.dhash import hash_array


def drawn(count: int, dimension: int = 6, at: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(at, 1, (count, dimension)).astype(np.float32)


def slow_distance(ones: np.ndarray, others: np.ndarray) -> float:
    """The estimator as it is printed: one pair after the other, none of a picture with itself."""
    ones, others = ones.astype(np.float64), others.astype(np.float64)
    n, m, d = len(ones), len(others), ones.shape[1]

    def k(x: np.ndarray, y: np.ndarray) -> float:
        return float((x @ y / d + 1) ** 3)

    within = sum(k(ones[i], ones[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    of_others = sum(k(others[i], others[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within + of_others - 2 * sum(k(x, y) for x in ones for y in others) / (n * m)


@pytest.mark.parametrize(("count", "many", "at"), [(2, 2, 0.0), (7, 12, 0.0), (20, 9, 1.5)])
def test_the_distance_is_the_published_estimator(count: int, many: int, at: float) -> None:
    ones, others = drawn(count), drawn(many, at=at, seed=1)

    assert kernel_distance(ones, others) == pytest.approx(slow_distance(ones, others), rel=1e-9, abs=1e-9)


def test_the_distance_of_one_kind_is_zero_in_the_mean_whatever_the_number() -> None:
    found = [kernel_distance(drawn(12, seed=seed), drawn(12, seed=1000 + seed)) for seed in range(400)]

    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))
    assert min(found) < 0 < max(found)  # unbiased: it must be able to err on both sides


def test_the_error_of_a_distance_comes_from_blocks_and_falls_with_the_number_of_pictures() -> None:
    few, many = (distance(drawn(count), drawn(count, at=0.5, seed=1)) for count in (60, 1500))

    assert many.error < few.error
    assert abs(few.value - many.value) < 4 * few.error
    assert distance(drawn(6), drawn(6, seed=1)).error == 0.0  # too few for blocks


def test_precision_and_recall_are_shares_of_points_within_the_other_set_s_balls() -> None:
    real, painted = drawn(30), drawn(25, at=0.7, seed=3)

    def covered(points: np.ndarray, of: np.ndarray) -> float:
        radii = [sorted(float(np.linalg.norm(a - b)) for b in of)[3] for a in of]  # the first one is itself
        inside = [any(np.linalg.norm(p - a) <= r for a, r in zip(of, radii, strict=True)) for p in points]
        return float(np.mean(inside))

    assert precision_and_recall(real, painted) == pytest.approx((covered(painted, real), covered(real, painted)))


def test_a_collapsed_generator_has_precision_and_no_recall() -> None:
    real = drawn(200)
    painted = real[:1] + drawn(200, seed=4) * 1e-3

    precision, recall = precision_and_recall(real, painted)

    assert precision > 0.95 and recall < 0.05


def test_copies_are_nearer_to_what_was_learned_than_unseen_pictures_are() -> None:
    learned, unseen = drawn(300), drawn(300, seed=5)
    painted = np.concatenate([learned[:30] + 1e-3, drawn(70, seed=6)])

    copies, of_unseen = near_copies(painted, unseen, learned)

    assert copies[:30].all() and copies[30:].mean() < 0.1
    assert of_unseen.mean() == pytest.approx(0.01)
    assert nearest_distances(learned, learned).max() == 0.0


def test_a_copy_by_hash_may_differ_in_three_bits_and_flat_pictures_are_nobodys_copies() -> None:
    learned = hash_array([0xF0F0F0F0F0F0F0F0, 0])

    near = near_by_hash(hash_array([0xF0F0F0F0F0F0F0F7, 0xF0F0F0F0F0F0F00F, 0, 2**64 - 1]), learned)

    assert near.tolist() == [True, False, False, False]
    assert not near_by_hash(learned, hash_array([])).any()


def test_features_are_brought_to_one_length_around_the_training_pictures() -> None:
    learned = drawn(50) * np.array([1, 100, 1, 1, 1, 0], np.float32) + 7

    scaled = Scale.of(learned).apply(learned)

    assert np.allclose(np.square(scaled).mean(axis=1), 1, atol=1e-5)
    assert np.isfinite(scaled).all()
