"""The figures of branch coverage, and the floor under them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.branch_coverage import Counted, Floor, below_floor, lines_of, modules_of

MODULES = {
    "storage/archive.py": Counted(lines=60, lines_run=60, branches=20, branches_taken=16),
    "storage/files/tree.py": Counted(lines=15, lines_run=13, branches=5, branches_taken=1),
    "crawler/run.py": Counted(lines=10, lines_run=10, branches=0),
}


def counted(lines: int, lines_run: int, branches: int, taken: int) -> dict[str, list[int]]:
    return {
        "executed_lines": list(range(lines_run)),
        "missing_lines": list(range(lines_run, lines)),
        "executed_branches": list(range(taken)),
        "missing_branches": list(range(taken, branches)),
    }


@pytest.mark.parametrize("loads", ["import keras", "    from tensorflow.lite import Interpreter"])
def test_modules_that_import_a_network_runtime_are_left_out(loads: str, tmp_path: Path) -> None:
    (tmp_path / "arrays.py").write_text("import numpy as np  # no import keras here\n")
    (tmp_path / "training.py").write_text(f"def train():\n{loads}\n")
    report = {"files": {"arrays.py": counted(9, 8, 4, 3), "training.py": counted(5, 5, 0, 0)}}

    assert modules_of(report, tmp_path) == {"arrays.py": Counted(9, 8, 4, 3)}


def test_a_room_counts_lines_and_branches_of_all_its_folders() -> None:
    assert below_floor(MODULES, {"storage": Floor(90.0, 0.0)}) == []  # 90 of 100
    assert below_floor(MODULES, {"storage": Floor(90.1, 0.0), "crawler": Floor(100.0, 100.0)}) == ["storage"]


def test_branches_alone_have_a_floor_that_lines_cannot_make_up_for() -> None:
    assert below_floor(MODULES, {"storage": Floor(0.0, 68.0)}) == []  # 17 of 25
    assert below_floor(MODULES, {"storage": Floor(0.0, 68.1)}) == ["storage"]


def test_a_room_of_which_nothing_was_measured_is_below_every_floor() -> None:
    assert below_floor(MODULES, {"commands": Floor(1.0, 1.0)}) == ["commands"]


def test_a_room_below_its_floor_names_what_misses_most() -> None:
    assert list(lines_of(MODULES, {"storage": Floor(95.0, 60.0), "crawler": Floor(95.0, 90.0)})) == [
        "storage      90.0 %, floor 95 %: 73 of 75 lines, 17 of 25 branches (68.0 %, floor 60 %)",
        "     70.0 %, 6 missed: storage/files/tree.py",
        "     95.0 %, 4 missed: storage/archive.py",
        "crawler     100.0 %, floor 95 %: 10 of 10 lines, 0 of 0 branches (100.0 %, floor 90 %)",
    ]
