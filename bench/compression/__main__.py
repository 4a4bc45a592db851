"""A model beside its int8, distilled and pruned forms: size, speed, memory, average precision, decisions as before.

    python -m bench.compression PARENT CHILD… --on DIR --shows CLASS [--pictures N] [--rounds N] [--threads N]

PARENT and CHILD are models' folders (`ROOT/models/mona/3`), DIR has one folder a class. All run what a crawl runs, each
in a process of its own, all loaded at once and asked in turns, one at a time: what the machine does besides concerns
all. Only pictures are measured on that none of them was trained on, by their MD5. Exits with 1 where a child of eight
bits misses the goal: at most 0.5 points of average precision less, and twice as fast or 3.5 times as small.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.deployment.__main__ import Side, measure
from bench.deployment.sides import CRAWL
from classifier.metrics.quality import average_precision
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import picture_array

POINTS, FASTER, SMALLER = 0.005, 2.0, 3.5  # goals of eight bits
_EXTENSIONS = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one model."""

    title: str
    ms50: float
    ms95: float
    per_s: float
    size: float  # megabytes of the file that a crawl scores with
    memory: float  # megabytes
    precision: float
    alike: float  # share of decisions as the parent's, each at its own threshold


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    options = _parsed(arguments)
    packages = [load_package(folder) for folder in (options.parent, *options.child)]
    files, truth = _unseen(options.on, options.shows, packages, options.pictures)
    with tempfile.TemporaryDirectory(prefix="bench-compression-") as scratch:
        sides = [
            Side(CRAWL, package.folder, _prepared(package, files, Path(scratch, str(number))))
            for number, package in enumerate(packages)
        ]
        measure(sides, options.rounds, options.threads)
    rows = [_row(side, package, truth, sides[0], packages[0]) for side, package in zip(sides, packages, strict=True)]
    print(
        f"{len(files)} pictures that no model was trained on, {int(truth.sum())} of them show {options.shows}; "
        f"{options.threads} thread(s), {options.rounds} rounds in turns\n"
    )
    print(table(rows))
    return _judged(rows)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compression", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parent", type=Path)
    parser.add_argument("child", type=Path, nargs="+")
    parser.add_argument("--on", type=Path, required=True, help="one folder a class")
    parser.add_argument("--shows", required=True, help="the class that shows the target")
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


def _unseen(on: Path, shows: str, packages: Sequence[Package], most: int) -> tuple[list[bytes], Any]:
    """Files that no package was trained on, and whether each shows the target."""
    trained = {md5 for package in packages for md5 in package.snapshot.get("parts", {}).get("train", ())}
    found = [
        (content, path.parent.name == shows)
        for path in sorted(on.rglob("*"))  # classes side by side, so that every n-th is of all of them
        if path.suffix.lower() in _EXTENSIONS
        and hashlib.md5(content := path.read_bytes(), usedforsecurity=False).hexdigest() not in trained
    ]
    chosen = [found[row] for row in np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).astype(int))]
    return [content for content, _ in chosen], np.array([shown for _, shown in chosen])


def _prepared(package: Package, files: Sequence[bytes], folder: Path) -> Path:
    folder.mkdir()
    np.save(folder / "pictures.npy", np.stack([picture_array(one, package.preprocessing) for one in files]))
    return folder / "pictures.npy"


def _row(side: Side, package: Package, truth: Any, first: Side, parent: Package) -> Row:
    assert side.scores is not None and first.scores is not None
    p50, p95 = np.percentile(np.array(side.seconds) * 1000, [50, 95])
    keeps = side.scores[:, 0] >= package.threshold
    before = first.scores[:, 0] >= parent.threshold
    return Row(
        title=f"{package.folder.parent.name}/{package.folder.name}, {package.backbone_name}",
        ms50=float(p50),
        ms95=float(p95),
        per_s=float(np.median(side.per_s)),
        size=package.runtimes["litert"].stat().st_size / 1e6,
        memory=side.megabytes,
        precision=average_precision(side.scores[:, 0], truth),
        alike=float(np.mean(keeps == before)),
    )


def table(rows: Sequence[Row]) -> str:
    """All models as a table in Markdown."""
    lines = [
        "| | ms p50 | ms p95 | pictures/s | MB | memory, MB | average precision | decisions as before |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        lines.append(
            f"| {row.title} | {row.ms50:.2f} | {row.ms95:.2f} | {row.per_s:.0f} | {row.size:.2f} | {row.memory:.0f} | "
            f"{row.precision:.4f} | {row.alike:.2%} |"
        )
    return "\n".join(lines)


def _judged(rows: Sequence[Row]) -> int:
    parent, missed = rows[0], 0
    for row in rows[1:]:
        won, faster, smaller = row.precision - parent.precision, row.per_s / parent.per_s, parent.size / row.size
        print(f"\n{row.title}: {won:+.4f} average precision, {faster:.2f} times as fast, {smaller:.2f} times as small")
        if "int8" in row.title and not (won >= -POINTS and (faster >= FASTER or smaller >= SMALLER)):
            missed = 1
    print(f"\ngoal of eight bits: at most {POINTS} less, and {FASTER} times as fast or {SMALLER} times as small")
    return missed


if __name__ == "__main__":
    sys.exit(main())
