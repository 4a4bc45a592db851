"""Heads are fitted as scikit-learn and SciPy fit them wherever these can."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from classifier.heads.logistic_head import Pull, WeightedExamples, fit_head, newton, starting_head
from classifier.heads.noisy_labels import LabelSource, LabelTrust, posterior_of

CLOSE = 1e-9


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
