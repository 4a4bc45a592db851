"""The forecast: sums over and under the threshold, as sure as what the probabilities rest on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from classifier.metrics.forecast import forecast

SCORES = np.array([0.9] * 100 + [0.1] * 300)  # 100 are kept, of which 90 are right, and 30 of the others show it too


@pytest.mark.parametrize(("rests_on", "of"), [(20.0, (20, 20)), (1e9, (100, 120))])
def test_precision_and_recall_are_sums_with_the_interval_of_the_fewer_counts(
    rests_on: float, of: tuple[int, int]
) -> None:
    found = forecast(SCORES, SCORES, 0.5, rests_on)

    assert (found.posts, found.kept) == (400, 100)
    for figure, share, count in zip((found.precision, found.recall), (0.9, 90 / 120), of, strict=True):
        interval = binomtest(round(share * count), count).proportion_ci(0.95, method="wilson")
        assert figure.value == pytest.approx(share)
        assert (figure.low, figure.high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_where_nothing_is_kept_precision_is_unknown_and_recall_is_none() -> None:
    found = forecast(SCORES, SCORES, 0.95, 50.0)

    assert found.kept == 0
    assert np.isnan(found.precision.value) and found.recall.value == 0
    assert found.to_json()["precision"] is None
