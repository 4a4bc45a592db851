"""A folder's pictures as arrays, in three splits that share no group: to train on, to choose by, to measure on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.quality.folder_splits import splits_of
from classifier.arrays import IntArray
from classifier.pictures.preprocessing import Pixels, Preprocessing, picture_array
from classifier.training.splits import Shares, split

_SHARES = Shares(train=0.85, validation=0.10, test=0.05)  # of the training pictures; the last two choose


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Pictures that are not decoded yet."""

    files: Sequence[Path]
    kinds: tuple[str, ...]  # class of each
    groups: IntArray  # (n,)
    train: IntArray  # rows
    validation: IntArray
    test: IntArray

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, sorted."""
        return tuple(sorted(set(self.kinds)))

    def labels(self) -> IntArray:
        """Number of each picture's class, shape (n,)."""
        classes = self.classes
        return np.array([classes.index(kind) for kind in self.kinds], dtype=np.int64)

    def marks(self) -> str:
        """What tells these pictures and splits from others."""
        digest = hashlib.sha256()
        for rows in (self.train, self.validation, self.test):
            digest.update("\n".join(f"{self.files[row].name} {self.kinds[row]}" for row in rows).encode() + b"\n\n")
        return digest.hexdigest()[:12]

    def pixels(self, preprocessing: Preprocessing) -> Pixels:
        """All pictures, shape (n, size, size, 3)."""
        return np.stack([picture_array(file.read_bytes(), preprocessing) for file in self.files])


def material_of(folder: Path, seed: int = 0, at_most: int | None = None) -> Material:
    """Read a folder as `bench.quality` does, and take a part of its training pictures to choose by.

    Args:
        folder: one folder a class.
        seed: of splits and sample.
        at_most: training pictures; None: all.

    Raises:
        ValueError: it holds no pictures.
    """
    splits = splits_of(folder, seed=seed, at_most=at_most)
    pictures = [*splits.training, *splits.test]
    groups = np.unique([one.group for one in pictures], return_inverse=True)[1].astype(np.int64).reshape(-1)
    count = len(splits.training)
    dealt = split(groups[:count], [one.kind for one in splits.training], shares=_SHARES, seed=seed)
    return Material(
        files=[folder / one.path for one in pictures],
        kinds=tuple(one.kind for one in pictures),
        groups=groups,
        train=dealt.train,
        validation=np.sort(np.concatenate([dealt.validation, dealt.test])),
        test=np.arange(count, len(pictures)),
    )


def balanced(material: Material, target: str, slack: int, seed: int = 0) -> Material:
    """The same with fewer training pictures: all of the target, and at most `slack` more of the others."""
    shows = np.array(material.kinds) == target
    random = np.random.default_rng((seed, 4))

    def fewer(rows: IntArray) -> IntArray:
        mine, others = rows[shows[rows]], rows[~shows[rows]]
        most = len(mine) + round(slack * len(rows) / max(1, len(material.train) + len(material.validation)))
        kept = others if len(others) <= most else random.choice(others, most, replace=False)
        return np.sort(np.concatenate([mine, kept])).astype(np.int64)

    return Material(
        material.files,
        material.kinds,
        material.groups,
        fewer(material.train),
        fewer(material.validation),
        material.test,
    )
