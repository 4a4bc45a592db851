"""One line a comparison: the ancestor's recipe, ours, the goal, and whether it is met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HEADINGS = ("data", "measured", "ancestor's recipe here", "ours", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One cell of the table."""

    data: str  # which pictures, and which of them were trained on
    measured: str  # errors, accuracy, …
    ancestor: str  # the recipe with its settings, and its figure
    ours: str
    goal: str
    met: bool
    facts: dict[str, Any] = field(default_factory=dict)  # plain values: seconds, counts

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def unmeasured(data: str, error: Exception) -> Comparison:
    """A line that could not be measured, and why; its goal counts as missed."""
    why = f"not measured: {str(error)[:200]}"
    return Comparison(data=data, measured="", ancestor=why, ours="", goal="", met=False)


def table(comparisons: Sequence[Comparison]) -> str:
    """As Markdown."""
    rows = [
        HEADINGS,
        ("---",) * len(HEADINGS),
        *(
            (one.data, one.measured, one.ancestor, one.ours, one.goal, "yes" if one.met else "**no**")
            for one in comparisons
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
