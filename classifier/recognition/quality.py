"""How good a recogniser's answers are: each class's figures, the confusion matrix, and figures against a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from classifier.arrays import FloatArray, IntArray

CURVE_POINTS = 101  # minimum probabilities from 0 to 1


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95 % interval (Wilson)."""

    value: float  # 0..1; not-a-number: of nothing
    low: float
    high: float

    @classmethod
    def of(cls, count: int, every: int) -> Share:
        """So many of so many."""
        if not every:
            return cls(math.nan, math.nan, math.nan)
        interval = binomtest(count, every).proportion_ci(method="wilson")
        return cls(count / every, float(interval.low), float(interval.high))

    def to_json(self) -> dict[str, float] | None:
        """Plain values; None: of nothing."""
        return None if math.isnan(self.value) else {name: round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """Of one class."""

    name: str
    pictures: int  # that show it
    named: int  # that got its name
    right: int  # of both
    taken_for: str = ""  # the other answer that its pictures get most often; "": none
    taken_count: int = 0

    @property
    def precision(self) -> float:
        """Of its names, those that are right; not-a-number: it was never said."""
        return self.right / self.named if self.named else math.nan

    @property
    def recall(self) -> float:
        """Of its pictures, those that got its name; not-a-number: there are none."""
        return self.right / self.pictures if self.pictures else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; not-a-number where there are no pictures."""
        return 2 * self.right / (self.pictures + self.named) if self.pictures else math.nan

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        figures = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        rounded = {name: None if math.isnan(value) else round(value, 4) for name, value in figures.items()}
        return {**asdict(self), **rounded}


@dataclass(frozen=True, slots=True, eq=False)
class ManyClassQuality:
    """Of all of them."""

    names: tuple[str, ...]  # of rows and columns
    confusion: IntArray  # (names, names) pictures of the row's class that got the column's answer

    @classmethod
    def of(cls, names: Sequence[str], truth: Sequence[str], answers: Sequence[str]) -> ManyClassQuality:
        """From what pictures show and what was answered, both of these names."""
        at = {name: number for number, name in enumerate(names)}
        confusion = np.zeros((len(names), len(names)), dtype=np.int64)
        np.add.at(confusion, ([at[name] for name in truth], [at[name] for name in answers]), 1)
        return cls(tuple(names), confusion)

    @property
    def pictures(self) -> int:
        """All of them."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> Share:
        """Share of right answers."""
        return Share.of(int(np.trace(self.confusion)), self.pictures)

    @property
    def classes(self) -> tuple[ClassQuality, ...]:
        """Of each name that has pictures, or was answered, in their order."""
        found = []
        for number, name in enumerate(self.names):
            row, named = self.confusion[number].copy(), int(self.confusion[:, number].sum())
            if not row.sum() and not named:
                continue
            right, row[number] = int(row[number]), 0
            other = int(row.argmax())
            taken = (self.names[other], int(row[other])) if row[other] else ("", 0)
            found.append(ClassQuality(name, int(self.confusion[number].sum()), named, right, *taken))
        return tuple(found)

    @property
    def macro_f1(self) -> float:
        """Mean of the classes that have pictures."""
        every = [one.f1 for one in self.classes if one.pictures]
        return float(np.mean(every)) if every else math.nan

    def to_json(self) -> dict[str, Any]:
        """Plain values, without the matrix."""
        return {
            "pictures": self.pictures,
            "accuracy": self.accuracy.to_json(),
            "macro_f1": round(self.macro_f1, 4),
            "classes": [one.to_json() for one in self.classes],
        }


@dataclass(frozen=True, slots=True, eq=False)
class ThresholdCurves:
    """Figures by the least probability from which a name is said, of one class or of all."""

    least: FloatArray  # (points,) rising, 0..1
    precision: FloatArray  # (points,) not-a-number where no name is said
    recall: FloatArray  # (points,)
    f1: FloatArray  # (points,)

    def best(self) -> float:
        """The least probability with the highest F1; the middle of the best stretch, so that luck decides less."""
        best = np.flatnonzero(self.f1 >= np.nanmax(self.f1) - 1e-12)
        first = best[: int(np.argmin(np.diff(best) == 1)) + 1] if (np.diff(best) != 1).any() else best
        return float(self.least[first[len(first) // 2]])


def threshold_curves(top: FloatArray, right: FloatArray, shows: int) -> ThresholdCurves:
    """Curves of answers with a name.

    Args:
        top: probability of each answer's name, shape (n,).
        right: whether the name is right, 0 or 1, shape (n,).
        shows: pictures that should get a name: of the class, or of all of them.
    """
    least = np.linspace(0, 1, CURVE_POINTS)
    passed = top[:, None] >= least[None, :]
    named, hits = passed.sum(axis=0), (passed * right[:, None]).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(named > 0, hits / np.maximum(named, 1), np.nan)
    recall = hits / max(shows, 1)
    return ThresholdCurves(least, precision, recall, 2 * hits / np.maximum(named + shows, 1))
