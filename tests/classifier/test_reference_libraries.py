"""Figures and fits of our own agree with scikit-learn's and SciPy's wherever both can compute them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
)
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

from classifier.heads.logistic_head import Pull, WeightedExamples, fit_head, newton, starting_head
from classifier.heads.noisy_labels import LabelSource, LabelTrust, posterior_of
from classifier.heads.out_of_fold import deal_groups
from classifier.metrics.calibration import log_odds, sigmoid
from classifier.metrics.curves import ScoredPictures, confusion_at, curve_at, measure
from classifier.metrics.quality import Estimate, average_precision, evaluate, wilson
from classifier.metrics.reliability import class_weights, reliability_bins
from classifier.metrics.thresholds import threshold_curve
from classifier.training.splits import Identity, group, split

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


def doubtful(seed: int, count: int = 250) -> WeightedExamples:
    """Examples with soft labels and unequal weights; four columns of unequal spread."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 4)) * (0.1, 1, 5, 30) + (3, 0, -7, 100)
    shares = expit(rows @ (4.0, -1.0, 0.3, 0.02) + random.normal(size=count))
    return WeightedExamples.of(rows, np.where(random.random(count) < 0.5, shares, shares > 0.5), random.random(count))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("l2", [0.05, 1.0, 40.0])
def test_a_head_that_is_pulled_to_nothing_is_ridge_logistic_regression(seed: int, l2: float) -> None:
    examples = doubtful(seed)
    scaled = examples.embeddings / examples.embeddings.std(axis=0)
    model = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    weights = np.concatenate([examples.weights * examples.share, examples.weights * (1 - examples.share)])
    model.fit(np.tile(scaled, (2, 1)), np.repeat([True, False], len(scaled)), sample_weight=weights)

    head = fit_head(examples, l2, starting_head(4, None))

    assert head.logits(examples.embeddings) == pytest.approx(model.decision_function(scaled), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_a_head_that_is_pulled_to_a_start_has_the_least_cost_that_scipy_finds(seed: int) -> None:
    examples = doubtful(seed)
    pull = Pull(np.array([1.0, -2.0, 0.5, 0.1]), np.array([0.5, 2.0, 10.0, 100.0]))

    def cost(point: np.ndarray) -> tuple[float, np.ndarray]:
        logits = examples.embeddings @ point
        loss = examples.weights @ (np.logaddexp(0, logits) - examples.share * logits)
        slope = examples.embeddings.T @ (examples.weights * (expit(logits) - examples.share))
        away = point - pull.centre
        return float(loss + 0.5 * pull.strength @ away**2), slope + pull.strength * away

    ours = newton(examples, pull, pull.centre.copy(), 30)

    found = minimize(cost, pull.centre, jac=True, method="L-BFGS-B", options={"ftol": 1e-16, "gtol": 1e-10})
    assert cost(ours)[0] <= found.fun * (1 + CLOSE)
    assert ours == pytest.approx(found.x, abs=1e-4)


def test_where_people_have_said_all_there_is_logits_are_stretched_as_platt_does() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 4000)
    shows = random.random(4000) < expit(2.5 * logits - 1)
    trust, sources = LabelTrust(), np.where(shows, LabelSource.KEEP, LabelSource.DELETE).astype(np.int8)

    line = posterior_of(logits, sources, trust).line

    believed = np.concatenate(
        [np.where(shows, trust.sure, 1 - trust.sure), np.where(shows, 1 - trust.sure, trust.sure)]
    )
    platt = LogisticRegression(C=1e12, tol=1e-12).fit(
        np.tile(logits, 2)[:, None], np.repeat([True, False], 4000), sample_weight=believed
    )
    assert (line.slope, line.offset) == pytest.approx((platt.coef_[0, 0], platt.intercept_[0]), rel=1e-2)
    assert line.slope > 1.5


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_the_connected_components_of_what_links_pictures(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 400
    parents = np.where(random.random(count) < 0.5, random.integers(0, count, count), -1)
    files = random.integers(0, 350, count)
    identities = [
        Identity(row, md5=f"{files[row]}", parent_id=None if parents[row] < 0 else int(parents[row]))
        for row in range(count)
    ]
    links = [(row, int(parents[row])) for row in range(count) if parents[row] >= 0]
    links += [(row, int(np.flatnonzero(files == files[row])[0])) for row in range(count)]
    ones, others = np.array(links).T

    groups = group(identities)

    components = connected_components(coo_array((np.ones(len(ones)), (ones, others)), (count, count)), directed=False)[
        1
    ]
    assert 1 < len(set(groups.tolist())) < count
    assert len(set(zip(groups.tolist(), components.tolist(), strict=True))) == groups.max() + 1 == components.max() + 1


def many_groups(seed: int, count: int = 240) -> tuple[np.ndarray, list[str]]:
    """Groups of very unequal size, and characters of which one is rare; a group is mostly of one character."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(count), random.zipf(1.8, count).clip(1, 30))
    usual = random.choice(["mona", "keqing", "rare"], count, p=(0.3, 0.6, 0.1))
    kinds = np.where(random.random(len(groups)) < 0.9, usual[groups], "keqing")
    return groups, kinds.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_folds_are_as_even_as_scikit_learns_to_the_size_of_a_group(seed: int) -> None:
    groups = many_groups(seed)[0]
    even = [len(out) for _, out in GroupKFold(5).split(groups, groups=groups)]

    fold = deal_groups(groups, 5, seed)

    sizes, largest = np.bincount(fold), np.bincount(groups).max()
    assert len(sizes) == len(even) == 5
    assert abs(sizes - np.sort(even)).max() <= largest
    assert len(set(zip(groups.tolist(), fold.tolist(), strict=True))) == len(set(groups.tolist()))


def test_splits_spread_every_kind_more_evenly_than_stratified_group_folds_do() -> None:
    ours, theirs = [], []
    for seed in range(4):
        groups, kinds = many_groups(seed)
        folds = [
            out for _, out in StratifiedGroupKFold(20, shuffle=True, random_state=seed).split(groups, kinds, groups)
        ]
        parts = split(groups, kinds, seed=seed)
        ours.append(unevenness([parts.train, parts.validation, parts.test], kinds))
        theirs.append(unevenness([np.concatenate(part) for part in (folds[:15], folds[15:18], folds[18:])], kinds))

    assert np.mean(ours) < np.mean(theirs)


def unevenness(parts: list[np.ndarray], kinds: list[str]) -> float:
    """How far the shares of the kinds are from 75, 15 and 10 %, at most."""
    everywhere, found = Counter(kinds), defaultdict(list)
    for part, share in zip(parts, (0.75, 0.15, 0.10), strict=True):
        here = Counter(kinds[row] for row in part.tolist())
        for kind, count in everywhere.items():
            found[kind].append(abs(here[kind] / count - share))
    return max(max(each) for each in found.values())
