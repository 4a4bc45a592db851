"""Painted pictures for classes that have few: to learn from, never to choose or to measure by.

    split the real pictures -> paint for the scarce classes -> leave out near-copies -> append, marked as synthetic

What a generator learned from, and what is nearly that, is in the training split: its paintings carry those pictures.
"""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import PictureFault
from classifier.generator.package import GeneratorPackage
from classifier.generator.process import COMMAND, run_generator
from classifier.generator.quality import near_by_hash
from classifier.generator.samples import PaintOrder
from classifier.pictures.dhash import hash_array
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.training.examples import Example, Minimum
from classifier.training.job import PICTURES
from classifier.training.splits import Identity, Shares, group, split
from rounds.errors import TooLittleToLearn
from rounds.examples.decoders import HashingDecoder
from storage.records import Target

_FOLDER, _TABLE = "synthetic", "synthetic.csv"
_AT_MOST = 1.0  # painted pictures of a class for each real one
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class SyntheticSource:
    """Who paints."""

    package: GeneratorPackage
    classes: Mapping[str, str]  # label of the folder -> class of the generator; "" where it is told none
    seed: int = 0
    command: tuple[str, ...] = COMMAND


@dataclass(frozen=True, slots=True)
class Filled:
    """The examples with those that were painted."""

    examples: tuple[Example, ...]  # the real ones first, all with their split
    facts: Mapping[str, Any]  # for the package and the report; plain values


def synthetic_source(package: GeneratorPackage, labels: Sequence[str], seed: int) -> SyntheticSource:
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
    return SyntheticSource(package, {label: label if package.told else "" for label in shared}, seed)


async def filled(
    examples: Sequence[Example],
    labels: Sequence[str],
    target: Target,
    source: SyntheticSource,
    shares: Shares,
    place: tuple[Path, HashingDecoder, ProgressCallback],
) -> Filled:
    """Paint for the classes that have fewer training pictures than the largest.

    Args:
        examples: real pictures, in the order of the array `PICTURES`, which gets the painted ones appended.
        labels: the folder's label of each.
        target: of which each split needs some pictures.
        source: who paints.
        shares: of the splits.
        place: the work folder, what decodes by the network's preprocessing, progress.

    Raises:
        TooLittleToLearn: the generator has learned from so many pictures that too few are left to measure on.
        ModelError: it cannot paint. OSError: the disk refuses.
    """
    folder, decoder, report = place
    parts = split_beside(examples, labels, source.package, shares, source.seed)
    _check_left(examples, parts, target, source)
    real = tuple(replace(one, split=part) for one, part in zip(examples, parts, strict=True))
    wanted = wanted_of(Counter(label for label, part in zip(labels, parts, strict=True) if part == "train"), source)
    painted = await _painted(wanted, source, folder / _FOLDER, report)
    held = hash_array([one.identity.picture_hash for one in examples])
    tags = {label: one.characters for label, one in zip(labels, examples, strict=True)}
    pixels: list[Pixels] = []
    added: list[Example] = []
    left_out = 0
    for number, (label, file) in enumerate(painted, start=1):
        try:
            seen = await decoder.decode(file.read_bytes())
        except PictureFault:  # it is ours, and whole: only a decoder that crashes ends here
            left_out += 1
            continue
        if near_by_hash(hash_array([seen.hash]), held)[0]:
            left_out += 1
            continue
        identity = Identity(
            post_id=len(examples) + number,
            md5=f"{int(source.package.hash[:24], 16) * 2**32 + number:032x}"[-32:],
            picture_hash=seen.hash,
        )
        added.append(Example(identity, tags[label], labelled=True, split="train", synthetic=True))
        pixels.append(seen.pixels[0])
    _append(folder / PICTURES, len(examples), pixels)
    facts = {
        "generator": source.package.hash,
        "name": str(source.package.manifest["name"])[:200],
        "pictures": dict(Counter(label for label, _ in painted)),
        "near_copies_left_out": left_out,
        "learned_from": len(added),
    }
    return Filled((*real, *added), facts)


def split_beside(
    examples: Sequence[Example], labels: Sequence[str], package: GeneratorPackage, shares: Shares, seed: int
) -> list[str]:
    """The split of each example: whatever the generator has seen, or nearly that, trains."""
    seen = [
        Identity(post_id=-row, md5=md5, picture_hash=int(hash_), site="generator")
        for row, (md5, hash_) in enumerate(zip(package.learned.md5s, package.learned.hashes.tolist(), strict=True), 1)
    ]
    groups = group([*(one.identity for one in examples), *seen])
    known = set(groups[len(examples) :].tolist())
    free = np.array([row for row in range(len(examples)) if int(groups[row]) not in known], dtype=np.int64)
    parts = ["train"] * len(examples)
    if not len(free):
        return parts
    held_share = min(0.98, (shares.validation + shares.test) * len(examples) / len(free))
    validation = held_share * shares.validation / (shares.validation + shares.test)
    dealt = split(
        groups[free],
        [labels[row] for row in free.tolist()],
        shares=Shares(1 - held_share, validation, held_share - validation),
        seed=seed,
    )
    for part, rows in zip(_PARTS, (dealt.train, dealt.validation, dealt.test), strict=True):
        for row in free[rows].tolist():
            parts[row] = part
    return parts


def wanted_of(counts: Mapping[str, int], source: SyntheticSource) -> dict[str, int]:
    """How many pictures each class gets: up to the largest, and no more than it has real ones.

    Args:
        counts: real training pictures by label.
        source: the classes that can be painted.
    """
    largest = max(counts.values(), default=0)
    lacking = {
        label: min(largest - counts.get(label, 0), int(_AT_MOST * counts.get(label, 0))) for label in source.classes
    }
    return {label: count for label, count in lacking.items() if count > 0}


def _check_left(examples: Sequence[Example], parts: Sequence[str], target: Target, source: SyntheticSource) -> None:
    least = Minimum().per_split
    shown = Counter(part for one, part in zip(examples, parts, strict=True) if target.tag in one.characters)
    if min(shown["validation"], shown["test"]) < least:
        raise TooLittleToLearn(
            f"{source.package.folder} has learned from nearly all pictures of {target.name}: {shown['validation']} are "
            f"left to choose the threshold by and {shown['test']} to measure on, at least {least} each are needed; "
            "train the generator with --set test_share=0.3, or add pictures",
            target.name,
            dict(shown),
        )


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
