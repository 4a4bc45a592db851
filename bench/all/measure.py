"""Running the commands, and what came out."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench.all.catalogue import Command, Figure, Reading
from bench.samples.demo_material import HEAD_ALONE, demo_material

_NOT_MEASURED = re.compile(r"^not measured: (.+)$", re.MULTILINE)
ROOT = Path(__file__).resolve().parents[2]
MATERIAL, MATERIAL_POSTS = "demo", "400"  # a folder of a quick run's painted posts and model, and how many they are
QUICK_LIMIT_S = 240.0  # of one command: a quick run ends, whatever hangs
QUICK_BUDGET_S = 560.0  # after which a quick run begins no more commands


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


def run(command: Command, *, full: bool, work: Path) -> str:
    """What a command prints on standard output; a missed goal (exit 1) is a result as well.

    Raises:
        subprocess.TimeoutExpired: after the command's limit; it is killed, with all that it started.
    """
    line = [sys.executable, "-m", command.module, *command.arguments(full=full, material=str(work / MATERIAL))]
    settings = {} if full else HEAD_ALONE  # what is measured is the crawl after learning
    with subprocess.Popen(
        line, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            output, _ = process.communicate(timeout=_limit_s(command, full=full))
        finally:
            with contextlib.suppress(ProcessLookupError):  # all of them have ended
                os.killpg(process.pid, signal.SIGKILL)
    return output


def _limit_s(command: Command, *, full: bool) -> float:
    return command.limit_s if full else QUICK_LIMIT_S


def prepared(commands: Sequence[Command], *, full: bool, work: Path, report: Callable[[str], None]) -> None:
    """Paint and learn what several commands of a quick run measure with, where it is not there yet."""
    if full or not any(command.material for command in commands):
        return
    began = time.perf_counter()
    with demo_material(work / MATERIAL, MATERIAL_POSTS):
        report(f"posts painted, a model learned: {time.perf_counter() - began:.0f} s")


def measure(
    commands: Sequence[Command],
    *,
    full: bool,
    report: Callable[[str], None],
    work: Path,
    show: Callable[[Sequence[Result]], None] = lambda _: None,
    start: Callable[..., str] = run,
) -> Measurement:
    """Run every command as often as it says, one after the other; those whose output is in the folder are not run.

    Args:
        commands: what is run.
        full: in full, else in minutes, once each.
        report: takes a line for whoever waits.
        work: a folder for what the commands print, and for what they share.
        show: takes the results of each command as soon as there are any.
        start: runs one and gives its output.
    """
    started, measurement = time.monotonic(), Measurement()
    for command in commands:
        outputs = []
        for turn in range(command.rounds if full else 1):
            words = " ".join((command.module, *command.arguments(full=full)))
            kept = work / f"{command.module}-{'full' if full else 'quick'}-{turn + 1}.json"
            ran = _kept(kept, words)
            if ran is None and not full and time.monotonic() - started >= QUICK_BUDGET_S:
                report(f"{words}: left out, as ten minutes are over; the same --work DIR goes on with it")
                continue
            if ran is None:
                load, began = os.getloadavg()[0], time.perf_counter()
                report(f"{words}  (round {turn + 1}, load {load:.1f})")
                output = _output(command, full=full, work=work, start=start, report=report)
                ran = _Run(words, output, time.perf_counter() - began, load)
                _keep(kept, ran)
            measurement.seconds += ran.seconds
            measurement.loads.append(ran.load)
            outputs.append(ran.output)
        results = [_result(figure, command, outputs) for figure in command.figures]
        measurement.results.extend(results)
        show(results)
    return measurement


def _result(figure: Figure, command: Command, outputs: Sequence[str]) -> Result:
    readings = [reading for output in outputs if (reading := figure.read(output)) is not None]
    return Result(figure, command, readings, _why(outputs))


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a command."""

    words: str
    output: str
    seconds: float
    load: float  # of the machine, before it


def _kept(path: Path, words: str) -> _Run | None:
    """An earlier run of the same command and arguments that printed something."""
    if not path.is_file():
        return None
    earlier = _Run(**json.loads(path.read_text(encoding="utf-8")))
    return earlier if earlier.words == words and earlier.output else None


def _keep(path: Path, ran: _Run) -> None:
    path.write_text(json.dumps(asdict(ran)), encoding="utf-8")


def _why(outputs: Sequence[str]) -> str:
    """What a command said in place of figures; "": nothing."""
    found = [match[1] for output in outputs if (match := _NOT_MEASURED.search(output))]
    return found[0] if found else ""


def _output(
    command: Command, *, full: bool, work: Path, start: Callable[..., str], report: Callable[[str], None]
) -> str:
    try:
        return start(command, full=full, work=work)
    except subprocess.TimeoutExpired:
        report(f"{command.module} did not end within {_limit_s(command, full=full):.0f} s")
        return ""
