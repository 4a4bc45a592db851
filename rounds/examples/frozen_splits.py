"""Frozen splits: which pictures train, which choose the threshold, which only test, the same in every round.

The first round that meets a drawing assigns its split, by a hash of what it belongs to: its artist's set, else its
family of parent and children. Every later round keeps to it: the gallery stores it, and a package lists the pictures
that trained its network. A picture that joins a drawing or an artist's set with an assigned split takes that split.

Where drawings of different splits turn out to be one, the strictest split takes them all. A model that was trained on
one of them must not be measured on the others, so such drawings are contaminated: used for nothing by that network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import IntArray
from classifier.heads.training_set import CONTAMINATED, SPARED, TEST, TRAIN, VALIDATION
from classifier.training.splits import Identity, group
from storage.evidence import NO_SPLIT, SPLITS, Evidence

SplitArray = npt.NDArray[np.int8]

SHARES = (0.70, 0.15, 0.15)  # of train, validation and test
_NO_ARTIST = frozenset({"banned_artist", "artist_request", "anonymous_artist", "original"})


def groups_of(evidence: Evidence, *, artists: bool = True) -> IntArray:
    """Number the groups that must share a split: one drawing by any of its identities, and one artist's set."""
    return group(identities_of(evidence, artists=artists))


def drawings_of(evidence: Evidence) -> IntArray:
    """Number the drawings: same file, same pixels, nearly the same picture, one family."""
    return groups_of(evidence, artists=False)


def copies_of(evidence: Evidence) -> IntArray:
    """Number the pictures that a person would take for one: same file, same pixels, nearly the same picture."""
    return group([replace(identity, parent_id=None) for identity in identities_of(evidence, artists=False)])


def identities_of(evidence: Evidence, *, artists: bool = True) -> list[Identity]:
    """The identity of each row, by which rows that show the same drawing are found."""
    sets = _artist_sets(evidence) if artists else [""] * len(evidence)
    columns = zip(
        evidence.post_ids.tolist(),
        evidence.md5s,
        evidence.pixel_hashes,
        evidence.look_hashes.tolist(),
        evidence.parent_ids.tolist(),
        sets,
        evidence.sites,
        strict=True,
    )
    return [
        Identity(post_id, md5, pixels, look or None, parent or None, set_, site)
        for post_id, md5, pixels, look, parent, set_, site in columns
    ]


def splits_of(evidence: Evidence, groups: IntArray, snapshot: Mapping[str, Any], *, artists: bool = True) -> SplitArray:
    """The split of each row, shape (n,): TRAIN | VALIDATION | TEST, or CONTAMINATED: used for nothing.

    Args:
        evidence: the rows.
        groups: from `groups_of`.
        snapshot: of the package whose backbone gave the vectors; its `parts` are kept to.
        artists: whether an artist's set goes one way.
    """
    drawings = drawings_of(evidence) if artists else groups
    of_network = _network_split(evidence, snapshot)
    assigned = np.maximum(evidence.frozen_split, of_network)
    assigned = np.maximum(assigned, _spared(evidence, snapshot))
    split = _highest(drawings, assigned)
    learned = _highest(drawings, ((evidence.frozen_split == TRAIN) | (of_network == TRAIN)).astype(np.int8)) == 1
    new = np.flatnonzero(split == NO_SPLIT)
    split[new] = _joined(evidence, drawings, groups, split, new, artists=artists)
    split[learned & (split > TRAIN)] = CONTAMINATED
    return split


def learned_md5s(snapshot: Mapping[str, Any]) -> set[str]:
    """MD5 of the pictures that a package's network or head learned from, or that chose its threshold."""
    parts: Mapping[str, Sequence[str]] = snapshot.get("parts") or {}
    return {md5 for part in ("train", "validation", SPARED) for md5 in parts.get(part, ())}


