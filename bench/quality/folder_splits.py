"""A folder of pictures, one folder a class, in two splits that share no drawing: one for training, one for testing."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from classifier.pictures.dhash import dhash
from classifier.pictures.preprocessing import decode
from classifier.training.splits import Identity, Shares, group, split
from storage.records import PICTURE_EXTENSIONS

_SHARES = Shares(train=0.65, validation=0.15, test=0.20)  # where no `labels.csv` assigns them; the first two train


@dataclass(frozen=True, slots=True)
class FolderPicture:
    """One file."""

    path: str  # below the folder
    kind: str  # its class
    group: str  # pictures of one group are of one drawing, or of one artist's set
    part: str = ""  # as `labels.csv` says


@dataclass(frozen=True, slots=True)
class FolderSplits:
    """Training and test pictures; no group is in both.

    Raises:
        ValueError: some group is.
    """

    training: tuple[FolderPicture, ...]
    test: tuple[FolderPicture, ...]

    def __post_init__(self) -> None:
        both = {picture.group for picture in self.training} & {picture.group for picture in self.test}
        if both:
            raise ValueError(f"{len(both)} groups are in both splits, {min(both)!r} among them; split by group")


def splits_of(folder: Path, *, seed: int = 0, at_most: int | None = None) -> FolderSplits:
    """Read a folder and split its pictures.

    Args:
        folder: one folder a class; `labels.csv` (path, class, group, split) is followed where there is one: its test
            split is `test`, else `val`. Without it near-duplicates are grouped, and a fifth is the test split.
        seed: of the split, and of the sample.
        at_most: so many training pictures are sampled at random; all by default.

    Raises:
        ValueError: there are no pictures, or `labels.csv` divides a group.
    """
    labels = folder / "labels.csv"
    pictures = _labelled(labels) if labels.is_file() else _grouped(folder)
    if not pictures:
        raise ValueError(f"{folder} holds no pictures; expected one folder a class, each with pictures")
    splits = _as_labelled(pictures) or _dealt(pictures, seed)
    if at_most is not None and at_most < 1:
        raise ValueError(f"expected at least one training picture, got {at_most}")
    if at_most is None or at_most >= len(splits.training):
        return splits
    rows = np.random.default_rng((seed, 3)).choice(len(splits.training), at_most, replace=False)
    return FolderSplits(tuple(splits.training[row] for row in sorted(rows.tolist())), splits.test)


def _labelled(labels: Path) -> list[FolderPicture]:
    with labels.open(newline="", encoding="utf-8") as file:
        return [
            FolderPicture(row["path"], row["class"], row.get("group") or row["path"], row.get("split") or "")
            for row in csv.DictReader(file)
        ]


def _grouped(folder: Path) -> list[FolderPicture]:
    paths = sorted(path for path in folder.glob("*/*") if path.suffix.lower().lstrip(".") in _EXTENSIONS)
    groups = group([_identity(number, path.read_bytes()) for number, path in enumerate(paths)])
    return [
        FolderPicture(str(path.relative_to(folder)), path.parent.name, str(number))
        for path, number in zip(paths, groups.tolist(), strict=True)
    ]


_EXTENSIONS = PICTURE_EXTENSIONS | {"jpeg"}


def _identity(number: int, data: bytes) -> Identity:
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return Identity(number, md5=md5, picture_hash=dhash(Image.fromarray(decode(data))))


def _as_labelled(pictures: Sequence[FolderPicture]) -> FolderSplits | None:
    named = {picture.part for picture in pictures}
    test = next((name for name in ("test", "val") if name in named), None)
    if test is None or named == {test}:
        return None
    return FolderSplits(
        tuple(picture for picture in pictures if picture.part != test),
        tuple(picture for picture in pictures if picture.part == test),
    )


def _dealt(pictures: Sequence[FolderPicture], seed: int) -> FolderSplits:
    groups = np.unique([picture.group for picture in pictures], return_inverse=True)[1].astype(np.int64).reshape(-1)
    dealt = split(groups, [picture.kind for picture in pictures], shares=_SHARES, seed=seed)
    training = sorted([*dealt.train.tolist(), *dealt.validation.tolist()])
    return FolderSplits(tuple(pictures[row] for row in training), tuple(pictures[row] for row in dealt.test.tolist()))
