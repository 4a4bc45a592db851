"""Which examples train, which choose the threshold, which are only measured on: split by group, so that nothing leaks.

Two pictures of one drawing on both sides of a split make every figure too good. Posts therefore travel together when
they share the file, the decoded pixels, nearly the same picture, a parent, or one artist's set.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from classifier.arrays import BoolArray, IntArray
from classifier.pictures.dhash import NEAR, hash_array, near_pairs


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells that two examples show the same drawing, or drawings of one set."""

    post_id: int
    md5: str = ""
    pixel_hash: str = ""  # the site's, of the decoded original
    picture_hash: int | None = None  # by `classifier.pictures.dhash`; None: nobody has computed it
    parent_id: int | None = None
    set_key: str = ""  # one artist's set, as the caller understands it; empty: none
    site: str = ""  # whose numbers post_id and parent_id are


@dataclass(frozen=True, slots=True)
class Shares:
    """How much goes where; shares of the labelled examples, summing to one."""

    train: float = 0.75
    validation: float = 0.15
    test: float = 0.10

    def __post_init__(self) -> None:
        shares = (self.train, self.validation, self.test)
        if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
            raise ValueError(f"shares must be positive and sum to 1, got {shares}")


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each split; no group is in two of them."""

    train: IntArray
    validation: IntArray
    test: IntArray


def group(identities: Sequence[Identity], *, near: int = NEAR) -> IntArray:
    """Number the groups that must not be torn apart.

    Args:
        identities: one an example.
        near: picture hashes that differ in at most so many of their 64 bits are one drawing.

    Returns:
        Group numbers, shape (n,), 0..groups-1.
    """
    families = [(each.site, each.post_id) for each in identities]
    parents = [None if each.parent_id is None else (each.site, each.parent_id) for each in identities]
    links = [
        near_pairs(hash_array([each.picture_hash for each in identities]), near),
        _links([each.md5 for each in identities]),
        _links([each.pixel_hash for each in identities]),
        _links([each.set_key for each in identities]),
        _links(families, parents),
    ]
    ones, others = (np.concatenate(side) for side in zip(*links, strict=True))
    return _numbered(len(identities), ones, others)


def split(groups: IntArray, kinds: Sequence[Hashable], *, shares: Shares | None = None, seed: int = 0) -> Split:
    """Deal whole groups into three splits so that every kind is spread as the shares say.

    Groups are dealt, largest first and shuffled among equals, to the split that lacks most of the group's kinds.

    Args:
        groups: group number of each example, shape (n,).
        kinds: what must be spread evenly, one an example: the characters it is tagged with, say.
        shares: of each split.
        seed: of the shuffle.
    """
    wanted = shares or Shares()
    if len(kinds) != len(groups):
        raise ValueError(f"{len(groups)} groups but {len(kinds)} kinds")
    fractions = np.array([wanted.train, wanted.validation, wanted.test])
    members: dict[int, list[int]] = defaultdict(list)
    for row, number in enumerate(groups.tolist()):
        members[number].append(row)
    lacking = {kind: fractions * count for kind, count in Counter(kinds).items()}
    order = np.random.default_rng(seed).permutation(np.array(sorted(members), dtype=np.int64)).tolist()
    order.sort(key=lambda number: -len(members[number]))
    dealt: tuple[list[int], list[int], list[int]] = ([], [], [])
    for number in order:
        rows = members[number]
        # Lack is measured against the share: the small splits would otherwise never come first.
        need = np.sum([lacking[kinds[row]] / fractions for row in rows], axis=0)
        neediest = int(np.argmax(need))
        dealt[neediest].extend(rows)
        for row in rows:
            lacking[kinds[row]][neediest] -= 1
    train, validation, test = (np.array(sorted(rows), dtype=np.int64) for rows in dealt)
    return Split(train, validation, test)


def split_beside(
    groups: IntArray, kinds: Sequence[Hashable], taught: BoolArray, *, shares: Shares | None = None, seed: int = 0
) -> Split:
    """Deal the others as `split` does, in the place of rows that train whatever the shares say.

    Args:
        groups: group number of each example, shape (n,).
        kinds: as for `split`.
        taught: rows that train, shape (n,); no group has both such rows and others.
        shares: of each split, of all rows together.
        seed: of the shuffle.
    """
    wanted, free = shares or Shares(), np.flatnonzero(~taught)
    if not len(free):
        return Split(np.flatnonzero(taught), free, free)
    held = min(0.98, (wanted.validation + wanted.test) * len(groups) / len(free))
    validation = held * wanted.validation / (wanted.validation + wanted.test)
    dealt = split(
        groups[free],
        [kinds[row] for row in free.tolist()],
        shares=Shares(1 - held, validation, held - validation),
        seed=seed,
    )
    train = np.sort(np.concatenate([np.flatnonzero(taught), free[dealt.train]]))
    return Split(train, free[dealt.validation], free[dealt.test])


def _links(*columns: Sequence[Hashable]) -> tuple[IntArray, IntArray]:
    """Each row linked to the first that has the same value, in whichever column; empty values link nothing."""
    first: dict[Hashable, int] = {}
    linked = [(first.setdefault(value, row), row) for column in columns for row, value in enumerate(column) if value]
    pairs = np.array(linked, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _numbered(count: int, ones: IntArray, others: IntArray) -> IntArray:
    """Numbers of the groups that links make of so many rows: every row takes the lowest row that it can reach."""
    lowest = np.arange(count, dtype=np.int64)
    while True:
        lower = np.minimum(lowest[ones], lowest[others])
        before = lowest.copy()
        for side in (ones, others):
            np.minimum.at(lowest, lowest[side], lower)  # the row that stood for the group learns it too
            np.minimum.at(lowest, side, lower)
        lowest = lowest[lowest]
        if np.array_equal(before, lowest):
            return np.unique(lowest, return_inverse=True)[1].astype(np.int64).reshape(-1)
