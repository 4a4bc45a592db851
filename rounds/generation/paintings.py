"""Painted pictures for the classes of a folder that have few: who paints, how many, and what is left out.

What a generator learned from, and what is nearly that, may only be learned from: its paintings carry those pictures.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import BoolArray, IntArray
from classifier.errors import PictureFault
from classifier.generator.package import GeneratorPackage
from classifier.generator.process import COMMAND, run_generator
from classifier.generator.quality import near_by_hash
from classifier.generator.samples import PaintOrder
from classifier.pictures.dhash import hash_array
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.training.job import PICTURES
from classifier.training.splits import Identity, group
from rounds.errors import TooLittleToLearn
from rounds.examples.decoders import HashingDecoder

_FOLDER, _TABLE = "synthetic", "synthetic.csv"
_AT_MOST = 1.0  # painted pictures of a class for each real one, where nobody says how many


@dataclass(frozen=True, slots=True)
class SyntheticSource:
    """Who paints."""

    package: GeneratorPackage
    classes: Mapping[str, str]  # label of the folder -> class of the generator; "" where it is told none
    seed: int = 0
    up_to: int | None = None  # pictures that each class is filled up to; None: see `wanted_of`
    command: tuple[str, ...] = COMMAND


@dataclass(frozen=True, slots=True)
class PaintingPlace:
    """Where pictures are painted and taken to, and how."""

    folder: Path  # the work folder; the array `PICTURES` in it gets the painted ones appended
    decoder: HashingDecoder  # by the network's preprocessing
    report: ProgressCallback


@dataclass(frozen=True, slots=True)
class Painting:
    """A painted picture that is learned from; its row follows the real ones."""

    label: str  # of the folder
    identity: Identity


@dataclass(frozen=True, slots=True)
class Paintings:
    """What was painted."""

    pictures: tuple[Painting, ...]  # in the order of their rows
    facts: Mapping[str, Any]  # for the package and the report; plain values


def synthetic_source(
    package: GeneratorPackage, labels: Sequence[str], seed: int, up_to: int | None = None
) -> SyntheticSource:
    """What a generator can paint of a folder's classes.

    Raises:
        TooLittleToLearn: it knows none of them.
    """
    known = package.classes if package.told or len(package.classes) == 1 else ()
    shared = [label for label in labels if label in known]
    if not shared:
        knows = ", ".join(name for name in known if name)[:200] or "none"
        raise TooLittleToLearn(
            f"{package.folder} can fill no class of the folder: it was told these classes: {knows}; the folder has "
            f"{', '.join(labels)[:200]}; train it on one folder a class, crawl generate train --from DIR"
        )
    return SyntheticSource(package, {label: label if package.told else "" for label in shared}, seed, up_to)


def wanted_of(counts: Mapping[str, int], source: SyntheticSource) -> dict[str, int]:
    """How many pictures each class gets: up to the number asked for; else to the largest class, doubled at most.

    Args:
        counts: real training pictures by label.
        source: the classes that can be painted.
    """
    lacking: dict[str, int] = {}
    for label in source.classes:
        there = counts.get(label, 0)
        if source.up_to is None:
            lacking[label] = min(max(counts.values(), default=0) - there, int(_AT_MOST * there))
        else:
            lacking[label] = source.up_to - there
    return {label: count for label, count in lacking.items() if count > 0}


def known_to(package: GeneratorPackage, identities: Sequence[Identity]) -> tuple[IntArray, BoolArray]:
    """The groups of pictures, and which of them a generator has learned from, or from one of their group; (n,) each."""
    seen = [
        Identity(post_id=-row, md5=md5, picture_hash=int(hash_), site="generator")
        for row, (md5, hash_) in enumerate(zip(package.learned.md5s, package.learned.hashes.tolist(), strict=True), 1)
    ]
    groups = group([*identities, *seen])
    count = len(identities)
    return groups[:count], np.isin(groups[:count], groups[count:])


async def painted_beside(
    identities: Sequence[Identity], wanted: Mapping[str, int], source: SyntheticSource, place: PaintingPlace
) -> Paintings:
    """Paint pictures and append them to the real ones; near-copies of these are left out.

    Args:
        identities: of the real pictures, in the order of the array.
        wanted: pictures by label of the folder.
        source: who paints.
        place: where.

    Raises:
        ModelError: it cannot paint. OSError: the disk refuses.
    """
    files = await _painted(wanted, source, place.folder / _FOLDER, place.report)
    held = hash_array([one.picture_hash for one in identities])
    pixels: list[Pixels] = []
    kept: list[Painting] = []
    left_out = 0
    for number, (label, file) in enumerate(files, start=1):
        try:
            seen = await place.decoder.decode(file.read_bytes())
        except PictureFault:  # it is ours, and whole: only a decoder that crashes ends here
            left_out += 1
            continue
        if near_by_hash(hash_array([seen.hash]), held)[0]:
            left_out += 1
            continue
        identity = Identity(
            post_id=len(identities) + number,
            md5=f"{int(source.package.hash[:24], 16) * 2**32 + number:032x}"[-32:],
            picture_hash=seen.hash,
        )
        kept.append(Painting(label, identity))
        pixels.append(seen.pixels[0])
    _append(place.folder / PICTURES, len(identities), pixels)
    facts = {
        "generator": source.package.hash,
        "name": str(source.package.manifest["name"])[:200],
        "pictures": dict(Counter(label for label, _ in files)),
        "near_copies_left_out": left_out,
        "learned_from": len(kept),
    }
    return Paintings(tuple(kept), facts)


async def _painted(
    wanted: Mapping[str, int], source: SyntheticSource, folder: Path, report: ProgressCallback
) -> list[tuple[str, Path]]:
    """Painted files, each with the folder's label."""
    if not wanted:
        return []
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    alone = source.classes[next(iter(wanted))] if len(wanted) == 1 else None
    several = max(1, source.package.told)
    count = max(wanted.values()) if alone is not None else max(wanted.values()) * several
    order = PaintOrder(str(source.package.folder), str(folder), count, source.seed, alone or None)
    await run_generator(("paint", order.text()), report, source.command)
    with (folder / _TABLE).open(newline="", encoding="utf-8") as table:
        rows = [(row["class"], folder / row["file"]) for row in csv.DictReader(table)]
    labels = {name: label for label, name in source.classes.items()}
    left, chosen = dict(wanted), []
    for name, file in sorted(rows, key=lambda row: row[1].name):
        label = labels.get(name, "")
        if left.get(label, 0) > 0:
            left[label] -= 1
            chosen.append((label, file))
    return chosen


def _append(path: Path, count: int, pixels: Sequence[Pixels]) -> None:
    """Put pictures behind the first `count` of an array on disk."""
    if not pixels:
        return
    before = np.load(path, mmap_mode="r", allow_pickle=False)
    beside = path.with_suffix(".longer.npy")
    longer = np.lib.format.open_memmap(
        beside, mode="w+", dtype=np.uint8, shape=(count + len(pixels), *before.shape[1:])
    )
    longer[:count] = before[:count]
    longer[count:] = np.stack(pixels)
    longer.flush()
    beside.replace(path)
