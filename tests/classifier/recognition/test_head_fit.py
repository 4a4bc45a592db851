"""Heads are fitted as the field's reference fits them, and judged by pictures that they have not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.recognition.class_head import softmax
from classifier.recognition.head_fit import (
    LabelledVectors,
    fitted_head,
    fitted_temperature,
    strangers,
    stratified_folds,
)

CLASSES = ("bart", "homer", "lisa", "marge")


def clouds(per_class: int = 24, spread: float = 0.6, classes: tuple[str, ...] = CLASSES) -> LabelledVectors:
    """A cloud of points a class around corners of a cube; every two points are a group."""
    random = np.random.default_rng(3)
    columns = np.repeat(np.arange(len(classes)), per_class)
    corners = random.normal(size=(len(classes), 6)) * 2
    vectors = corners[columns] + random.normal(size=(len(columns), 6)) * spread
    return LabelledVectors(vectors.astype(np.float32), columns, np.arange(len(columns)) // 2, classes)


def test_clouds_that_are_apart_are_told_apart_out_of_fold() -> None:
    examples = clouds()
    fitted = fitted_head(examples)
    assert (fitted.probabilities.argmax(axis=1) == examples.columns).mean() > 0.95
    assert (fitted.head.probabilities(examples.vectors).argmax(axis=1) == examples.columns).mean() > 0.95


def test_figures_out_of_fold_are_no_better_than_luck_where_there_is_nothing_to_learn() -> None:
    examples = clouds(spread=500.0)
    fitted = fitted_head(examples)
    assert (fitted.probabilities.argmax(axis=1) == examples.columns).mean() < 0.45
    assert fitted.probabilities.max(axis=1).mean() < 0.6  # the temperature admits it


def test_a_head_agrees_with_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    from classifier.recognition import head_fit

    examples = clouds(spread=1.5)
    frame = head_fit._Frame.of(examples.vectors)
    point = head_fit._fit(frame.rows, examples.columns, len(CLASSES), 0.1)
    theirs = linear_model.LogisticRegression(C=10, max_iter=2000, tol=1e-8).fit(frame.rows[:, :-1], examples.columns)
    ours = softmax((frame.rows @ point).astype(np.float64))
    assert ours == pytest.approx(theirs.predict_proba(frame.rows[:, :-1]), abs=0.01)


def test_a_group_is_never_on_both_sides_of_a_fold_and_every_class_is_in_all() -> None:
    examples = clouds()
    folds = stratified_folds(examples, 5, seed=0)
    assert all(len(set(folds[examples.groups == number])) == 1 for number in set(examples.groups.tolist()))
    for number in range(5):
        assert set(examples.columns[folds == number].tolist()) == {0, 1, 2, 3}


def test_strangers_get_no_probability_for_their_own_class() -> None:
    examples = clouds()
    found = strangers(examples, fitted_head(examples))
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found[np.arange(len(found)), examples.columns] == 0).all()


def test_of_two_classes_none_can_be_left_out() -> None:
    examples = clouds(classes=CLASSES[:2])
    assert np.isnan(strangers(examples, fitted_head(examples))).all()


def test_the_temperature_brings_exaggerated_logits_back() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(size=(2000, 3))
    columns = np.array([random.choice(3, p=row) for row in softmax(honest)])
    assert fitted_temperature(honest * 5, columns) == pytest.approx(5, rel=0.2)


def test_vectors_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        LabelledVectors(np.full((2, 3), np.inf, dtype=np.float32), np.array([0, 1]), np.array([0, 1]), CLASSES[:2])


def test_what_is_always_learned_from_is_in_every_fold_and_measured_in_none() -> None:
    examples = clouds(spread=1.5)
    turned = replace(examples, columns=(examples.columns + 1) % len(CLASSES))  # the same places, other classes

    alone, beside = fitted_head(examples), fitted_head(examples, turned)

    assert beside.probabilities.shape == alone.probabilities.shape
    right = [(one.probabilities.argmax(axis=1) == examples.columns).mean() for one in (alone, beside)]
    assert right[0] > 0.8 and right[1] < right[0] - 0.2  # each fold's head has heard both
    strange = strangers(examples, beside, turned)
    assert np.isfinite(strange).all() and (strange[np.arange(len(strange)), examples.columns] == 0).all()
