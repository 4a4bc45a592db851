"""Hashes of the pictures that are kept, and whether another one is nearly the same."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from classifier.pictures.dhash import NEAR, HashArray

_ROOM = 1024  # hashes for which there is room at first


class SeenHashes:
    """Grows with every hash that is added; a look at 100,000 takes a fifth of a millisecond."""

    def __init__(self, hashes: Iterable[int] = ()) -> None:
        self._hashes: HashArray = np.zeros(_ROOM, dtype=np.uint64)
        self._count = 0
        for hash_ in hashes:
            self.add(hash_)

    def add(self, hash_: int) -> None:
        """Remember one."""
        if self._count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[self._count] = hash_
        self._count += 1

    def has_near(self, hash_: int) -> bool:
        """Whether one of them shows nearly the same: all but `NEAR` bits agree.

        Of nearly flat pictures (black, white, a fade) the hash says little, so there it must be the very same.
        """
        bits = hash_.bit_count()
        near = NEAR if NEAR < bits < 64 - NEAR else 0
        apart = np.bitwise_count(self._hashes[: self._count] ^ np.uint64(hash_))
        return bool((apart <= near).any())
