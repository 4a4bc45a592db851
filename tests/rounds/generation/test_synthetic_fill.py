"""Painted pictures for scarce classes: how many, for whom, and that none of them ever chooses or measures."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import PictureFault
from classifier.generator.package import GeneratorPackage, LearnedFrom
from classifier.pictures.dhash import hash_array
from classifier.progress import unreported
from classifier.training.examples import Example
from classifier.training.job import PICTURES
from classifier.training.splits import Identity, Shares
from rounds.errors import TooLittleToLearn
from rounds.generation.paintings import PaintingPlace, SyntheticSource, synthetic_source, wanted_of
from rounds.generation.synthetic_fill import Filled, filled, parts_beside
from storage.records import Target

MONA = Target("mona", "mona_(genshin_impact)")
PAINTS = """
import csv, json, pathlib, sys
order = json.loads(sys.argv[2])
folder = pathlib.Path(order["folder"])
classes = ["keqing", "mona"]
with (folder / "synthetic.csv").open("w", newline="") as table:
    rows = csv.DictWriter(table, ("file", "class"))
    rows.writeheader()
    for number in range(order["count"]):
        name = order["label"] or classes[number % 2]
        (folder / f"{number:03}.png").write_bytes(b"%d" % number)
        rows.writerow({"file": f"{number:03}.png", "class": name})
print(json.dumps({"done": {}}))
"""


def spread_hash(number: int) -> int:
    return (number + 1) * 0x9E3779B97F4A7C15 % 2**64


def package(
    learned: range = range(0), told: int = 2, classes: tuple[str, ...] = ("keqing", "mona")
) -> GeneratorPackage:
    seen = LearnedFrom(tuple(f"{row:032x}" for row in learned), hash_array([spread_hash(row) for row in learned]))
    return GeneratorPackage(Path("faces"), "ab" * 32, {"name": "faces"}, classes, told, 3, seen)


def examples(mona: int = 40, keqing: int = 80) -> tuple[list[Example], list[str]]:
    labels = ["mona"] * mona + ["keqing"] * keqing
    tags = {"mona": (MONA.tag,), "keqing": ("keqing",)}
    found = [
        Example(Identity(row + 1, md5=f"{row:032x}", picture_hash=spread_hash(row)), tags[label], labelled=True)
        for row, label in enumerate(labels)
    ]
    return found, labels


@dataclass
class Decoded:
    pixels: tuple[np.ndarray, ...]
    hash: int


class Decoder:
    """Knows the pictures by their content; 0 is a copy of a real one, 1 cannot be decoded."""

    async def decode(self, picture: bytes) -> Decoded:
        if picture == b"1":
            raise PictureFault("decoder crashed")
        hash_ = spread_hash(100 if picture == b"0" else 5000 + int(picture))
        return Decoded((np.full((8, 8, 3), int(picture) % 200, np.uint8),), hash_)


def fill(folder: Path, source: SyntheticSource, mona: int = 40) -> Filled:
    real, labels = examples(mona)
    np.save(folder / PICTURES, np.zeros((len(real) + 5, 8, 8, 3), np.uint8))  # five could not be decoded
    place = PaintingPlace(folder, Decoder(), unreported)
    return asyncio.run(filled(real, labels, MONA, source, Shares(), place))


def source(**changes: Any) -> SyntheticSource:
    return SyntheticSource(
        package(**changes), {"keqing": "keqing", "mona": "mona"}, command=(sys.executable, "-c", PAINTS)
    )


def test_a_scarce_class_is_filled_and_every_painted_picture_only_trains(tmp_path: Path) -> None:
    done = fill(tmp_path, source())

    painted = [one for one in done.examples if one.synthetic]
    real = [one for one in done.examples if not one.synthetic]
    assert len(real) == 120 and {one.split for one in real} == {"train", "validation", "test"}
    assert {(one.split, one.characters) for one in painted} == {("train", (MONA.tag,))}
    training = sum(one.split == "train" and MONA.tag in one.characters for one in real)
    assert done.facts["pictures"] == {"mona": training}  # as many as there are real ones
    assert (done.facts["near_copies_left_out"], done.facts["learned_from"]) == (2, training - 2)
    assert done.facts["generator"] == "ab" * 32
    assert len({one.identity.md5 for one in done.examples}) == len(done.examples)


def test_painted_pictures_lie_behind_the_real_ones(tmp_path: Path) -> None:
    done = fill(tmp_path, source())

    pictures = np.load(tmp_path / PICTURES)
    assert len(pictures) == len(done.examples)
    assert not pictures[:120].any() and pictures[120:].all()


def test_what_the_generator_has_seen_or_nearly_seen_never_measures() -> None:
    real, labels = examples()
    near = Example(Identity(900, md5="f" * 32, picture_hash=spread_hash(3) ^ 1), (MONA.tag,), labelled=True)

    parts = parts_beside([*real, near], [*labels, "mona"], package(range(20)), Shares(), 0)

    assert set(parts[:20]) == {"train"} and parts[-1] == "train"
    counts = Counter(parts)
    assert counts["validation"] == pytest.approx(121 * 0.15, abs=2) and counts["test"] == pytest.approx(12, abs=2)
    assert set(parts_beside(real, labels, package(range(120)), Shares(), 0)) == {"train"}


def test_a_generator_that_has_seen_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooLittleToLearn, match="0 are left to choose the threshold by and 0 to measure on"):
        fill(tmp_path, source(learned=range(40)))


def test_how_many_are_painted_is_bounded_by_the_largest_class_and_the_real_pictures() -> None:
    assert wanted_of({"mona": 30, "keqing": 80}, source()) == {"mona": 30}
    assert wanted_of({"mona": 60, "keqing": 80}, source()) == {"mona": 20}
    assert wanted_of({"mona": 80, "keqing": 80}, source()) == {}
    assert wanted_of({"mona": 10, "keqing": 20, "other": 90}, source()) == {"mona": 10, "keqing": 20}


def test_nothing_is_painted_where_no_class_is_scarce(tmp_path: Path) -> None:
    done = fill(tmp_path, source(), mona=80)

    assert not any(one.synthetic for one in done.examples) or done.facts["learned_from"] <= 2
    assert {one.split for one in done.examples} == {"train", "validation", "test"}


def test_a_generator_fills_only_classes_that_it_was_told() -> None:
    assert synthetic_source(package(), ["mona", "other"], 0).classes == {"mona": "mona"}
    assert synthetic_source(package(told=0, classes=("mona",)), ["mona"], 0).classes == {"mona": ""}
    for refused, said in ((package(told=0), "none"), (package(classes=("a", "b")), "a, b")):
        with pytest.raises(TooLittleToLearn, match=f"it was told these classes: {said}; the folder has mona"):
            synthetic_source(refused, ["mona"], 0)
