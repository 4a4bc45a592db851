"""Thresholds: what to keep, and what to expect of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.metrics.calibration import log_odds, sigmoid
from classifier.metrics.thresholds import LEEWAY, Goal, threshold_curve


def drawn(count: int, prevalence: float, seed: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right when multiplied by `slope`, and the truth."""
    random = np.random.default_rng(seed)
    truth = random.random(count) < prevalence
    evidence = np.where(truth, random.normal(2, 2, count), random.normal(-2, 2, count))  # its log odds are itself
    return (evidence + log_odds(prevalence)) / slope, truth


def curve_of(prevalence: float = 0.07, seed: int = 4):
    scores = sigmoid(drawn(4000, prevalence, seed)[0])
    return threshold_curve(scores, scores)


def test_a_higher_goal_never_lowers_the_threshold() -> None:
    curve = curve_of()

    chosen = [curve.for_precision(goal).threshold for goal in (0.5, 0.8, 0.9, 0.95, 0.99)]

    assert chosen == sorted(chosen)


def test_an_estimate_too_good_to_be_true_does_not_keep_the_unlikely() -> None:
    spotless = np.concatenate([np.full(100, 0.01), np.full(40, 0.99)])

    chosen = threshold_curve(spotless, spotless).for_precision(0.95)

    assert 0.95 - LEEWAY <= chosen.threshold <= 0.95 - LEEWAY + 0.006


def test_the_threshold_for_a_precision_reaches_it_on_pictures_never_seen() -> None:
    chosen = curve_of().for_precision(0.9)

    logits, truth = drawn(50_000, 0.07, 77)
    kept = sigmoid(logits) >= chosen.threshold
    assert truth[kept].mean() == pytest.approx(0.9, abs=0.05)


def test_the_threshold_for_a_recall_reaches_it_on_pictures_never_seen() -> None:
    chosen = curve_of().for_recall(0.9)

    logits, truth = drawn(50_000, 0.07, 78)
    assert (sigmoid(logits[truth]) >= chosen.threshold).mean() == pytest.approx(0.9, abs=0.12)


def test_a_goal_out_of_reach_is_reported_as_such() -> None:
    noise = np.random.default_rng(5).uniform(0, 0.2, 400)

    chosen = threshold_curve(noise, noise).for_precision(0.99)

    assert not chosen.reached


def test_what_a_person_has_answered_counts_as_what_it_is() -> None:
    scores = np.concatenate([np.full(50, 0.9), np.full(50, 0.6), np.full(900, 0.01)])
    chances = scores.copy()
    chances[50:100] = 1.0  # all of the doubtful ones show it

    assert threshold_curve(scores, scores).for_precision(0.88).threshold > 0.6
    assert threshold_curve(scores, chances).for_precision(0.88).threshold <= 0.6


@pytest.mark.parametrize("seed", range(40))
def test_a_goal_that_asks_for_more_recall_or_less_precision_never_gives_a_stricter_threshold(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, leeway = int(random.integers(1, 400)), float(random.uniform(0, 0.9))
    scores = random.beta(*random.uniform(0.05, 3, 2), count)
    chances = np.clip(scores + random.normal(0, random.uniform(0, 0.4), count), 0, 1)
    curve = threshold_curve(scores, chances, leeway=leeway)
    goals = np.sort(random.uniform(0.01, 0.99, 12)).tolist()

    for_precision = [curve.chosen(Goal(precision=goal)) for goal in goals]
    for_recall = [curve.chosen(Goal(precision=None, recall=goal)) for goal in goals]
    at = [curve.chosen(Goal(precision=None, threshold=goal)) for goal in goals]

    assert [one.threshold for one in for_precision] == sorted(one.threshold for one in for_precision)
    assert [one.threshold for one in for_recall] == sorted((one.threshold for one in for_recall), reverse=True)
    for rising in (for_precision, for_recall[::-1], at):
        assert [one.precision for one in rising] == sorted(one.precision for one in rising)
        assert [one.recall for one in rising] == sorted((one.recall for one in rising), reverse=True)


@pytest.mark.parametrize("caution", [0.0, 0.1, 0.5])
def test_a_share_of_what_a_goal_leaves_open_is_kept_in_reserve(caution: float) -> None:
    curve = replace(curve_of(), caution=caution)

    assert curve.chosen(Goal(precision=0.9)) == curve.for_precision(0.9 + caution * 0.1)
    assert curve.chosen(Goal(precision=None, recall=0.8)) == curve.for_recall(0.8 + caution * 0.2)
    assert curve.chosen(Goal(precision=None, threshold=0.3)) == curve.at(0.3)
    assert curve.for_precision(0.9).threshold < curve.for_precision(0.95).threshold


@pytest.mark.parametrize("goal", [0.0, 1.0, -1.0, 2.0])
def test_impossible_goals_are_refused(goal: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        curve_of().for_precision(goal)
