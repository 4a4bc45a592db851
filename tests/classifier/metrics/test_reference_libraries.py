"""Figures of our own agree with scikit-learn's and SciPy's wherever both can compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)

from classifier.metrics.calibration import log_odds, sigmoid
from classifier.metrics.curves import ScoredPictures, confusion_at, curve_at, measure
from classifier.metrics.quality import Estimate, average_precision, evaluate, wilson
from classifier.metrics.reliability import class_weights, reliability_bins
from classifier.metrics.thresholds import threshold_curve

CLOSE = 1e-9
SEEDS = range(8)


def scored(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Scores 0..1 and truth; more and more ties, and fewer and fewer positives, as the seed grows."""
    random = np.random.default_rng(seed)
    truth = random.random(count) < (0.5, 0.3, 0.1, 0.02)[seed % 4]
    truth[:2] = (True, False)
    scores = np.clip(random.normal(np.where(truth, 0.6, 0.4), 0.2), 0, 1)
    return (np.round(scores, (9, 2, 1, 0)[seed // 2]), truth)


def apart(scores: np.ndarray, truth: np.ndarray) -> ScoredPictures:
    return ScoredPictures(scores, truth, np.arange(len(scores)))


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision(seed: int) -> None:
    scores, truth = scored(seed)

    assert average_precision(scores, truth) == pytest.approx(average_precision_score(truth, scores), abs=CLOSE)


@pytest.mark.parametrize(
    ("scores", "truth"),
    [
        ([0.5, 0.5, 0.5], [True, False, False]),
        ([0.1, 0.9], [True, False]),
        ([0.3], [True]),
        ([0.0, 1.0, 1.0, 0.0], [True, True, True, True]),
    ],
)
def test_average_precision_at_the_edges(scores: list[float], truth: list[bool]) -> None:
    ours = average_precision(np.array(scores), np.array(truth))

    assert ours == pytest.approx(average_precision_score(truth, scores), abs=CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_precision_recall_curve(seed: int) -> None:
    scores, truth = scored(seed)
    precisions, recalls, thresholds = precision_recall_curve(truth, scores)
    share = Estimate(float(truth.mean()), math.nan, math.nan)

    points = curve_at(apart(scores, truth), thresholds, share)

    assert [point.precision.value for point in points] == pytest.approx(precisions[:-1].tolist(), abs=CLOSE)
    assert [point.recall.value for point in points] == pytest.approx(recalls[:-1].tolist(), abs=CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("prevalence", [0.02, 0.6])
def test_figures_for_a_galleries_own_prevalence_are_those_of_weighted_pictures(seed: int, prevalence: float) -> None:
    scores, truth = scored(seed)
    kept, weights = scores >= 0.5, class_weights(truth, prevalence)
    weighted = {"sample_weight": weights, "zero_division": np.nan}

    figures = measure(apart(scores, truth), 0.5, Estimate(prevalence, math.nan, math.nan))

    point = figures.at_prevalence
    assert point.precision.value == pytest.approx(precision_score(truth, kept, **weighted), abs=CLOSE, nan_ok=True)
    assert point.recall.value == pytest.approx(recall_score(truth, kept, **weighted), abs=CLOSE)
    assert point.f1.value == pytest.approx(f1_score(truth, kept, **weighted), abs=CLOSE)
    assert figures.brier == pytest.approx(brier_score_loss(truth, scores, sample_weight=weights), abs=CLOSE)


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_at_a_threshold(seed: int) -> None:
    scores, truth = scored(seed)
    kept = scores >= 0.5

    quality, confusion = evaluate(scores, truth, 0.5), confusion_at(scores, truth, 0.5)

    assert quality.precision.value == pytest.approx(precision_score(truth, kept), abs=CLOSE)
    assert quality.recall.value == pytest.approx(recall_score(truth, kept), abs=CLOSE)
    assert quality.f1.value == pytest.approx(f1_score(truth, kept), abs=CLOSE)
    assert [
        [confusion.rejected_right, confusion.kept_wrong],
        [confusion.missed, confusion.kept_right],
    ] == confusion_matrix(truth, kept).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_reliability_bins_of_evenly_mixed_pictures_are_quantiles(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, truth = random.random(200), random.permutation(np.repeat([True, False], 100))

    bins = reliability_bins(scores, truth, np.arange(200), np.ones(200))

    shares, means = calibration_curve(truth, scores, n_bins=10, strategy="quantile")
    assert [each.share.value for each in bins] == pytest.approx(shares.tolist(), abs=CLOSE)
    assert [each.mean_score for each in bins] == pytest.approx(means.tolist(), abs=CLOSE)


@pytest.mark.parametrize(("right", "of"), [(0, 5), (1, 1), (3, 10), (97, 100), (400, 400)])
def test_intervals_of_shares(right: int, of: int) -> None:
    known, exact = (binomtest(right, of).proportion_ci(0.95, method) for method in ("wilson", "exact"))
    inward = 1e-8 if right < of else -1e-8  # a count that is hardly broken

    whole, broken = wilson(right, of), wilson(right + inward, of)

    assert (whole.low, whole.high) == pytest.approx((known.low, known.high), abs=CLOSE)
    assert (broken.low, broken.high) == pytest.approx((exact.low, exact.high), abs=1e-6)


def test_log_odds_and_their_reverse() -> None:
    odds, shares = np.linspace(-800, 800, 1601), np.linspace(1e-9, 1 - 1e-9, 501)

    assert sigmoid(odds) == pytest.approx(expit(odds), abs=1e-15)
    assert [log_odds(share) for share in shares.tolist()] == pytest.approx(logit(shares).tolist(), abs=CLOSE)


@pytest.mark.parametrize("seed", range(0, 8, 2))
def test_what_a_threshold_keeps_of_uncertain_pictures(seed: int) -> None:
    scores = scored(seed)[0]
    twice = np.repeat(
        [True, False], len(scores)
    )  # each picture shows the target with its chance, and not with the rest
    chances = np.concatenate([scores, 1 - scores])

    curve = threshold_curve(scores, scores)

    points = list(zip(curve.thresholds, curve.precision, curve.recall, strict=True))
    for threshold, precision, recall in points[::20]:
        kept = np.tile(scores >= threshold, 2)
        assert precision == pytest.approx(precision_score(twice, kept, sample_weight=chances), abs=CLOSE)
        assert recall == pytest.approx(recall_score(twice, kept, sample_weight=chances), abs=CLOSE)
