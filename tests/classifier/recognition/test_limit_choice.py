"""Limits are chosen so that a name is worth saying."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.recognition.certainty import Certainty
from classifier.recognition.limit_choice import Answers, answers_of, chosen_limits

NO_STRANGERS = np.zeros((0, 3))


def rows(*tops: float) -> np.ndarray:
    """Probabilities of three classes with these at the top."""
    return np.array([[top, (1 - top) * 0.6, (1 - top) * 0.4] for top in tops])


def test_where_every_name_is_right_everything_gets_one() -> None:
    chosen = chosen_limits(answers_of(rows(0.9, 0.5, 0.4), np.ones(3, dtype=np.bool_), NO_STRANGERS), 3)
    assert (chosen.named, chosen.right, chosen.strangers_refused) == (1.0, 1.0, None)


def test_unsure_answers_that_are_mostly_wrong_become_nobody() -> None:
    right = np.array([True] * 6 + [False] * 4)
    known = rows(0.95, 0.94, 0.93, 0.92, 0.91, 0.9, 0.41, 0.42, 0.43, 0.44)
    chosen = chosen_limits(answers_of(known, right, NO_STRANGERS), 10)
    assert (chosen.named, chosen.right) == (0.6, 1.0)


def test_strangers_weigh_as_much_as_one_class() -> None:
    answers = answers_of(rows(0.9, 0.9, 0.9), np.ones(3, dtype=np.bool_), rows(*[0.5] * 10))
    assert answers.weights.tolist() == pytest.approx([1] * 3 + [0.1] * 10)
    chosen = chosen_limits(answers, 3)
    assert (chosen.named, chosen.strangers_refused) == (1.0, 1.0)


def test_a_precision_that_is_asked_for_is_reached_with_as_many_names_as_possible() -> None:
    tops = np.linspace(0.4, 0.99, 60)
    right = np.arange(60) % 3 > 0
    right[40:] = True
    chosen = chosen_limits(answers_of(rows(*tops), right, NO_STRANGERS), 60, precision=0.9)
    assert chosen.reached
    assert chosen.right >= 0.9
    assert 0.3 < chosen.named < 0.8


def test_a_precision_out_of_reach_is_admitted() -> None:
    chosen = chosen_limits(answers_of(rows(0.9, 0.8, 0.7), np.zeros(3, dtype=np.bool_), NO_STRANGERS), 3, precision=0.9)
    assert not chosen.reached


def test_each_figure_can_be_the_one_that_tells() -> None:
    random = np.random.default_rng(0)
    right = random.random(400) < 0.5
    for name in ("top", "gap", "deviation"):
        figures = {one: np.full(400, 0.5) for one in ("top", "gap", "deviation")}
        figures[name] = np.where(right, 0.8, 0.2)
        chosen = chosen_limits(Answers(Certainty(**figures), right, np.ones(400)), 400)
        assert chosen.right == 1.0
        assert getattr(chosen.limits, name) > 0.2
