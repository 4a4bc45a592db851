"""Running the commands, and what came out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.all.catalogue import Command, Figure, Reading

_NOT_MEASURED = re.compile(r"^not measured: (.+)$", re.MULTILINE)
ROOT = Path(__file__).resolve().parents[2]
# first models are learned in seconds: what is measured is the crawl after it
QUICK_SETTINGS = {"CRAWL_ROUND_ZERO_NETWORK": "pretrained"}


@dataclass(frozen=True, slots=True)
class Result:
    """A claim, measured."""

    figure: Figure
    command: Command
    readings: Sequence[Reading]  # one a round; empty: the command did not print it
    why: str = ""  # why there are none, in the command's own words

    @property
    def value(self) -> float:
        """The median round's."""
        return median(reading.value for reading in self.readings)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the greatest."""
        values = [reading.value for reading in self.readings]
        return min(values), max(values)

    def side(self, name: str) -> float | None:
        """The median of one side, `ours` or `other`, where it was printed."""
        values = [value for reading in self.readings if (value := getattr(reading, name)) is not None]
        return median(values) if values else None


@dataclass(slots=True)
class Measurement:
    """All results of one run."""

    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    loads: list[float] = field(default_factory=list)  # of the machine, before each command


def run(command: Command, *, full: bool) -> str:
    """What a command prints on standard output; a missed goal (exit 1) is a result as well.

    Raises:
        subprocess.TimeoutExpired: after the command's limit.
    """
    line = [sys.executable, "-m", command.module, *command.arguments(full=full)]
    settings = {} if full else QUICK_SETTINGS
    done = subprocess.run(
        line,
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
        timeout=command.limit_s,
        check=False,
    )
    return done.stdout


def measure(
    commands: Sequence[Command],
    *,
    full: bool,
    report: Callable[[str], None],
    start: Callable[..., str] = run,
) -> Measurement:
    """Run every command as often as it says, one after the other.

    Args:
        commands: what is run.
        full: in full, else in minutes, once each.
        report: takes a line for whoever waits.
        start: runs one and gives its output.
    """
    began, measurement = time.perf_counter(), Measurement()
    for command in commands:
        outputs = []
        for turn in range(command.rounds if full else 1):
            measurement.loads.append(os.getloadavg()[0])
            words = " ".join((command.module, *command.arguments(full=full)))
            report(f"{words}  (round {turn + 1}, load {measurement.loads[-1]:.1f})")
            outputs.append(_output(command, full=full, start=start, report=report))
        for figure in command.figures:
            readings = [reading for output in outputs if (reading := figure.read(output)) is not None]
            measurement.results.append(Result(figure, command, readings, _why(outputs)))
    measurement.seconds = time.perf_counter() - began
    return measurement


def _why(outputs: Sequence[str]) -> str:
    """What a command said in place of figures; "": nothing."""
    found = [match[1] for output in outputs if (match := _NOT_MEASURED.search(output))]
    return found[0] if found else ""


def _output(command: Command, *, full: bool, start: Callable[..., str], report: Callable[[str], None]) -> str:
    try:
        return start(command, full=full)
    except subprocess.TimeoutExpired:
        report(f"{command.module} did not end within {command.limit_s:.0f} s")
        return ""
