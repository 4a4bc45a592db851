"""The one pair of figures to believe of a model: its expected precision and recall, with their limits if known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage.archive_records import RegisteredModel

WITHOUT_TAG = "of posts without its tag"
_SAME = 1e-6  # thresholds closer than this are one


@dataclass(frozen=True, slots=True)
class Expected:
    """What a model at its threshold is expected to do on posts without its target's tag: the figures to believe."""

    target: str
    precision: float
    recall: float
    precision_limits: tuple[float, float] | None = None  # 95 %; None: not known
    recall_limits: tuple[float, float] | None = None
    of_posts: str = WITHOUT_TAG  # for people

    def words(self) -> str:
        """For people."""
        figures = (("precision", self.precision, self.precision_limits), ("recall", self.recall, self.recall_limits))
        return ", ".join(
            f"{name} {value:.3f}" + ("" if limits is None else f" ({limits[0]:.2f}–{limits[1]:.2f})")
            for name, value, limits in figures
        )

    def to_json(self) -> Mapping[str, Any]:
        """Plain values."""
        low_p, high_p = self.precision_limits or (None, None)
        low_r, high_r = self.recall_limits or (None, None)
        return {
            "target": self.target,
            "precision": self.precision,
            "precision_low": low_p,
            "precision_high": high_p,
            "recall": self.recall,
            "recall_low": low_r,
            "recall_high": high_r,
        }


def expected_of(model: RegisteredModel, threshold: float) -> Expected | None:
    """What is expected at the model's own threshold; None at another one, and where nothing was measured.

    Args:
        model: as it is registered.
        threshold: that decisions follow, 0..1; another than the model's own was announced when it was chosen.
    """
    figures = model.facts.get("metrics", {}).get("expected")
    if not isinstance(figures, Mapping) or abs(model.card.threshold - threshold) > _SAME:
        return None
    precision, recall = (_number(figures.get(name)) for name in ("precision", "recall"))
    if precision is None or recall is None:
        return None
    limits = _limits(figures, "precision"), _limits(figures, "recall")
    heard = f"{WITHOUT_TAG}, but with AI tags" if model.card.ai_weights else WITHOUT_TAG
    return Expected(model.card.target, precision, recall, *limits, heard)


def _limits(figures: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    pair = figures.get(f"{name}_interval")
    low, high = map(_number, pair) if isinstance(pair, list | tuple) and len(pair) == 2 else (None, None)
    return None if low is None or high is None else (low, high)


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None
