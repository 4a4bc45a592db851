"""From which figures on a recogniser says a name: chosen on scores out of fold, of known classes and of strangers.

A right name counts one, a wrong one minus one, no name nothing. Strangers are pictures of classes that were left out
of the fit; together they weigh as much as one class does on average, as if there were a class *nobody*. Where a
precision is asked for, the most right names with that precision are taken instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.arrays import BoolArray, FloatArray
from classifier.recognition.certainty import Certainty, Limits

_EDGES = 32  # values of each figure that are tried


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Likeliest classes with how sure they are; n pictures, those of strangers among them."""

    certainty: Certainty
    right: BoolArray  # (n,) the likeliest class is the picture's own; never of a stranger
    weights: FloatArray  # (n,)


@dataclass(frozen=True, slots=True)
class ChosenLimits:
    """Limits and what to expect of them on pictures like these."""

    limits: Limits
    named: float  # 0..1, share of the known classes' pictures that get a name
    right: float  # 0..1, of those names that are right
    strangers_refused: float | None  # 0..1; None: there were no strangers to try
    reached: bool = True  # the precision that was asked for


def answers_of(probabilities: FloatArray, right: BoolArray, strangers: FloatArray) -> Answers:
    """Known pictures and strangers together.

    Args:
        probabilities: of pictures of known classes, out of fold, shape (n, classes).
        right: whether the likeliest class is the picture's own, shape (n,).
        strangers: probabilities of pictures whose class is none of these, shape (m, classes); may be empty.
    """
    known, classes = len(probabilities), probabilities.shape[1]
    certainty = Certainty.of(np.concatenate([probabilities, strangers]))
    weight = known / classes / len(strangers) if len(strangers) else 0.0
    weights = np.concatenate([np.ones(known), np.full(len(strangers), weight)])
    return Answers(certainty, np.concatenate([right, np.zeros(len(strangers), dtype=np.bool_)]), weights)


def chosen_limits(answers: Answers, known: int, *, precision: float | None = None) -> ChosenLimits:
    """Choose the limits.

    Args:
        answers: of `answers_of`.
        known: how many of the first pictures are of known classes.
        precision: that names are to have, 0..1; None: a wrong name costs what a right one gains.
    """
    figures = (answers.certainty.top, answers.certainty.gap, answers.certainty.deviation)
    edges = [_edges(figure) for figure in figures]
    right = _passing(figures, edges, answers.weights * answers.right)
    wrong = _passing(figures, edges, answers.weights * ~answers.right)
    reached = True
    if precision is None:
        value = right - wrong
    else:
        shares = right / np.maximum(right + wrong, 1e-12)
        reached = bool((shares >= precision).any())
        value = np.where(shares >= precision, right, -1.0) if reached else shares
    cell = np.unravel_index(int(np.argmax(value)), value.shape)
    limits = Limits(*(float(of[at]) for of, at in zip(edges, cell, strict=True)))
    return _expected(limits, answers, known, reached=reached)


def _expected(limits: Limits, answers: Answers, known: int, *, reached: bool) -> ChosenLimits:
    passed = limits.passed(answers.certainty)
    named = int(passed[:known].sum())
    return ChosenLimits(
        limits=limits,
        named=float(passed[:known].mean()) if known else 0.0,
        right=float((passed & answers.right)[:known].sum()) / named if named else 0.0,
        strangers_refused=float((~passed[known:]).mean()) if len(passed) > known else None,
        reached=reached,
    )


def _edges(figure: FloatArray) -> FloatArray:
    """Values to try, rising from 0, where nothing is refused."""
    return np.unique(np.concatenate([[0.0], np.round(np.quantile(figure, np.linspace(0, 0.98, _EDGES)), 4)]))


def _passing(figures: tuple[FloatArray, ...], edges: list[FloatArray], weights: FloatArray) -> FloatArray:
    """The summed weight of pictures that pass each triple of limits, shape (edges, edges, edges)."""
    cells = [np.searchsorted(of, figure, side="right") - 1 for figure, of in zip(figures, edges, strict=True)]
    summed = np.zeros([len(of) for of in edges])
    np.add.at(summed, tuple(cells), weights)
    for axis in range(3):
        summed = np.flip(np.cumsum(np.flip(summed, axis), axis), axis)
    return summed
