"""Which examples train, which choose the threshold, which are only measured on: split by group, so that nothing leaks.

Two pictures of one drawing on both sides of a split make every figure a lie. Posts therefore travel together when
they share the file, the decoded pixels, nearly the same picture, a parent, or one artist's set.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

_ALL_BITS = (1 << 64) - 1
_ROWS_AT_ONCE = 256  # of all pairs of hashes; bounds the memory


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells that two examples show the same drawing, or drawings of one set."""

    post_id: int
    md5: str = ""
    pixel_hash: str = ""
    picture_hash: int | None = None  # 64-bit difference hash of the decoded picture
    parent_id: int | None = None
    set_key: str = ""  # one artist's set, as the caller understands it; empty: none


@dataclass(frozen=True, slots=True)
class Shares:
    """How much goes where; shares of the labelled examples, summing to one."""

    train: float = 0.75
    validation: float = 0.15
    test: float = 0.10

    def __post_init__(self) -> None:
        parts = (self.train, self.validation, self.test)
        if min(parts) <= 0 or abs(sum(parts) - 1) > 1e-9:
            raise ValueError(f"shares must be positive and sum to 1, got {parts}")


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers of each part; no group is in two parts."""

    train: IntArray
    validation: IntArray
    test: IntArray


def difference_hash(picture: npt.NDArray[np.uint8]) -> int:
    """A 64-bit hash that nearly equal pictures share: signs of the horizontal steps between 9x8 cell means.

    Args:
        picture: RGB, shape (height, width, 3), both sides at least 9.
    """
    grey = picture.astype(np.float32).mean(axis=2)
    rows = np.array_split(np.arange(grey.shape[0]), 8)
    columns = np.array_split(np.arange(grey.shape[1]), 9)
    cells = np.array([[grey[np.ix_(r, c)].mean() for c in columns] for r in rows])
    bits = (cells[:, 1:] > cells[:, :-1]).ravel()
    return int(sum(1 << place for place, bit in enumerate(bits) if bit))


def group(identities: Sequence[Identity], *, near: int = 3) -> IntArray:
    """Number the groups that must not be torn apart.

    Args:
        identities: one an example.
        near: difference hashes that differ in at most so many of their 64 bits are one drawing.

    Returns:
        Group numbers, shape (n,), 0..groups-1.
    """
    union = _Union(len(identities))
    for rows in _rows_by_key(identities).values():
        union.join_all(rows)
    for one, other in _near_pairs([identity.picture_hash for identity in identities], near):
        union.join(one, other)
    roots = [union.root(row) for row in range(len(identities))]
    return np.unique(np.array(roots, dtype=np.int64), return_inverse=True)[1].astype(np.int64).reshape(-1)


def split(groups: IntArray, kinds: Sequence[Hashable], *, shares: Shares | None = None, seed: int = 0) -> Split:
    """Deal whole groups into three parts so that every kind is spread as the shares say.

    Groups are dealt, largest first and shuffled among equals, to the part that lacks most of the group's kinds.

    Args:
        groups: group number of each example, shape (n,).
        kinds: what must be spread evenly, one an example: the characters it is tagged with, say.
        shares: of each part.
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
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for number in order:
        rows = members[number]
        # Lack is weighed against the share: the small parts would otherwise never be served first.
        need = np.sum([lacking[kinds[row]] / fractions for row in rows], axis=0)
        part = int(np.argmax(need))
        parts[part].extend(rows)
        for row in rows:
            lacking[kinds[row]][part] -= 1
    train, validation, test = (np.array(sorted(part), dtype=np.int64) for part in parts)
    return Split(train, validation, test)


class _Union:
    """Union-find over row numbers."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def root(self, row: int) -> int:
        while self._above[row] != row:
            self._above[row] = self._above[self._above[row]]
            row = self._above[row]
        return row

    def join(self, one: int, other: int) -> None:
        first, second = self.root(one), self.root(other)
        self._above[max(first, second)] = min(first, second)

    def join_all(self, rows: Sequence[int]) -> None:
        for other in rows[1:]:
            self.join(rows[0], other)


def _rows_by_key(identities: Sequence[Identity]) -> dict[tuple[str, Hashable], list[int]]:
    rows: dict[tuple[str, Hashable], list[int]] = defaultdict(list)
    for row, identity in enumerate(identities):
        keys: list[tuple[str, Hashable]] = [("family", identity.post_id)]
        if identity.parent_id is not None:
            keys.append(("family", identity.parent_id))
        keys += [
            (name, value)
            for name, value in (
                ("md5", identity.md5),
                ("pixels", identity.pixel_hash),
                ("set", identity.set_key),
            )
            if value
        ]
        for key in keys:
            rows[key].append(row)
    return rows


def _near_pairs(hashes: Sequence[int | None], near: int) -> Iterable[tuple[int, int]]:
    """All pairs of rows whose hashes differ in at most `near` bits; flat pictures are near to nothing."""
    told = [(row, value) for row, value in enumerate(hashes) if value is not None and 0 < value < _ALL_BITS]
    rows = np.array([row for row, _ in told], dtype=np.int64)
    values = np.array([value for _, value in told], dtype=np.uint64)
    for start in range(0, len(values), _ROWS_AT_ONCE):
        block = values[start : start + _ROWS_AT_ONCE, None]
        ones, others = np.nonzero(np.bitwise_count(block ^ values[None, :]) <= near)
        for one, other in zip((ones + start).tolist(), others.tolist(), strict=True):
            if one < other:
                yield int(rows[one]), int(rows[other])
