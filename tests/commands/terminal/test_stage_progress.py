"""Progress at a terminal stays readable when the terminal is narrow."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from commands.terminal.stage_progress import _Bars, _progress

WORDS = "learning from 12,345 pictures of 3 targets and the tags of everybody else"


@pytest.mark.parametrize("width", [50, 60, 80, 140])
def test_stages_and_bars_are_whole_however_much_is_reported(width: int) -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=width, force_terminal=True, color_system=None)
    progress = _progress(console)
    bars = _Bars(progress)
    for stage in ("reading", "looking for copies", "looking again"):
        bars.report(stage, 0.5, WORDS)

    console.print(progress)

    lines = screen.getvalue().splitlines()
    assert [line.partition(" ━")[0].strip() for line in lines] == ["reading", "looking for copies", "looking again"]
    assert all(line.count("━") + line.count("╸") >= 5 for line in lines)
    assert all(len(line) <= width for line in lines)
    assert all("learn" in line for line in lines)
