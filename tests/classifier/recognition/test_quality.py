"""Figures of many classes are those of the field."""

from __future__ import annotations

import math

import numpy as np
import pytest

from classifier.recognition.quality import ManyClassQuality, Share, threshold_curves

NAMES = ("bart", "lisa", "nobody")
TRUTH = ["bart"] * 6 + ["lisa"] * 4
ANSWERS = ["bart"] * 4 + ["lisa"] * 2 + ["lisa"] * 3 + ["nobody"]


def test_each_class_has_precision_recall_and_f1() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    quality = ManyClassQuality.of(NAMES, TRUTH, ANSWERS)
    theirs = metrics.classification_report(TRUTH, ANSWERS, output_dict=True, zero_division=0)
    for one in quality.classes[:2]:
        assert (one.precision, one.recall, one.f1) == pytest.approx(
            tuple(theirs[one.name][key] for key in ("precision", "recall", "f1-score"))
        )
    assert quality.accuracy.value == pytest.approx(0.7)


def test_a_class_says_what_it_is_taken_for_most_often() -> None:
    bart, lisa, nobody = ManyClassQuality.of(NAMES, TRUTH, ANSWERS).classes
    assert (bart.taken_for, bart.taken_count) == ("lisa", 2)
    assert (lisa.taken_for, lisa.taken_count) == ("nobody", 1)
    assert (nobody.pictures, nobody.named, math.isnan(nobody.f1)) == (0, 1, True)


def test_a_class_without_pictures_or_answers_has_no_row() -> None:
    assert [one.name for one in ManyClassQuality.of(("a", "b", "c"), ["a"], ["b"]).classes] == ["a", "b"]


def test_a_share_of_nothing_is_none() -> None:
    assert Share.of(0, 0).to_json() is None
    assert Share.of(9, 10).to_json() == {"value": 0.9, "low": 0.5958, "high": 0.9821}


def test_a_higher_minimum_says_fewer_names_and_the_best_is_between() -> None:
    top = np.array([0.9, 0.85, 0.8, 0.75, 0.4, 0.35, 0.3])
    right = np.array([1, 1, 1, 1, 0, 0, 0])
    curves = threshold_curves(top, right, shows=4)
    assert (np.diff(curves.recall) <= 0).all()
    assert curves.precision[0] == pytest.approx(4 / 7)
    assert math.isnan(curves.precision[-1])
    assert 0.4 < curves.best() <= 0.75
