"""The random part of the questions: every picture has a fixed random rank, and the lowest ranks are asked first.

Four strata take turns, so that a few answers cover each of them: kept by tag, kept by score, nearly kept, rejected.
Within a stratum the answered pictures with the lowest ranks are a simple random sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from classifier.arrays import BoolArray, IntArray
from storage.evidence import Evidence

KEPT_BY_TAG, KEPT_BY_SCORE, NEARLY_KEPT, REJECTED = range(4)
STRATA = ("kept by tag", "kept by score", "nearly kept", "rejected")
NEARLY = 0.02  # score from which a rejected picture counts as nearly kept
_TURNS = (KEPT_BY_SCORE, REJECTED, NEARLY_KEPT, KEPT_BY_TAG, REJECTED)


def strata_of(evidence: Evidence, kept: BoolArray) -> IntArray:
    """The stratum of each row, shape (n,); by what the model decides, labels aside."""
    near = np.nan_to_num(evidence.scores, nan=1.0) >= NEARLY
    rejected = np.where(near, NEARLY_KEPT, REJECTED)
    return np.where(kept, np.where(evidence.tagged, KEPT_BY_TAG, KEPT_BY_SCORE), rejected).astype(np.int64)


def sample_ranks(evidence: Evidence, seed: int) -> npt.NDArray[np.float64]:
    """Each row's random rank, 0..1, shape (n,); a hash of its file and the seed, so it never changes."""
    salt = f"lot {seed} ".encode()  # kept: another word would draw another sample of every gallery
    digests = [hashlib.blake2b(salt + md5.encode(), digest_size=8).digest() for md5 in evidence.md5s]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.float64) / 2**64


def next_at_random(evidence: Evidence, kept: BoolArray, open_: BoolArray, seed: int) -> Iterator[int]:
    """Open rows by random rank, the strata in turns."""
    ranks, strata = sample_ranks(evidence, seed), strata_of(evidence, kept)
    queues = []
    for stratum in range(len(STRATA)):
        rows = np.flatnonzero(open_ & (strata == stratum))
        queues.append(iter(rows[np.argsort(ranks[rows], kind="stable")].tolist()))
    alive = set(range(len(STRATA)))
    while alive:
        for stratum in _TURNS:
            row = next(queues[stratum], None)
            if row is None:
                alive.discard(stratum)
            else:
                yield row
