"""A model whose forecast is contradicted by pictures with reliable tags must not decide."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from classifier.metrics.veto import VetoMeasurements, counted_share, refusal

GOOD = VetoMeasurements(
    positives=200,
    negatives=2800,
    false_alarms=1,
    others=2900,
    kept=180,
    recall=0.85,
    found_share=0.08,
    counted_share=0.085,
    nobody=2000,
)


def test_a_model_whose_figures_agree_decides() -> None:
    assert refusal(GOOD, 0.95) == ""


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"false_alarms": 2700, "kept": 4900}, "tagged with others"),
        ({"false_alarms": 60}, "tagged with others"),
        ({"positives": 6.0}, "held out"),
        ({"recall": 0.01}, "cannot tell"),
        ({"counted_share": 0.01}, "disagree"),
        ({"found_share": 0.01}, "disagree"),
    ],
)
def test_what_contradicts_the_forecast_is_refused_with_advice(change: dict[str, float], word: str) -> None:
    found = refusal(replace(GOOD, **change), 0.95)

    assert word in found
    assert "--references DIR" in found
    assert found.count(". ") == 0


def test_a_threshold_that_a_person_chose_is_not_held_against_a_precision() -> None:
    assert refusal(replace(GOOD, false_alarms=60), 0.0) == ""


def test_the_best_precision_counts_out_only_the_false_alarms_that_are_certain() -> None:
    few = replace(GOOD, negatives=100, false_alarms=3, others=1000, kept=100)
    low = binomtest(3, 100).proportion_ci(0.95, method="wilson").low  # 1.03 %, where 3 % were seen

    assert few.best_precision == pytest.approx(1 - low * 1000 / 100, abs=1e-6)
    assert replace(few, false_alarms=0).best_precision == pytest.approx(1.0)
    assert replace(few, kept=0).best_precision == 1.0


def test_shares_of_a_handful_of_posts_contradict_nothing() -> None:
    assert refusal(replace(GOOD, nobody=100, counted_share=0.02), 0.95) == ""


def test_the_share_is_counted_right_although_some_scores_are_wrong() -> None:
    random = np.random.default_rng(0)
    shown, others = random.normal(1, 1, 400), random.normal(-1, 1, 2000)
    mixed = np.concatenate([random.normal(1, 1, 300), random.normal(-1, 1, 2700)])

    assert counted_share(shown, np.ones(400), others, mixed) == pytest.approx(0.1, abs=0.02)


def test_nothing_is_counted_where_scores_tell_nothing_apart() -> None:
    noise = np.random.default_rng(0).normal(size=500)

    assert np.isnan(counted_share(noise, np.ones(500), noise, noise))
    assert np.isnan(counted_share(np.zeros(0), np.zeros(0), noise, noise))
