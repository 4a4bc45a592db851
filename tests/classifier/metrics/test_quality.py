"""Figures that admit how little was measured."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from classifier.metrics.quality import average_precision, bootstrap, evaluate, wilson, worth


def test_an_interval_of_few_is_wide_and_of_many_narrow() -> None:
    few, many = wilson(9, 10), wilson(900, 1000)

    assert few.high - few.low > 0.3
    assert many.high - many.low < 0.05


def test_all_right_is_not_certainty() -> None:
    assert wilson(20, 20).low == pytest.approx(0.839, abs=0.001)


@pytest.mark.parametrize(("right", "of"), [(0, 7), (1, 7), (9, 10), (28, 30), (900, 1000)])
def test_the_interval_of_counts_is_wilsons(right: int, of: int) -> None:
    share, z = right / of, 1.959963984540054
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)

    found = wilson(right, of)

    assert (found.low, found.high) == (pytest.approx(centre - half, abs=1e-12), pytest.approx(centre + half, abs=1e-12))


def test_pictures_that_count_for_less_than_one_each_widen_the_interval() -> None:
    whole, broken = wilson(18, 20), wilson(18 * 0.73, 20 * 0.73)

    assert broken.value == pytest.approx(whole.value)
    assert broken.low < whole.low and broken.high > whole.high


@pytest.mark.parametrize("of", [0.4, 1.5, 12.7, 300.2])
def test_a_broken_count_of_all_or_of_none_is_not_certainty_but_has_its_end(of: float) -> None:
    everything, nothing = wilson(of, of), wilson(0, of)

    assert 0 < everything.low < everything.value == everything.high == 1
    assert 0 == nothing.low == nothing.value < nothing.high < 1


def test_nothing_measured_is_nan() -> None:
    assert math.isnan(wilson(0, 0).value)
    assert str(wilson(0, 0)) == "not measured"


def test_precision_and_recall_are_counted_at_the_threshold() -> None:
    quality = evaluate(np.array([0.9, 0.8, 0.7, 0.2]), np.array([True, True, False, True]), 0.7)

    assert (quality.kept, quality.right, quality.positives) == (3, 2, 3)
    assert quality.precision.value == pytest.approx(2 / 3)
    assert quality.recall.value == pytest.approx(2 / 3)


def test_average_precision_takes_equal_scores_together() -> None:
    assert average_precision(np.ones(4), np.array([True, False, False, False])) == pytest.approx(0.25)


def test_whole_groups_are_drawn_so_copies_do_not_narrow_the_interval() -> None:
    values = np.random.default_rng(0).random(40)
    copies, groups = np.repeat(values, 10), np.repeat(np.arange(40), 10)

    honest = bootstrap(lambda rows: float(copies[rows].mean()), groups)
    naive = bootstrap(lambda rows: float(copies[rows].mean()), np.arange(400))

    assert honest.high - honest.low > 2 * (naive.high - naive.low)


def test_figures_without_positives_can_be_written_as_json() -> None:
    quality = evaluate(np.array([0.1, 0.2]), np.array([False, False]), 0.5)

    assert json.loads(json.dumps(quality.to_json(), allow_nan=False))["recall"]["value"] is None


def test_copies_do_not_make_precision_and_recall_surer() -> None:
    random = np.random.default_rng(1)
    truth = random.random(60) < 0.5
    scores = np.where(truth, random.beta(5, 2, 60), random.beta(2, 5, 60))
    alone = evaluate(scores, truth, 0.5)

    copied = evaluate(np.repeat(scores, 5), np.repeat(truth, 5), 0.5, groups=np.repeat(np.arange(60), 5))

    for one, other in ((alone.precision, copied.precision), (alone.recall, copied.recall)):
        assert other.value == pytest.approx(one.value)
        assert (other.low, other.high) == pytest.approx((one.low, one.high), abs=1e-6)


def test_pictures_of_one_set_that_differ_count_for_more_than_one_picture() -> None:
    random = np.random.default_rng(2)

    assert worth(random.random(200), np.repeat(np.arange(20), 10)) > 100
    assert worth(np.repeat(random.random(20), 10), np.repeat(np.arange(20), 10)) == pytest.approx(20)
    assert worth(np.full(200, 0.5), np.repeat(np.arange(20), 10)) == pytest.approx(20)


def test_nothing_to_measure_on_gives_no_figure_and_no_error() -> None:
    quality = evaluate(np.zeros(0), np.zeros(0, dtype=bool), 0.5, groups=np.zeros(0, dtype=np.int64))

    assert quality.examples == 0
    assert all(math.isnan(figure.value) for figure in (quality.precision, quality.f1, quality.average_precision))
