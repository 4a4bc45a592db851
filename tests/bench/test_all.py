"""The table of all claims: what is read from a command's output, and how the page tells it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bench.all import page
from bench.all.catalogue import Command, Figure
from bench.all.claims import COMMANDS
from bench.all.measure import ROOT, Result, measure

SPEED = Figure("pictures a second", r"^(?P<ours>[\d,]+) (?P<other>\d+) (?P<value>[\d.]+)x", "x", 200.0)
MEMORY = Figure("memory", r"^peak (?P<value>\d+) MB", "MB", 200.0, more_is_better=False)
COMMAND = Command("bench.example", ("--few",), ("--many",), [SPEED, MEMORY], "one picture at a time", rounds=3)


def test_of_several_lines_the_worst_counts() -> None:
    fast = SPEED.read("1,500 5 300x\n1,000 10 100x\n")
    small = MEMORY.read("peak 120 MB\npeak 180 MB\n")

    assert fast is not None and (fast.ours, fast.other, fast.value) == (1000, 10, 100)
    assert small is not None and small.value == 180


@pytest.mark.parametrize(
    ("figure", "value", "reached"), [(SPEED, 200, True), (SPEED, 199, False), (MEMORY, 201, False)]
)
def test_a_goal_is_reached_or_missed_in_the_figure_s_own_direction(figure: Figure, value: float, reached: bool) -> None:
    assert figure.reached(value) is reached


def test_in_full_the_median_round_counts_and_its_spread_is_told(tmp_path: Path) -> None:
    outputs = iter(["900 9 100x\npeak 150 MB", "900 3 300x\npeak 150 MB", "900 4 225x\npeak 150 MB"])

    found = measure(
        [COMMAND], full=True, report=lambda _: None, work=tmp_path, start=lambda _, full, work: next(outputs)
    )
    text = page.text(found, full=True, day="2026-11-30")

    assert [result.value for result in found.results] == [225, 150]
    assert "| 225 × | 100 to 300 | ≥ 200 × | yes | `python -m bench.example --many` |" in text
    assert "225 of the goal" not in page.plot(found).alt


def test_what_a_command_did_not_print_is_said_and_never_called_reached(tmp_path: Path) -> None:
    def late(command: Command, full: bool, work: Path) -> str:
        raise subprocess.TimeoutExpired(command.module, 1)

    lines: list[str] = []
    found = measure([COMMAND], full=False, report=lines.append, work=tmp_path, start=late)

    assert "not measured" in page.text(found, full=False, day="2026-11-30")
    assert "MISSED" in page.claims(found.results)
    assert "did not end" in lines[-1]


def test_a_stopped_run_goes_on_with_what_was_not_measured_yet(tmp_path: Path) -> None:
    def start(command: Command, full: bool, work: Path) -> str:
        asked.append(command.module)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return "900 9 100x\npeak 150 MB"

    asked: list[str] = []
    shown: list[Sequence[Result]] = []
    commands = [COMMAND, replace(COMMAND, module="bench.later")]
    with pytest.raises(KeyboardInterrupt):
        measure(commands, full=False, report=lambda _: None, work=tmp_path, show=shown.append, start=start)
    found = measure(commands, full=False, report=lambda _: None, work=tmp_path, show=shown.append, start=start)

    assert asked == ["bench.example", "bench.later", "bench.later"]
    assert [len(results) for results in shown] == [2, 2, 2]
    assert [result.value for result in found.results] == [100, 150, 100, 150]


def test_what_was_run_with_other_arguments_is_run_again(tmp_path: Path) -> None:
    for value, arguments in ((100, ("--few",)), (300, ("--fewer",))):
        found = measure(
            [replace(COMMAND, quick=arguments)],
            full=False,
            report=lambda _: None,
            work=tmp_path,
            start=lambda *_, value=value, **__: f"900 9 {value}x",
        )
        assert found.results[0].value == value


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.module)
def test_every_command_is_there_and_has_figures(command: Command) -> None:
    assert ROOT.joinpath(*command.module.split(".")).with_suffix(".py").is_file() or (
        ROOT.joinpath(*command.module.split("."), "__main__.py").is_file()
    )
    assert command.figures
