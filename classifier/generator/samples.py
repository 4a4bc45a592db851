"""Pictures of a generator, written: each named, numbered and marked as synthetic, with a list and a sheet.

A picture depends on the generator, the seed and its own number alone: more of them, or another run, give the same.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from classifier.arrays import IntArray
from classifier.generator.batches import fixed_noise, one_hot
from classifier.generator.package import GeneratorPackage, load_generator
from classifier.generator.quality import near_by_hash
from classifier.pictures.dhash import dhash, hash_array
from classifier.pictures.preprocessing import Pixels
from classifier.pictures.synthetic_picture import sheet, synthetic_png
from classifier.progress import ProgressCallback

_AT_ONCE = 256  # pictures
_ON_THE_SHEET = 64
_COLUMNS = ("file", "synthetic", "class", "seed", "number", "near_copy", "generator")


@dataclass(frozen=True, slots=True)
class PaintOrder:
    """What is to be painted."""

    model: str  # the generator's folder
    folder: str  # that exists, and that the pictures are written into
    count: int
    seed: int = 0
    label: str | None = None  # one class alone; None: all of them in turn, where the generator is told classes

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, text: str) -> PaintOrder:
        return cls(**json.loads(text))


def paint(order: PaintOrder, report: ProgressCallback) -> dict[str, Any]:
    """Paint them; files that are there already are left as they are.

    Raises:
        PackageError: the generator is not what its manifest says.
        OSError: the disk refuses.
    """
    package = load_generator(Path(order.model))
    report("loading", 0.0, "loading the network library")
    folder, rows, first = Path(order.folder), list[dict[str, Any]](), list[Pixels]()
    written = 0
    stem = f"synthetic-{package.short}-{order.seed}"
    for start, pictures, labels in _painted(package, order):
        near = near_by_hash(hash_array([dhash(Image.fromarray(one)) for one in pictures]), package.learned.hashes)
        for at, (picture, label) in enumerate(zip(pictures, labels.tolist(), strict=True)):
            name = package.classes[label] if package.told else ""
            file = f"{stem}{'-' + name if name else ''}-{start + at + 1:06}.png"
            facts = {"Generator": package.hash, "Seed": str(order.seed), "Number": str(start + at + 1)}
            written += _put(folder / file, synthetic_png(picture, facts | ({"Class": name} if name else {})))
            rows.append(dict(zip(_COLUMNS, (file, "yes", name, order.seed, start + at + 1,
                                            "yes" if near[at] else "no", package.hash), strict=True)))  # fmt: skip
        first.append(pictures[: max(0, _ON_THE_SHEET - start)])
        report("painting", (start + len(pictures)) / order.count, f"{start + len(pictures)} of {order.count} pictures")
    shown = sheet(np.concatenate(first))
    _replace(folder / f"{stem}-sheet.png", synthetic_png(shown, {"Generator": package.hash}))
    _replace(folder / "synthetic.csv", _table(folder / "synthetic.csv", rows))
    copies = sum(row["near_copy"] == "yes" for row in rows)
    return {"count": order.count, "written": written, "near_copies": copies, "sheet": f"{stem}-sheet.png"}


def _painted(package: GeneratorPackage, order: PaintOrder) -> Iterator[tuple[int, Pixels, IntArray]]:
    """The pictures in parts: number of the first, pictures, classes."""
    make = package.load()
    for start in range(0, order.count, _AT_ONCE):
        count = min(_AT_ONCE, order.count - start)
        labels = labels_of(package, order.label, np.arange(start, start + count, dtype=np.int64))
        noise = fixed_noise(count, package.noise, order.seed, start)
        yield start, make(noise, one_hot(labels, package.told)), labels


def labels_of(package: GeneratorPackage, label: str | None, numbers: IntArray) -> IntArray:
    """The class of each picture by its number."""
    if not package.told:
        return np.zeros(len(numbers), dtype=np.int64)
    if label is None:
        return numbers % package.told
    return np.full(len(numbers), package.classes.index(label), dtype=np.int64)


def _put(path: Path, content: bytes) -> int:
    """Write a file that is not there yet; gives how many were written."""
    if path.exists():
        return 0
    _replace(path, content)
    return 1


def _replace(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _table(path: Path, rows: list[dict[str, Any]]) -> bytes:
    """The list of all painted pictures of the folder: the rows that were there, and these."""
    known = {str(row["file"]): row for row in _rows(path)} | {str(row["file"]): row for row in rows}
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, _COLUMNS, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(known[name] for name in sorted(known))
    return stream.getvalue().encode()


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row.get("file")]
