"""The report of `bench.quality` on its contestants: one column each, the recipe first, and how their errors compare."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from bench.quality.folder_splits import FolderPicture
from classifier.arrays import BoolArray, FloatArray, IntArray
from classifier.metrics.quality import Estimate, Quality, bootstrap

GOAL = 0.2  # share of the recipe's errors
_LABELS, _COLUMN = 34, 24  # characters


@dataclass(frozen=True)
class Scored:
    """Scores of the test pictures against the truth."""

    quality: Quality
    scores: FloatArray  # (n,), 0..1
    truth: BoolArray  # (n,)
    groups: IntArray  # (n,)

    @cached_property
    def wrong(self) -> BoolArray:
        """Which are kept and do not show the target, or the other way round, shape (n,)."""
        return np.asarray((self.scores >= self.quality.threshold) != self.truth)

    @cached_property
    def steps(self) -> tuple[FloatArray, IntArray, IntArray]:
        """Every different threshold, falling, with how many are kept from it up, and how many of those rightly."""
        order = np.argsort(-self.scores, kind="stable")
        last_of_tie = np.append(np.diff(self.scores[order]) != 0, True)
        right = np.cumsum(self.truth[order])[last_of_tie]
        kept = (np.arange(len(order)) + 1)[last_of_tie]
        nothing = np.nextafter(self.scores[order[:1]], 2.0)
        return np.append(nothing, self.scores[order][last_of_tie]), np.append(0, kept), np.append(0, right)

    @cached_property
    def fewest(self) -> tuple[float, int]:
        """The threshold that would make the fewest errors on these very pictures, and how many those are."""
        thresholds, kept, right = self.steps
        errors = kept - right + int(self.truth.sum()) - right
        return float(thresholds[errors.argmin()]), int(errors.min())

    @cached_property
    def highest_f1(self) -> tuple[float, float]:
        """The threshold that would give the highest F1 on these very pictures, and that F1."""
        thresholds, kept, right = self.steps
        f1 = 2 * right / np.maximum(kept + int(self.truth.sum()), 1)
        return float(thresholds[f1.argmax()]), float(f1.max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way of learning, tested."""

    name: str
    target: str
    learned_from: tuple[FolderPicture, ...]
    tested_on: tuple[FolderPicture, ...]
    scored: Scored
    seconds: float  # wall time of learning and, where it is the recipe's, of scoring
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def positives(self) -> int:
        """How many of the training pictures show the target."""
        return sum(picture.kind == self.target for picture in self.learned_from)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        (at, errors), (f1_at, f1) = self.scored.fewest, self.scored.highest_f1
        return {
            "name": self.name,
            "training_pictures": len(self.learned_from),
            "training_positives": self.positives,
            **self.scored.quality.to_json(),
            "errors": int(self.scored.wrong.sum()),
            "fewest_errors": {"threshold": at, "errors": errors},
            "highest_f1": {"threshold": f1_at, "f1": f1},
            "seconds": self.seconds,
            "facts": dict(self.facts),
        }


def ratio_to(recipe: Contestant, ours: Contestant) -> Estimate:
    """Our errors for each error of the recipe, with an interval that draws whole groups of the same test pictures."""
    mine, theirs = ours.scored.wrong, recipe.scored.wrong

    def of(rows: IntArray) -> float:
        return float(mine[rows].sum() / theirs[rows].sum()) if theirs[rows].any() else math.nan

    return bootstrap(of, recipe.scored.groups)


def goal_met(recipe: Contestant, ours: Contestant) -> bool:
    """At most a fifth of its errors."""
    return bool(ours.scored.wrong.sum() <= GOAL * recipe.scored.wrong.sum())


def report(contestants: Sequence[Contestant]) -> str:
    """The table of one target; the recipe is the first contestant."""
    recipe, target = contestants[0], contestants[0].target
    quality, groups = recipe.scored.quality, len(np.unique(recipe.scored.groups))
    lines = [
        f"{target}: {quality.examples} test pictures in {groups} groups, {quality.positives} of them {target}; the "
        "same for all",
        _line("", [one.name for one in contestants]),
        *(_line(label, [say(one) for one in contestants]) for label, say in _ROWS.items()),
        _line("errors / the recipe's", ["1", *(_estimate(ratio_to(recipe, one)) for one in contestants[1:])]),
        _line("errors / the recipe's fewest", [_share(one, recipe) for one in contestants]),
    ]
    smaller = recipe.facts.get("smaller_than_written")
    if smaller:
        lines.append(f"NOT THE RECIPE AS WRITTEN: {smaller}")
    for ours in contestants[1:]:
        met = "met" if goal_met(recipe, ours) else "missed"
        lines.append(f"goal, at most {GOAL:g} of the recipe's errors: {met} by {ours.name}")
    return "\n".join(lines)


_ROWS: Mapping[str, Callable[[Contestant], str]] = {
    "training pictures (target + others)": lambda one: f"{one.positives} + {len(one.learned_from) - one.positives}",
    "threshold": lambda one: f"{one.scored.quality.threshold:.3f}",
    "precision": lambda one: _estimate(one.scored.quality.precision),
    "recall": lambda one: _estimate(one.scored.quality.recall),
    "F1": lambda one: _estimate(one.scored.quality.f1),
    "average precision": lambda one: _estimate(one.scored.quality.average_precision),
    "errors (wrongly kept + missed)": lambda one: _errors(one.scored),
    "fewest errors at any threshold": lambda one: f"{one.scored.fewest[1]} (at {one.scored.fewest[0]:.3f})",
    "highest F1 at any threshold": lambda one: f"{one.scored.highest_f1[1]:.3f} (at {one.scored.highest_f1[0]:.3f})",
    "wall time": lambda one: f"{one.seconds:.0f} s",
}


def _line(label: str, cells: Sequence[str]) -> str:
    return f"{label:<{_LABELS}}" + "".join(f"{cell:>{_COLUMN}}" for cell in cells)


def _estimate(estimate: Estimate) -> str:
    return "–" if math.isnan(estimate.value) else str(estimate)


def _errors(scored: Scored) -> str:
    quality = scored.quality
    wrongly, missed = quality.kept - quality.right, quality.positives - quality.right
    return f"{wrongly + missed} ({wrongly} + {missed})"


def _share(one: Contestant, recipe: Contestant) -> str:
    fewest = recipe.scored.fewest[1]
    return f"{one.scored.wrong.sum() / fewest:.3f}" if fewest else "–"
