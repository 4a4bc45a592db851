"""Which pictures train, which choose the threshold, which are only measured on: the same in every round.

A picture's part follows from a hash of what it belongs to (its artist's set, its family of parent and children, else
itself), so nobody has to remember it, and a picture that was tested on never trains later. What the backbone was
taught is remembered in its package and kept to: a picture that trained the backbone cannot test a head on it. Where
pictures of different parts turn out to be one drawing, the strictest part takes them all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.head_only import TEST, TRAIN, VALIDATION
from classifier.splits import Identity, group
from storage.evidence import Evidence

IntArray = npt.NDArray[np.int64]

SHARES = (0.70, 0.15, 0.15)  # of train, validation and test
_NO_ARTIST = frozenset({"banned_artist", "artist_request", "anonymous_artist", "original"})
_NAMES = {"train": TRAIN, "validation": VALIDATION, "test": TEST}


def groups_of(evidence: Evidence, *, artists: bool = True) -> IntArray:
    """Number the groups that must not be torn apart: same file, same pixels, one family, one artist's set."""
    identities = [
        Identity(
            post_id=int(evidence.post_ids[row]),
            md5=evidence.md5s[row],
            pixel_hash=evidence.pixel_hashes[row],
            parent_id=int(evidence.parent_ids[row]) or None,
            set_key=_artist(evidence.artists[row]) if artists else "",
        )
        for row in range(len(evidence))
    ]
    return group(identities)


def parts_of(
    evidence: Evidence, groups: IntArray, snapshot: Mapping[str, Any], *, artists: bool = True
) -> npt.NDArray[np.int8]:
    """The part of every row, shape (n,).

    Args:
        evidence: the rows.
        groups: from `groups_of`.
        snapshot: of the package whose backbone gave the vectors; its `parts` are kept to.
        artists: whether an artist's set goes one way.
    """
    taught = _taught(snapshot)
    own = np.array([_own_part(evidence, row, taught, artists=artists) for row in range(len(evidence))], dtype=np.int8)
    strictest = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.int8)
    np.maximum.at(strictest, groups, own)
    return strictest[groups]


def _own_part(evidence: Evidence, row: int, taught: Mapping[str, int], *, artists: bool) -> int:
    known = taught.get(evidence.md5s[row])
    if known is not None:
        return known
    key = (_artist(evidence.artists[row]) if artists else "") or f"family {_family(evidence, row)}"
    drawn = int.from_bytes(hashlib.sha256(f"part {key}".encode()).digest()[:8], "big") / 2**64
    if drawn < SHARES[TRAIN]:
        return TRAIN
    return VALIDATION if drawn < SHARES[TRAIN] + SHARES[VALIDATION] else TEST


def _family(evidence: Evidence, row: int) -> str:
    return f"{evidence.sites[row]} {int(evidence.parent_ids[row]) or int(evidence.post_ids[row])}"


def _artist(names: str) -> str:
    return " ".join(sorted(name for name in names.split() if name not in _NO_ARTIST))


def _taught(snapshot: Mapping[str, Any]) -> dict[str, int]:
    """What the backbone was taught, by MD5."""
    parts: Mapping[str, Sequence[str]] = snapshot.get("parts") or {}
    return {md5: _NAMES[name] for name in _NAMES for md5 in parts.get(name, ())}
