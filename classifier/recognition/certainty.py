"""How sure a recogniser is of a picture, in three figures, and from which figures on it says a name.

The top probability, its gap to the second, and the standard deviation of all classes' probabilities (0 when all are
equally probable). With K classes the deviation lies between 0 and sqrt(K - 1) / K.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from classifier.arrays import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Certainty:
    """Of n pictures."""

    top: FloatArray  # (n,) 0..1, probability of the likeliest class
    gap: FloatArray  # (n,) 0..1, to the second
    deviation: FloatArray  # (n,) 0..0.5, of the classes' probabilities

    @classmethod
    def of(cls, probabilities: FloatArray) -> Certainty:
        """From probabilities, shape (n, classes), two classes at least."""
        if probabilities.ndim != 2 or probabilities.shape[1] < 2:
            raise ValueError(f"expected probabilities of shape (n, classes), got {probabilities.shape}")
        two = np.partition(probabilities, -2, axis=1)[:, -2:]
        return cls(two[:, 1], two[:, 1] - two[:, 0], probabilities.std(axis=1))


@dataclass(frozen=True, slots=True)
class Limits:
    """The least that each figure must be for a name to be said; below, the answer is nobody."""

    top: float = 0.0  # 0..1
    gap: float = 0.0  # 0..1
    deviation: float = 0.0  # 0..1

    def __post_init__(self) -> None:
        for name in ("top", "gap", "deviation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the limit of {name} must be 0..1, got {getattr(self, name)}")

    def passed(self, certainty: Certainty) -> BoolArray:
        """Which pictures get a name, shape (n,); none that has no figures."""
        return np.asarray(
            (certainty.top >= self.top) & (certainty.gap >= self.gap) & (certainty.deviation >= self.deviation)
        )


_FIGURES = {"top": "a probability of", "gap": "a gap to the second of", "deviation": "a deviation of"}


def limit_words(limits: Mapping[str, float]) -> str:
    """From which figures on a name is said, for people: those that limit something; empty where none does."""
    return " and ".join(f"{words} {limits[name]:.2f}" for name, words in _FIGURES.items() if limits.get(name))
