"""A compressed model against the model that it was made of, on the same pictures: may it take its place?

Held-out pictures, which neither learned from, are what counts: by how much the average precision of what the networks
see fell, and whether the errors became more. On all pictures it is counted how often the two decide alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from classifier.arrays import BoolArray, FloatArray
from classifier.metrics.quality import average_precision, without_nan
from storage.plurals import counted

LEAST_POSITIVES = 5  # held-out pictures of the target, from which a comparison proves anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """What was done to a model, and what became of it."""

    how: str  # int8 | distil | prune
    parent: str  # ModelCard.name
    margin: float  # by how much average precision may fall
    held_out: int  # pictures
    positives: int  # of these, showing the target
    old_precision: float  # average precision of the parent on them; NaN without positives
    new_precision: float
    alike: int  # held-out pictures that both decide alike
    pictures: int  # all that took part
    all_alike: int  # of all
    parent_in_force: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)  # what was done; plain values

    @property
    def refusal(self) -> str:
        """Why it may not take its parent's place by itself; empty: it may."""
        if not self.parent_in_force:
            return f"{self.parent} is not in force itself"
        if self.positives < LEAST_POSITIVES:
            return f"{counted(self.positives, 'held-out picture')} of the target prove nothing"
        fell = self.old_precision - self.new_precision
        if not fell <= self.margin:
            return f"its average precision fell by {fell:.4f}, more than {self.margin:g} (--set margin=…)"
        return ""

    def words(self) -> str:
        """For people."""
        measured = (
            f"average precision {self.new_precision:.4f}, {self.old_precision:.4f} before, on "
            f"{counted(self.held_out, 'held-out picture')}, {self.positives} of them showing it"
            if self.positives
            else f"{counted(self.held_out, 'held-out picture')}, none of them showing it"
        )
        return (
            f"compressed ({self.how}) from {self.parent}: {measured}; decides as before on "
            f"{_share(self.alike, self.held_out)} of those and on {_share(self.all_alike, self.pictures)} of all "
            f"{self.pictures}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        values = asdict(self) | {"facts": dict(self.facts), "refusal": self.refusal}
        return {name: without_nan(value) for name, value in values.items()}


def _share(part: int, of: int) -> str:
    return f"{part / of:.1%}" if of else "none"


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A model's scores of the same pictures, and from where on it keeps them."""

    scores: FloatArray  # (n,) by which it decides
    alone: FloatArray  # (n,) of the pictures alone, whatever tags and taggers say
    threshold: float

    @property
    def keeps(self) -> BoolArray:
        """Whether it keeps each, (n,)."""
        return np.asarray(self.scores >= self.threshold)


def measured(old: Scored, new: Scored, truth: BoolArray, held_out: BoolArray) -> dict[str, Any]:
    """The figures of a `Compression`.

    Args:
        old: the parent's scores.
        new: the compressed model's.
        truth: whether each picture shows the target, (n,); only of held-out ones it matters.
        held_out: pictures that neither learned from, (n,).
    """
    alike = old.keeps == new.keeps
    return {
        "held_out": int(held_out.sum()),
        "positives": int(truth[held_out].sum()),
        "old_precision": _precision(old.alone[held_out], truth[held_out]),
        "new_precision": _precision(new.alone[held_out], truth[held_out]),
        "alike": int(alike[held_out].sum()),
        "pictures": len(truth),
        "all_alike": int(alike.sum()),
    }


def _precision(scores: FloatArray, truth: BoolArray) -> float:
    return average_precision(scores, truth) if len(scores) else math.nan
