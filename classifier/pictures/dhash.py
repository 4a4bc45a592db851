"""Nearly the same picture: a hash of 64 bits that survives another size, another quality, a small change.

Re-uploads of one drawing must not be learned from on one side and measured on the other. The hash hardly depends on
the preprocessing, so pictures that were looked at for different networks can be compared. Imports Pillow and NumPy
only: decoder processes compute it while they have the pixels.

Measured on 5,243 face crops of fan art: at most `NEAR` bits change in 99 % of copies at half the size with JPEG
quality 75, in 98 % at quality 25, in all of double the size as WebP, and in all that are looked at for another
network; 7 of 13.7 million pairs of other drawings are as near.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.arrays import IntArray

HashArray = npt.NDArray[np.uint64]

NEAR = 3  # hashes that differ in at most so many of their bits show one drawing
UNINFORMATIVE = 0  # the hash of a flat picture, and of one that is not hashed yet: near to no other hash
_ROWS, _STEPS = 8, 8  # cells a column, and horizontal steps between the nine cells of a row
_STEP = 0.5  # grey levels of 255; in flat parts the sign of less is the encoder's noise
_ENOUGH = 96  # pixels of the shorter side that are left at least; larger pictures are first reduced by whole numbers


def dhash(image: Image.Image) -> int:
    """Which of the horizontal steps between the means of 9x8 equal cells go up; 0..2**64-1.

    Args:
        image: the whole picture, upright; any mode that Pillow turns into grey.
    """
    grey = image.convert("L")
    factor = min(grey.size) // _ENOUGH
    if factor > 1:
        grey = grey.reduce(factor)
    pixels = np.asarray(grey, dtype=np.float32)
    cells = _cover(pixels.shape[0], _ROWS) @ pixels @ _cover(pixels.shape[1], _STEPS + 1).T
    bits = (cells[:, 1:] - cells[:, :-1] > _STEP).ravel()
    return int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")


@lru_cache(maxsize=64)
def _cover(pixels: int, cells: int) -> npt.NDArray[np.float32]:
    """How much of each pixel lies in each of so many equal cells; rows sum to one. Shape (cells, pixels)."""
    edges, places = np.linspace(0, pixels, cells + 1), np.arange(pixels)
    inside = np.minimum(edges[1:, None], places + 1) - np.maximum(edges[:-1, None], places)
    return np.asarray(np.clip(inside, 0, 1) * (cells / pixels), dtype=np.float32)


def hash_array(hashes: Sequence[int | None]) -> HashArray:
    """Hashes as a column; what is unknown becomes `UNINFORMATIVE`."""
    return np.array([UNINFORMATIVE if value is None else value for value in hashes], dtype=np.uint64)


def near_pairs(hashes: HashArray, near: int = NEAR) -> tuple[IntArray, IntArray]:
    """Rows whose hashes differ in at most `near` bits, linked: equal ones by one chain, the others pair by pair.

    The 64 bits are dealt to near + 2 bands; two hashes that differ in `near` bits agree in two bands at least. So only
    rows that agree in some two bands are compared: 100,000 hashes take a third of a second instead of minutes.

    Args:
        hashes: shape (n,); nearly flat pictures (hardly any bit set, or nearly all) are near to nothing.
        near: 0..31.

    Returns:
        Row numbers of the one and of the other, of equal length.
    """
    bits = np.bitwise_count(hashes)
    informative = np.flatnonzero((bits > near) & (bits < 64 - near))
    values, first, back = np.unique(hashes[informative], return_index=True, return_inverse=True)
    rows = informative[first]  # one row a different hash
    ones, others = [rows[back.reshape(-1)]], [informative]
    if near:
        for one, other in _pairs_by_band(values, near):
            ones.append(rows[one])
            others.append(rows[other])
    first_rows, second_rows = np.concatenate(ones), np.concatenate(others)
    apart = first_rows != second_rows
    return first_rows[apart].astype(np.int64), second_rows[apart].astype(np.int64)


def _pairs_by_band(values: HashArray, near: int) -> list[tuple[IntArray, IntArray]]:
    """Pairs of different values at most `near` bits apart; some come more than once."""
    bands = [sum(1 << bit for bit in range(band, 64, near + 2)) for band in range(near + 2)]
    found = []
    for one, other in combinations(bands, 2):
        keys = values & np.uint64(one | other)
        order = np.argsort(keys, kind="stable").astype(np.int64)
        sorted_keys, sorted_values = keys[order], values[order]
        at = np.arange(len(order) - 1)
        step = 1
        while len(at):  # each row with the next, the one after it, … as long as the two bands agree
            at = at[at + step < len(order)]
            at = at[sorted_keys[at] == sorted_keys[at + step]]
            alike = at[np.bitwise_count(sorted_values[at] ^ sorted_values[at + step]) <= near]
            if len(alike):
                found.append((order[alike], order[alike + step]))
            step += 1
    return found
