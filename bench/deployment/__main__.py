"""A model in every format that it can be exported in: latency, pictures/s, size, memory, and equal decisions.

    python -m bench.deployment PACKAGE PICTURES [--pictures N] [--rounds N] [--threads N] [--formats NAME…]
        [--plot FILE.svg]

PACKAGE is a model's folder (`ROOT/models/mona/3`), PICTURES a folder of pictures, searched below as well. All formats
are loaded at once, each in a process of its own, and asked in turns, one at a time: what the machine does besides
concerns all. Decisions are compared with Keras' as the program runs it. Exits with 1 where a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Sheet

from bench.deployment.sides import CRAWL, FILES, ORIGINAL, PREDICT
from classifier.arrays import FloatArray
from classifier.deployment.export import ExportOrder, export
from classifier.deployment.formats import FORMATS, KERAS, SAVED_MODEL, TENSORRT
from classifier.figures.style import Drawing, Palette, draw
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import picture_array
from classifier.progress import unreported
from system.child_process import module_command

GOAL = 0.999  # share of decisions that are as the original's
HELD_TO_IT = ("onnx", "openvino", "litert")
EXPORTS = tuple(name for name in FORMATS if name != TENSORRT)
TITLES = {
    PREDICT: "Keras `predict`, a picture a call",
    ORIGINAL: "Keras, compiled (the original)",
    CRAWL: "what a crawl runs: LiteRT, head outside",
    FILES: "SavedModel, given JPEG files",
}
_ONES, _MANY = 40, 64  # pictures that one turn times


@dataclass(slots=True)
class Side:
    """One way to score, and what was measured of it."""

    name: str
    folder: Path
    pictures: Path  # the array that it scores
    process: subprocess.Popen[str] | None = None
    load_s: float = 0.0
    seconds: list[float] = field(default_factory=list)  # of one picture
    per_s: list[float] = field(default_factory=list)  # pictures in batches
    megabytes: float = 0.0  # of memory
    scores: FloatArray | None = None

    def ask(self, line: str) -> dict[str, Any]:
        """One question, one answer."""
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        reply: dict[str, Any] = json.loads(self.process.stdout.readline())
        return reply


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parsed(arguments)
    package = load_package(options.package)
    with tempfile.TemporaryDirectory(prefix="bench-deployment-") as scratch:
        folder = Path(scratch)
        pictures = _pictures(package, options.on, options.pictures, folder)
        exports = asyncio.run(_all_exported(package, options.formats, folder))
        shown = folder / "pictures.npy"
        sides = [Side(name, options.package, shown) for name in (PREDICT, ORIGINAL, CRAWL)]
        sides = sides if KERAS in exports else sides[1:]  # Keras twice, or not at all beside the original
        sides += [Side(name, place, shown) for name, place in exports.items()]
        sides += [Side(FILES, exports[name], shown) for name in exports if name == SAVED_MODEL]
        measure(sides, options.rounds, options.threads)
        print(
            f"{package.target}: {package.backbone_name}, {package.preprocessing.size} px; {pictures} pictures, "
            f"{options.threads} thread(s), {options.rounds} rounds in turns\n"
        )
        sizes = {side.name: _size(side, package) for side in sides}
        print(table(sides, package.threshold, sizes))
        if options.plot is not None:
            options.plot.write_bytes(plot(sides, sizes).light)
        return _judged(sides, package.threshold)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.deployment", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("on", type=Path)
    parser.add_argument("--pictures", type=int, default=5000, help="most pictures whose decisions are compared")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--formats", nargs="+", choices=EXPORTS, default=EXPORTS, help="all, unless some are named")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw pictures a second and megabytes")
    return parser.parse_args(arguments)


def _pictures(package: Package, on: Path, most: int, folder: Path) -> int:
    """Prepare pictures for all sides; gives how many."""
    files = sorted(path for path in on.rglob("*") if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    chosen = files[:: max(1, len(files) // most)][:most]
    encoded = [file.read_bytes() for file in chosen]
    np.save(folder / "pictures.npy", np.stack([picture_array(one, package.preprocessing) for one in encoded]))
    objects = np.empty(len(encoded), dtype=object)
    objects[:] = encoded
    np.save(folder / "encoded.npy", objects, allow_pickle=True)
    return len(chosen)


async def _all_exported(package: Package, formats: Sequence[str], folder: Path) -> dict[str, Path]:
    """Exports, side by side: converters wait for their libraries most of the time."""
    places = await asyncio.gather(*(_exported(package, name, folder / name) for name in formats))
    return dict(zip(formats, places, strict=True))


async def _exported(package: Package, name: str, folder: Path) -> Path:
    await export(ExportOrder(f"{package.target}/0", package, FORMATS[name], "bench"), folder, unreported)
    return folder


def measure(sides: Sequence[Side], rounds: int, threads: int) -> None:
    """Start all sides, ask them in turns, and stop them."""
    try:
        _measure(sides, rounds, str(threads))
    finally:
        for side in sides:
            if side.process is not None:
                side.process.kill()
                side.process.communicate()  # closes its pipes


def _measure(sides: Sequence[Side], rounds: int, threads: str) -> None:
    environment = {
        **os.environ,
        **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), threads),
        **{"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "KERAS_BACKEND": "tensorflow"},
    }
    for side in sides:
        command = [*module_command("bench.deployment.sides"), side.name, str(side.folder), str(side.pictures), threads]
        side.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert side.process.stdout is not None
        side.load_s = json.loads(side.process.stdout.readline())["load_s"]
        side.ask("one 5")
        side.ask("many 16")
    for _ in range(rounds):
        for side in sides:
            side.seconds += side.ask(f"one {_ONES}")["seconds"]
            side.per_s.append(side.ask(f"many {_MANY}")["per_s"])
    for side in sides:
        side.megabytes = side.ask("memory")["megabytes"]
        if side.name != PREDICT:
            side.scores = np.load(side.ask("scores")["file"])


def _size(side: Side, package: Package) -> float:
    """Of what has to be shipped, in megabytes."""
    if side.name in (ORIGINAL, PREDICT):
        return package.keras.stat().st_size / 1e6
    if side.name == CRAWL:
        return package.runtimes["litert"].stat().st_size / 1e6
    files = [
        path
        for path in side.folder.rglob("*")
        if path.is_file() and path.relative_to(side.folder).as_posix()[:5] == "model"
    ]
    return sum(path.stat().st_size for path in files) / 1e6


def agreement(side: Side, original: Side, threshold: float) -> tuple[float, float]:
    """The share of pictures that both decide alike, and the largest difference of their scores."""
    assert side.scores is not None and original.scores is not None
    alike = (side.scores >= threshold) == (original.scores >= threshold)
    return float(alike.mean()), float(np.abs(side.scores - original.scores).max())


def table(sides: Sequence[Side], threshold: float, sizes: Mapping[str, float]) -> str:
    """All sides as a table in Markdown."""
    original = next(side for side in sides if side.name == ORIGINAL)
    lines = [
        "| | ms p50 | ms p95 | pictures/s | MB | memory, MB | load, s | equal decisions | largest difference |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for side in sides:
        p50, p95 = np.percentile(np.array(side.seconds) * 1000, [50, 95])
        same = "" if side.scores is None else "{:.2%} | {:.1e}".format(*agreement(side, original, threshold))
        lines.append(
            f"| {_title(side)} | {p50:.1f} | {p95:.1f} | {np.median(side.per_s):.0f} | {sizes[side.name]:.1f} | "
            f"{side.megabytes:.0f} | {side.load_s:.1f} | {same or ' | '} |"
        )
    return "\n".join(lines)


def _title(side: Side) -> str:
    return TITLES.get(side.name) or FORMATS[side.name].title.split(",")[0]


def plot(sides: Sequence[Side], sizes: Mapping[str, float]) -> Drawing:
    """Pictures a second in batches, and megabytes to ship, of every side."""
    names = [_title(side).replace("`", "") for side in sides]
    speeds, megabytes = [float(np.median(side.per_s)) for side in sides], [sizes[side.name] for side in sides]

    def bars(sheet: Sheet, palette: Palette) -> None:
        left, right = sheet.subplots(1, 2, sharey=True)
        for axes, values, what in ((left, speeds, "pictures a second"), (right, megabytes, "MB")):
            axes.bar_label(axes.barh(names, values, color=palette.right), fmt="%.3g", padding=3)
            axes.set_xlabel(what)
            axes.set_axisbelow(True)
            axes.grid(visible=False, axis="y")
            axes.margins(x=0.2)
        left.invert_yaxis()

    each = zip(names, speeds, megabytes, strict=True)
    alt = "; ".join(f"{name}: {speed:.0f} pictures a second, {size:.1f} MB" for name, speed, size in each)
    return draw("deployment", "One model in every format", alt, (9, 1.2 + 0.34 * len(names)), bars)


def _judged(sides: Sequence[Side], threshold: float) -> int:
    original = next(side for side in sides if side.name == ORIGINAL)
    shares = {side.name: agreement(side, original, threshold)[0] for side in sides if side.name in HELD_TO_IT}
    worst = min(shares.values(), default=1.0)
    print(f"\ngoal: {GOAL:.1%} of decisions equal for {', '.join(shares) or 'none of these'}; worst here: {worst:.2%}")
    return 0 if worst >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
