"""How much of each room the tests run, and the floor under it; `tests/coverage_plugin.py` measures and prints it.

Figures are (lines run + branches taken) / (lines + branches); the branches alone have a
floor of their own, because lines outnumber them. What runs in processes that a test starts is not counted,
so a module whose every line runs there alone counts as not run. Whether a network
runtime is fast or right is measured elsewhere; of the classifier the half counts that imports none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Floor:
    """Percent."""

    together: float  # of lines and branches
    branches: float  # of the branches alone


FLOORS: Mapping[str, Floor] = {
    "storage": Floor(90.0, 90.0),
    "crawler": Floor(90.0, 90.0),
    "commands": Floor(90.0, 83.0),
    "classifier": Floor(90.0, 85.0),
    "interchange": Floor(90.0, 90.0),
    "serving": Floor(90.0, 90.0),
}
_RUNTIME = re.compile(r"^\s*(import|from) (tensorflow|keras|ai_edge_litert|openvino|onnxruntime)\b", re.MULTILINE)
_WORST = 8  # modules that are named where a room is below its floor


@dataclass(frozen=True, slots=True)
class Counted:
    """What can be run in some modules, and what was."""

    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_taken: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(
            self.lines + other.lines,
            self.lines_run + other.lines_run,
            self.branches + other.branches,
            self.branches_taken + other.branches_taken,
        )

    @property
    def missed(self) -> int:
        """Lines and branches."""
        return self.lines + self.branches - self.lines_run - self.branches_taken

    @property
    def percent(self) -> float:
        """Of lines and branches; 0 where there are none."""
        return 100 * (1 - self.missed / (self.lines + self.branches)) if self.lines else 0.0

    @property
    def branch_percent(self) -> float:
        """Of the branches alone; 100 where there are none."""
        return 100 * self.branches_taken / self.branches if self.branches else 100.0

    def reaches(self, floor: Floor) -> bool:
        """Whether enough was run."""
        return self.percent >= floor.together and self.branch_percent >= floor.branches


Modules = Mapping[str, Counted]  # by path from the repository


def modules_of(report: Mapping[str, Any], root: Path = REPOSITORY) -> dict[str, Counted]:
    """The modules of a report of SlipCover's that import no network runtime; its paths are from `root`."""
    found = {}
    for path, module in report["files"].items():
        if not _RUNTIME.search((root / path).read_text(encoding="utf-8")):
            run, missed, taken, not_taken = (
                len(module[f"{state}_{what}"]) for what in ("lines", "branches") for state in ("executed", "missing")
            )
            found[path] = Counted(run + missed, run, taken + not_taken, taken)
    return found


def room(modules: Modules, name: str) -> dict[str, Counted]:
    """One room's modules, those that miss most first."""
    own = {path: counted for path, counted in modules.items() if path.startswith(f"{name}/")}
    return dict(sorted(own.items(), key=lambda module: -module[1].missed))


def below_floor(modules: Modules, floors: Mapping[str, Floor] = FLOORS) -> list[str]:
    """The rooms of which too little is run; one without a module is among them."""
    return [name for name, floor in floors.items() if not _whole(modules, name).reaches(floor)]


def _whole(modules: Modules, name: str) -> Counted:
    return sum(room(modules, name).values(), Counted())


def lines_of(modules: Modules, floors: Mapping[str, Floor] = FLOORS) -> Iterator[str]:
    """What is printed: a line a room, and the worst modules of a room that is below its floor."""
    for name, floor in floors.items():
        all_of_it = _whole(modules, name)
        lines = f"{all_of_it.lines_run:,} of {all_of_it.lines:,} lines"
        branches = f"{all_of_it.branches_taken:,} of {all_of_it.branches:,} branches"
        together = f"{all_of_it.percent:5.1f} %, floor {floor.together:g} %"
        alone = f"{all_of_it.branch_percent:.1f} %, floor {floor.branches:g} %"
        yield f"{name:<11} {together}: {lines}, {branches} ({alone})"
        if not all_of_it.reaches(floor):
            for path, counted in list(room(modules, name).items())[:_WORST]:
                yield f"    {counted.percent:5.1f} %, {counted.missed} missed: {path}"
