"""The claims: which command measures each, which of its lines says so, and what is to be reached.

A command prints both sides of its claim from one run; here is only written where they stand in what it prints.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NUMBER = r"[-+]?[\d,]*\.?\d+"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a command's output.

    `line` is a regular expression with a group `value` and, where the command prints them, `ours` and `other`. Of
    several lines that fit, the worst counts: a claim holds for every kind of picture and question, or it does not.
    """

    claim: str
    line: str
    unit: str  # "" for a count, "x" for a ratio
    goal: float | None = None
    more_is_better: bool = True

    def read(self, output: str) -> Reading | None:
        """The figure as the command printed it, or None where no line of the output has it."""
        found = [_reading(match) for match in re.finditer(self.line, output, re.MULTILINE)]
        return min(found, key=lambda reading: reading.value * self.sign, default=None)

    @property
    def sign(self) -> int:
        """1 where more is better, else -1."""
        return 1 if self.more_is_better else -1

    def reached(self, value: float) -> bool | None:
        """Whether a value reaches the goal; None where there is none."""
        return None if self.goal is None else value * self.sign >= self.goal * self.sign


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure of one run, and both sides where they were printed."""

    value: float
    ours: float | None = None
    other: float | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `bench/`, how to run it in minutes and how in full, and what is read from it."""

    module: str
    quick: Sequence[str]
    full: Sequence[str]
    figures: Sequence[Figure]
    against: str  # the other side, in words
    rounds: int = 1  # how often it is run in full; one that takes medians of its own is run once
    limit_s: float = 3600.0  # in full
    material: bool = False  # whether a quick run hands it painted posts and a model, see bench.samples.demo_material

    def arguments(self, *, full: bool, material: str = "DIR") -> Sequence[str]:
        """Its arguments; `material` is the folder of painted posts, where it takes one."""
        if full:
            return self.full
        return (*self.quick, "--material", material) if self.material else self.quick


def _reading(match: re.Match[str]) -> Reading:
    parts = {name: float(text.replace(",", "")) for name, text in match.groupdict().items() if text is not None}
    return Reading(parts["value"], parts.get("ours"), parts.get("other"))
