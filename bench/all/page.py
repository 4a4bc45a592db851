"""docs/benchmarks.md and its plot, from a measurement."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from matplotlib.figure import Figure as Sheet

from bench.all.measure import Measurement, Result
from classifier.figures.style import Drawing, Palette, draw

_QUICK = (
    'In a quick run the first models that crawls need are heads on the pretrained network (`network = "pretrained"`): '
    "training one takes longer than what is measured after it."
)
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "numpy", "Pillow", "SQLAlchemy")


def text(measurement: Measurement, *, full: bool, day: str) -> str:
    """The page as Markdown."""
    how = "--full" if full else "--quick"
    lines = [
        "# Benchmarks",
        "",
        f"Written by `python -m bench.all {how}` on {day}, in {measurement.seconds / 60:.0f} minutes.",
        "Each figure comes from a command that prints both sides from one run; the last column names it.",
        *([] if full else [_QUICK]),
        "Figures of a GPU come from `python -m bench.scoring.gpu` on a machine that has one; elsewhere it says so.",
        "A median of several rounds has the least and greatest beside it; else the command took a median of its own.",
        "",
        f"Machine: {machine()}. Load while it was measured: {_loads(measurement)}.",
        "",
        "![Each figure against its goal](pictures/benchmarks.svg)",
        "",
        "| claim | against | ours | theirs | figure | least to greatest | goal | reached | command |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(result, full=full) for result in measurement.results),
        "",
    ]
    return "\n".join(lines)


def _loads(measurement: Measurement) -> str:
    """What else the machine had to do, in words: figures by the clock rest on it."""
    cores = os.cpu_count() or 1
    if not measurement.loads:
        return "not known"
    low, high = min(measurement.loads), max(measurement.loads)
    busy = "; figures by the clock mean little then, ratios and processor time more" if high > 2 * cores else ""
    return f"{low:.1f} to {high:.1f}{busy}"


def machine() -> str:
    """Processor, memory and versions, in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{os.cpu_count()} cores of {_processor()}, {memory:.0f} GiB, Python {platform.python_version()}; {packages}"


def _processor() -> str:
    """Its name where the system tells one."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text(encoding="utf-8").splitlines() if facts.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _row(result: Result, *, full: bool) -> str:
    figure, command = result.figure, result.command
    call = f"`{' '.join(('python -m', command.module, *command.arguments(full=full)))}`"
    if not result.readings:
        why, missed = (result.why, "") if result.why else ("not measured", "**no**")
        return f"| {figure.claim} | {command.against} | | | {why} | | {_goal(result)} | {missed} | {call} |"
    least, most = result.spread
    spread = f"{_number(least)} to {_number(most)}" if len(result.readings) > 1 else ""
    reached = {True: "yes", False: "**no**", None: ""}[figure.reached(result.value)]
    sides = [_number(side) if (side := result.side(name)) is not None else "" for name in ("ours", "other")]
    return (
        f"| {figure.claim} | {command.against} | {' | '.join(sides)} | {_with_unit(result.value, figure.unit)} "
        f"| {spread} | {_goal(result)} | {reached} | {call} |"
    )


def _goal(result: Result) -> str:
    figure = result.figure
    if figure.goal is None:
        return ""
    return ("≥ " if figure.more_is_better else "≤ ") + _with_unit(figure.goal, figure.unit)


def _with_unit(value: float, unit: str) -> str:
    return f"{_number(value)} ×" if unit == "x" else f"{_number(value)} {unit}".strip()


def _number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def plot(measurement: Measurement) -> Drawing:
    """How far each figure is from its goal, 1 being the goal, more being better."""
    results = [result for result in measurement.results if result.readings and result.figure.goal]
    shares = [_share(result) for result in results]
    names = [result.figure.claim.replace("`", "") for result in results]

    def bars(sheet: Sheet, palette: Palette) -> None:
        axes = sheet.subplots()
        colours = [palette.right if share >= 1 else palette.wrong for share in shares]
        axes.barh(names, [share - 1 for share in shares], left=1, color=colours)
        axes.axvline(1, color=palette.text)
        axes.set_xscale("log", base=2)
        lowest, highest = math.floor(math.log2(min(shares, default=1))), math.ceil(math.log2(max(shares, default=1)))
        marks = [2.0**power for power in range(min(lowest, -1), max(highest, 1) + 1)]
        axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
        axes.set_xlabel("times the goal; to the right of 1 is better")
        axes.invert_yaxis()

    alt = "; ".join(f"{name}: {share:.2g} of the goal" for name, share in zip(names, shares, strict=True))
    return draw("benchmarks", "Each figure against its goal", alt, (9, 1.2 + 0.34 * len(names)), bars)


def _share(result: Result) -> float:
    """The value over the goal, or the goal over the value where less is better; never below a hundredth."""
    value, goal = max(result.value, 1e-9), result.figure.goal or 1.0
    return min(max(value / goal if result.figure.more_is_better else goal / value, 0.01), 100.0)


def claims(results: Sequence[Result]) -> str:
    """The results for whoever reads a terminal."""
    lines = []
    for result in results:
        found = _with_unit(result.value, result.figure.unit) if result.readings else "not measured"
        reached = result.figure.reached(result.value) if result.readings else False
        verdict = {True: "reached", False: "MISSED", None: ""}[reached]
        lines.append(f"{result.figure.claim:68} {found:>12}  {_goal(result):>12}  {verdict}")
    return "\n".join(lines)
