"""Figures of a model: checked by hand, at the gallery's own prevalence, with intervals that hold the truth."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from classifier.metrics.curves import (
    POINTS_AT_MOST,
    ScoredPictures,
    curve_at,
    histogram_of,
    measure,
    slices_by,
    thresholds_of,
)
from classifier.metrics.quality import Estimate
from classifier.metrics.reliability import calibration_error, class_weights, reliability_bins

CERTAIN = Estimate(0.2, math.nan, math.nan)  # a prevalence that is known


def judged(scores: list[float], truth: list[int]) -> ScoredPictures:
    return ScoredPictures(np.array(scores), np.array(truth, dtype=bool), np.arange(len(scores), dtype=np.int64))


def world(count: int, share: float, seed: int) -> ScoredPictures:
    """Scores of positives and negatives that overlap a little; every picture is alone in its group."""
    random = np.random.default_rng(seed)
    truth = random.random(count) < share
    logits = np.where(truth, random.normal(2.5, 2, count), random.normal(-3, 1.5, count))
    return ScoredPictures(1 / (1 + np.exp(-logits)), truth, np.arange(count))


FIVE = judged([0.9, 0.8, 0.6, 0.3, 0.1], [1, 0, 1, 1, 0])


def test_counts_at_the_threshold_are_those_of_a_hand() -> None:
    found = measure(FIVE, 0.5, CERTAIN)

    cells = found.confusion
    assert (cells.kept_right, cells.kept_wrong, cells.missed, cells.rejected_right) == (2, 1, 1, 1)
    assert found.quality.precision.value == pytest.approx(2 / 3)
    assert found.test_prevalence == pytest.approx(3 / 5)


def test_precision_and_f1_are_given_for_the_gallerys_prevalence() -> None:
    point = measure(FIVE, 0.5, CERTAIN).at_prevalence

    # of 100 pictures 20 show it: two thirds of them are kept, and half of the 80 others
    right, wrong = 20 * 2 / 3, 80 / 2
    assert point.precision.value == pytest.approx(right / (right + wrong))
    assert point.recall.value == pytest.approx(2 / 3)
    assert point.f1.value == pytest.approx(2 * right / (right + wrong + 20))
    assert point.kept == pytest.approx((right + wrong) / 100)


def test_a_gallery_that_is_really_made_that_rare_has_the_precision_that_was_forecast() -> None:
    rich, rare = world(400_000, 0.5, 1), world(400_000, 0.05, 2)
    thresholds = np.array([0.2, 0.5, 0.8])

    foretold = curve_at(rich, thresholds, Estimate(0.05, math.nan, math.nan))

    for point in foretold:
        kept = rare.scores >= point.threshold
        assert point.precision.value == pytest.approx(rare.truth[kept].mean(), abs=0.01)
        assert point.recall.value == pytest.approx(kept[rare.truth].mean(), abs=0.01)
        assert point.kept == pytest.approx(kept.mean(), abs=0.002)


@pytest.mark.parametrize("copies", [1, 3])
def test_the_truth_lies_in_the_interval_about_as_often_as_it_says(copies: int) -> None:
    true = curve_at(world(400_000, 0.5, 3), np.array([0.7]), Estimate(0.06, math.nan, math.nan))[0]
    random, inside = np.random.default_rng(4), 0
    for seed in range(100):
        few = world(400, 0.15, 100 + seed)
        rows = np.repeat(np.arange(400), copies)  # copies add nothing, and must not make it surer
        found = curve_at(few.of(rows), np.array([0.7]), _counted(int(random.binomial(1500, 0.06)), 1500), seed=seed)[0]
        for claim, truth in ((found.precision, true.precision), (found.recall, true.recall), (found.f1, true.f1)):
            inside += claim.low <= truth.value <= claim.high

    assert 0.90 <= inside / 300 <= 1.0


def _counted(shown: int, of: int) -> Estimate:
    share = shown / of
    half = 1.96 * math.sqrt(share * (1 - share) / of)
    return Estimate(share, share - half, share + half)


def test_no_mistake_among_few_pictures_is_no_certainty() -> None:
    few = judged([0.9] * 10 + [0.1] * 50, [1] * 10 + [0] * 50)

    point = measure(few, 0.5, Estimate(0.05, 0.04, 0.06)).at_prevalence

    assert point.precision.value == point.precision.high == 1.0
    assert point.precision.low < 0.75


def test_a_prevalence_that_is_hardly_known_makes_precision_less_sure() -> None:
    pictures = world(2000, 0.3, 5)

    sure = measure(pictures, 0.5, Estimate(0.06, 0.058, 0.062)).at_prevalence.precision
    vague = measure(pictures, 0.5, Estimate(0.06, 0.01, 0.2)).at_prevalence.precision

    assert vague.high - vague.low > 1.5 * (sure.high - sure.low)


def test_a_curve_has_at_most_two_hundred_points_and_always_the_threshold_in_force() -> None:
    pictures, threshold = world(5000, 0.1, 6), 0.123456

    thresholds = thresholds_of(pictures, threshold)
    curve = measure(pictures, threshold, CERTAIN).curve

    assert len(curve) == len(thresholds) <= POINTS_AT_MOST
    assert threshold in thresholds
    assert [point.threshold for point in curve] == sorted({point.threshold for point in curve})
    recalls = [point.recall.value for point in curve]
    assert recalls == sorted(recalls, reverse=True)


def test_a_short_curve_leaves_no_threshold_out() -> None:
    assert thresholds_of(FIVE, 0.5).tolist() == [0.1, 0.3, 0.5, 0.6, 0.8, 0.9]


def test_a_threshold_that_keeps_nothing_has_no_precision_and_no_recall() -> None:
    found = measure(FIVE, 0.95, CERTAIN)

    assert math.isnan(found.at_prevalence.precision.value)
    assert found.at_prevalence.recall.value == 0
    assert math.isnan(found.quality.precision.value)


def test_calibration_is_given_for_the_gallery_however_rich_the_test_is() -> None:
    weights = class_weights(np.array([True, True, False, False]), 0.1)

    assert weights.mean() == pytest.approx(1)
    assert weights[:2].sum() / weights.sum() == pytest.approx(0.1)


def test_honest_scores_have_next_to_no_calibration_error_and_doubled_odds_have_some() -> None:
    random = np.random.default_rng(7)
    honest = random.beta(0.3, 2.0, 4000)
    truth = random.random(4000) < honest
    boastful = 4 * honest / (1 + 3 * honest)
    alone, weights = np.arange(4000), np.ones(4000)

    right = calibration_error(honest, truth, alone, weights)
    wrong = calibration_error(boastful, truth, alone, weights)

    assert right.low <= 0.005
    assert right.value < 0.02
    off = float((boastful - honest).mean())
    assert wrong.low <= off <= wrong.high
    assert wrong.low > right.high


def test_bins_of_scores_hold_everything_once_with_predicted_and_observed_shares() -> None:
    pictures = world(1000, 0.1, 8)
    weights = class_weights(pictures.truth, float(pictures.truth.mean()))

    bins = reliability_bins(pictures.scores, pictures.truth, pictures.groups, weights)

    assert sum(one.pictures for one in bins) == 1000
    assert bins[0].low == 0.0
    assert bins[-1].high == 1.0
    assert [one.mean_score for one in bins] == sorted(one.mean_score for one in bins)
    found = sum(one.pictures * one.share.value for one in bins)
    assert found == pytest.approx(pictures.truth.sum())
    assert sum(one.mean_score > 0.2 for one in bins) >= 3  # a rare target's bins are not all next to zero


def test_a_histogram_counts_both_kinds_and_the_ends() -> None:
    bins = histogram_of(np.array([0.0, 0.05, 1.0, 0.96]), np.array([True, False, False, True]), bins=20)

    assert (bins[0].positives, bins[0].negatives) == (1, 0)
    assert (bins[1].positives, bins[1].negatives) == (0, 1)
    assert (bins[-1].positives, bins[-1].negatives) == (1, 1)


def test_parts_come_in_the_order_that_people_expect() -> None:
    found = slices_by("rating", ["e", "g", "z", "g", "e"], FIVE, 0.5, order=("g", "s", "e"))

    assert [(one.by, one.value, one.quality.examples) for one in found] == [
        ("rating", "g", 2),
        ("rating", "e", 2),
        ("rating", "z", 1),
    ]
    assert found[0].quality.right == 0


@pytest.mark.parametrize("truth", [[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
def test_pictures_of_one_kind_measure_nothing(truth: list[int]) -> None:
    with pytest.raises(ValueError, match="show the target and"):
        measure(judged([0.1] * 5, truth), 0.5, CERTAIN)


def test_a_score_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        judged([0.5, math.nan], [1, 0])


def test_the_same_pictures_give_the_same_figures_and_json_can_say_them() -> None:
    pictures = world(300, 0.2, 9)

    one, other = (measure(pictures, 0.5, Estimate(0.1, 0.05, 0.2)) for _ in range(2))

    assert one == other
    assert json.dumps(one.quality.to_json(), allow_nan=False)
