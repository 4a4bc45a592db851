"""Calibration and thresholds: honest probabilities at the gallery's own prevalence."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.calibration import (
    Line,
    choose_calibration,
    common_line,
    estimate_prevalence,
    fit_isotonic,
    log_odds,
    shifted,
    sigmoid,
)
from classifier.head_format import Calibration
from classifier.thresholds import Scored, threshold_curve


def drawn(count: int, prevalence: float, seed: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right when multiplied by `slope`, and the truth."""
    random = np.random.default_rng(seed)
    truth = random.random(count) < prevalence
    evidence = np.where(truth, random.normal(2, 2, count), random.normal(-2, 2, count))  # its log odds are itself
    return (evidence + log_odds(prevalence)) / slope, truth


def test_overconfident_logits_are_calmed() -> None:
    logits, truth = drawn(4000, 0.3, 0, slope=0.25)

    choice = choose_calibration(logits, truth, np.arange(4000))

    chance = choice.calibration.probabilities(logits)
    middle = (chance > 0.4) & (chance < 0.6)
    assert truth[middle].mean() == pytest.approx(0.5, abs=0.08)


def test_few_examples_stay_near_the_line_of_all_characters() -> None:
    logits, truth = drawn(40, 0.3, 1, slope=0.5)

    choice = choose_calibration(logits, truth, np.arange(40), common=Line(0.5, 0.0))

    assert choice.calibration.slope == pytest.approx(0.5, abs=0.2)


def test_the_common_line_is_found_from_many_targets() -> None:
    several = [drawn(500, 0.2, seed, slope=2.0) for seed in range(5)]

    line = common_line([logits for logits, _ in several], [truth for _, truth in several])

    assert line.slope == pytest.approx(2.0, abs=0.3)


def test_the_prevalence_of_untagged_pictures_is_read_from_their_scores() -> None:
    logits, _ = drawn(6000, 0.05, 2)
    at_a_third = sigmoid(logits - log_odds(0.05) + log_odds(0.33))

    assert estimate_prevalence(at_a_third, 0.33) == pytest.approx(0.05, abs=0.015)


def test_no_number_of_pictures_proves_that_a_target_is_absent() -> None:
    assert estimate_prevalence(np.full(100, 1e-12), 0.3) >= 0.005


def test_without_untagged_pictures_the_prior_is_kept() -> None:
    assert estimate_prevalence(np.zeros(0), 0.3) == 0.3


def test_steps_never_claim_certainty_and_never_fall() -> None:
    logits, truth = drawn(300, 0.4, 3)

    calibration = fit_isotonic(logits, truth)

    chance = calibration.probabilities(np.linspace(-30, 30, 500))
    assert (np.diff(chance) >= 0).all()
    assert 0 < chance.min() < chance.max() < 1


@pytest.mark.parametrize("calibration", [Calibration(slope=2.0), Calibration(knots=(-1.0, 1.0), values=(0.1, 0.9))])
def test_rarer_targets_get_lower_probabilities_from_the_same_evidence(calibration: Calibration) -> None:
    moved = shifted(calibration, log_odds(0.05) - log_odds(0.5))

    assert moved.probabilities(np.array([0.3]))[0] < calibration.probabilities(np.array([0.3]))[0]


def curve_of(prevalence: float = 0.07, seed: int = 4):
    logits, truth = drawn(500, 0.07, seed)
    unlabelled, _ = drawn(2000, prevalence, seed + 1)
    return threshold_curve(Scored(sigmoid(logits * 1.0), truth, sigmoid(unlabelled), prevalence))


def test_a_higher_goal_never_lowers_the_threshold() -> None:
    curve = curve_of()

    chosen = [curve.for_precision(goal).threshold for goal in (0.5, 0.8, 0.9, 0.95, 0.99)]

    assert chosen == sorted(chosen)


def test_an_estimate_too_good_to_be_true_does_not_keep_the_unlikely() -> None:
    spotless = np.concatenate([np.full(100, 0.01), np.full(40, 0.99)])  # validation without a single mistake

    chosen = threshold_curve(Scored(spotless, spotless > 0.5, spotless, 0.3)).for_precision(0.95)

    assert chosen.threshold >= 0.5


def test_the_threshold_for_a_precision_reaches_it_on_pictures_never_seen() -> None:
    chosen = curve_of().for_precision(0.9)

    logits, truth = drawn(50_000, 0.07, 77)
    kept = sigmoid(logits) >= chosen.threshold
    assert truth[kept].mean() == pytest.approx(0.9, abs=0.05)


def test_the_threshold_for_a_recall_reaches_it_on_pictures_never_seen() -> None:
    chosen = curve_of().for_recall(0.9)

    logits, truth = drawn(50_000, 0.07, 78)
    assert (sigmoid(logits[truth]) >= chosen.threshold).mean() == pytest.approx(0.9, abs=0.12)


def test_a_goal_out_of_reach_is_said_to_be_so() -> None:
    noise = np.random.default_rng(5).uniform(0, 0.2, 400)

    chosen = threshold_curve(Scored(noise, noise > 0.1, noise, 0.5)).for_precision(0.99)

    assert not chosen.reached


def test_a_curve_works_without_untagged_pictures() -> None:
    logits, truth = drawn(500, 0.3, 6)

    curve = threshold_curve(Scored(sigmoid(logits), truth, np.zeros(0), 0.3))

    assert 0 < curve.for_precision(0.9).threshold < 1


@pytest.mark.parametrize("goal", [0.0, 1.0, -1.0, 2.0])
def test_impossible_goals_are_refused(goal: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        curve_of().for_precision(goal)
