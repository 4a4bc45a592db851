"""Two networks are compared on all the characters that both know."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.metrics.backbone_comparison import compared

PICTURES, CHARACTERS = 400, 5


def odds(sharpness: float, shown: np.ndarray, seed: int) -> np.ndarray:
    """Log odds of a network that sees the right character by so much."""
    found = np.random.default_rng(seed).normal(size=(len(shown), CHARACTERS))
    found[np.arange(len(shown)), shown] += sharpness
    return found.astype(np.float16)


@pytest.fixture
def shown() -> np.ndarray:
    return np.random.default_rng(0).integers(0, CHARACTERS, PICTURES)


def test_the_network_that_distinguishes_characters_better_is_known_beyond_chance(shown: np.ndarray) -> None:
    found = compared(odds(2.0, shown, 1), odds(3.0, shown, 2), shown)

    assert found.gain.low > 0
    assert found.new_loss < found.old_loss
    assert (found.pictures, found.characters) == (PICTURES, CHARACTERS)


def test_the_worse_one_too_and_equal_ones_are_not_distinguished(shown: np.ndarray) -> None:
    assert compared(odds(3.0, shown, 1), odds(2.0, shown, 2), shown).gain.high < 0
    equal = compared(odds(2.0, shown, 1), odds(2.0, shown, 2), shown)
    assert equal.gain.low < 0 < equal.gain.high


def test_being_too_sure_is_not_being_blind(shown: np.ndarray) -> None:
    network = odds(2.0, shown, 1)

    found = compared(network, network * 3, shown)

    assert abs(found.gain.value) < 0.01


def test_odds_that_do_not_fit_together_are_refused(shown: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"\(400, 5\), \(400, 4\)"):
        compared(odds(2.0, shown, 1), odds(2.0, shown, 2)[:, :4], shown)
