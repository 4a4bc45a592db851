"""Several looks at one picture make one score, and looking often is no advantage to a picture without the target."""

from __future__ import annotations

import math

import numpy as np
import pytest

from classifier.head import EMBEDDING_DTYPE
from classifier.inference.pooling import pooled, score_all, score_views
from tests.classifier.tiny_models import DIMENSION, make_head


def log_odds(probability: float) -> float:
    return math.log(probability) - math.log1p(-probability)


def embeddings(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(EMBEDDING_DTYPE)


@pytest.mark.parametrize("looks", [2, 4, 9])
def test_one_sure_look_among_many_that_see_nothing_loses_the_logarithm_of_their_number(looks: int) -> None:
    score = pooled(np.array([0.99] + [1e-9] * (looks - 1)))

    assert log_odds(score) == pytest.approx(log_odds(0.99) - math.log(looks), abs=1e-4)


def test_looks_that_agree_lose_nothing() -> None:
    assert pooled(np.full(9, 0.8)) == pytest.approx(0.8)


@pytest.mark.parametrize("sure", [0.0, 1.0])
def test_certain_looks_give_a_probability(sure: float) -> None:
    assert pooled(np.array([sure, sure])) == pytest.approx(sure)
    assert 0 <= pooled(np.array([0.0, 1.0])) <= 1


def test_a_look_that_is_no_number_is_not_hidden_by_the_others() -> None:
    assert math.isnan(pooled(np.array([0.9, math.nan])))


@pytest.mark.parametrize("looks", [4, 9])
def test_the_score_of_several_looks_is_right_as_often_as_it_says_where_the_best_look_is_not(looks: int) -> None:
    # A tenth of the pictures show the target, in one look each. A look's evidence is normal, as far from nothing where
    # it shows the target as where it does not, so a single look's calibrated odds are 1:9 times the exponential of it.
    random, spread, count = np.random.default_rng(0), 2.5, 12_000
    shows = random.random(count) < 0.1
    seen_in = (random.integers(looks, size=count)[:, None] == np.arange(looks)) & shows[:, None]
    evidence = np.where(seen_in, 1, -1) * spread**2 / 2 + spread * random.normal(size=(count, looks))
    probabilities = 1 / (1 + 9 * np.exp(-evidence))

    together = np.array([pooled(row) for row in probabilities])
    best = probabilities.max(axis=1)

    for least in (0.5, 0.8):
        assert together[together >= least].mean() == pytest.approx(shows[together >= least].mean(), abs=0.06)
        assert best[best >= least].mean() > shows[best >= least].mean() + 0.15


def test_stored_looks_score_the_same_one_by_one_and_many_at_once() -> None:
    head, wholes, windows = make_head(), embeddings(5), embeddings(3, seed=1)

    together = score_all(head, wholes, {2: windows})

    singles = [score_views(head, wholes[row].tobytes() + (windows.tobytes() if row == 2 else b"")) for row in range(5)]
    assert together.tolist() == singles
    assert singles[2] != head.score(wholes[2].tobytes())


def test_the_shift_of_a_stratum_moves_the_whole_pictures_log_odds_once() -> None:
    plain, moved = make_head(), make_head()
    object.__setattr__(moved, "shifts", (0.0, -2.0, 0.0, 0.0))
    wholes, windows = embeddings(1), {0: embeddings(4, seed=2)}

    before = score_all(plain, wholes, windows)[0]
    after = score_all(moved, wholes, windows, np.array([1], np.int8))[0]

    assert log_odds(after) == pytest.approx(log_odds(before) - 2.0)


@pytest.mark.parametrize("length", [1, DIMENSION * 2 + 2, 0])
def test_looks_of_another_length_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="bytes each"):
        score_views(make_head(), b"\0" * length)