def trained_on(evidence: Evidence, snapshot: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Rows that the network was trained on, copies of them included, by the snapshot of its package; shape (n,).

    A network that was trained on no picture of the gallery has no record of its training, so there are none.
    """
    if not snapshot.get("taught"):
        return np.zeros(len(evidence), dtype=np.bool_)
    known = (_network_split(evidence, snapshot) == TRAIN).astype(np.int8)
    return np.asarray(_highest(drawings_of(evidence), known) == 1, dtype=np.bool_)


def taught_so_far(snapshot: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, list[str]]:
    """The `parts` of a network that started from another one: the training pictures of both.

    Args:
        snapshot: of the new network's package; its own entry for a picture takes precedence.
        earlier: of the package whose network it began with.
    """
    own: Mapping[str, Sequence[str]] = snapshot.get("parts") or {}
    before: Mapping[str, Sequence[str]] = earlier.get("parts") or {}
    own_md5s = {md5 for md5s in own.values() for md5 in md5s}
    names = [name for name in (*SPLITS, SPARED) if name in SPLITS or name in own or name in before]
    return {name: [*own.get(name, ()), *(md5 for md5 in before.get(name, ()) if md5 not in own_md5s)] for name in names}


def assigned_splits(split: SplitArray) -> SplitArray:
    """The splits that the gallery stores, from `splits_of`: what is contaminated now can test a later network."""
    return np.where(split == CONTAMINATED, TEST, split).astype(np.int8)


def _joined(
    evidence: Evidence, drawings: IntArray, groups: IntArray, split: SplitArray, new: IntArray, *, artists: bool
) -> SplitArray:
    """The splits of rows whose drawings no round has met, shape of `new`.

    They join the set that they belong to. Round 0 may have divided an artist's many pictures: what is new of such a set
    is hashed family by family, as its other pictures were.
    """
    old = split != NO_SPLIT
    lowest = np.full(int(groups.max(initial=-1)) + 1, len(SPLITS), dtype=np.int8)
    highest = np.full(len(lowest), NO_SPLIT, dtype=np.int8)
    np.minimum.at(lowest, groups[old], split[old])
    np.maximum.at(highest, groups[old], split[old])
    joins, divided = highest[groups[new]], (lowest < highest)[groups[new]]
    keys = _artist_sets(evidence) if artists else [""] * len(evidence)
    hashed = [
        _hashed_split((keys[row] if not torn else "") or _family(evidence, row))
        for row, torn in zip(new.tolist(), divided.tolist(), strict=True)
    ]
    by_hash = np.full(len(split), NO_SPLIT, dtype=np.int8)
    by_hash[new] = hashed
    together = np.where(divided, _highest(drawings, by_hash)[new], _highest(groups, by_hash)[new])
    return np.where((joins == NO_SPLIT) | divided, together, joins).astype(np.int8)


def _network_split(evidence: Evidence, snapshot: Mapping[str, Any]) -> SplitArray:
    """Split of each row in the training of the package's network, by MD5; NO_SPLIT where it had none."""
    known: Mapping[str, Sequence[str]] = snapshot.get("parts") or {}
    by_md5 = {md5: number for number, name in enumerate(SPLITS) for md5 in known.get(name, ())}
    return np.array([by_md5.get(md5, NO_SPLIT) for md5 in evidence.md5s], dtype=np.int8)


def _spared(evidence: Evidence, snapshot: Mapping[str, Any]) -> SplitArray:
    """TRAIN for each row that was dealt to train and that the package's network has not seen; else NO_SPLIT."""
    spared = frozenset((snapshot.get("parts") or {}).get(SPARED, ()))
    return np.array([TRAIN if md5 in spared else NO_SPLIT for md5 in evidence.md5s], dtype=np.int8)


def _highest(groups: IntArray, values: SplitArray) -> SplitArray:
    """The highest value of each row's group, shape (n,)."""
    highest = np.full(int(groups.max(initial=-1)) + 1, NO_SPLIT, dtype=np.int8)
    np.maximum.at(highest, groups, values)
    return highest[groups]


def _hashed_split(key: str) -> int:
    """A pseudorandom split: the same for the same key on every machine."""
    hashed = int.from_bytes(hashlib.sha256(f"part {key}".encode()).digest()[:8], "big") / 2**64
    if hashed < SHARES[TRAIN]:
        return TRAIN
    return VALIDATION if hashed < SHARES[TRAIN] + SHARES[VALIDATION] else TEST


def _family(evidence: Evidence, row: int) -> str:
    return f"family {evidence.sites[row]} {int(evidence.parent_ids[row]) or int(evidence.post_ids[row])}"


def _artist_sets(evidence: Evidence) -> list[str]:
    """Each row's artists, sorted; empty where nobody is named."""
    sets = {names: " ".join(sorted(set(names.split()) - _NO_ARTIST)) for names in set(evidence.artists)}
    return [sets[names] for names in evidence.artists]
