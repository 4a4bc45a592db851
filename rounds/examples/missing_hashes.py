"""Hashes of pictures that were looked at before the gallery kept them: from stored renditions, some in every round.

Two copies of one drawing are not recognised until both are hashed. Labelled and tagged pictures come first, so that
after one round no copy is in two splits.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from classifier.errors import PictureFault
from classifier.heads.noisy_labels import LabelSource
from classifier.progress import ProgressCallback, unreported
from rounds.examples.decoders import HashingDecoder
from rounds.examples.label_sources import noisy_labels_of
from storage.evidence import Evidence
from storage.plurals import counted

AT_MOST = 5000  # pictures in one round


@dataclass(frozen=True, slots=True)
class StoredPictures:
    """Stored renditions and their decoder."""

    read: Callable[[int], bytes | None]  # version id -> stored rendition
    decoder: HashingDecoder  # for any preprocessing


@dataclass(frozen=True, slots=True)
class HashingPace:
    """How many pictures are hashed at the same time, and for how long."""

    in_flight: int = 16  # pictures on their way at the same time
    budget_s: float = 30.0  # however busy the machine is; two idle cores do 5,000 of 720x720 in twenty
    clock: Callable[[], float] = time.monotonic


def without_hash(evidence: Evidence, stored: Collection[int], *, at_most: int = AT_MOST) -> npt.NDArray[np.int64]:
    """Rows that lack a hash: answered ones first, then those with character tags, then the others, each by age.

    Args:
        evidence: all that is known.
        stored: version ids whose hash nobody has recorded, and whose picture is here.
        at_most: so many.
    """
    label_sources, _ = noisy_labels_of(evidence)
    rows = np.flatnonzero(np.isin(evidence.version_ids, list(stored)))
    kinds = label_sources[rows]
    order = np.where(
        np.isin(kinds, (LabelSource.KEEP, LabelSource.DELETE)), 0, np.where(kinds == LabelSource.NOTHING, 2, 1)
    )
    return rows[np.argsort(order, kind="stable")][:at_most].astype(np.int64)


async def missing_hashes(
    evidence: Evidence,
    rows: npt.NDArray[np.int64],
    pictures: StoredPictures,
    pace: HashingPace | None = None,
    *,
    report: ProgressCallback = unreported,
) -> Mapping[int, int]:
    """Hash stored pictures; gives version id -> hash, without those that are gone or cannot be decoded.

    Args:
        evidence: what the rows are of.
        rows: from `without_hash`.
        pictures: where they are.
        pace: how fast; when its time is up, the next round goes on with the others.
        report: progress.
    """
    pace = pace or HashingPace()
    found: dict[int, int] = {}
    done, end = 0, pace.clock() + pace.budget_s
    waiting = iter(evidence.version_ids[rows].tolist())

    async def carry() -> None:
        nonlocal done
        for version in waiting:
            if pace.clock() >= end:
                return
            content = await asyncio.to_thread(pictures.read, version)
            if content is not None:
                with contextlib.suppress(PictureFault):  # it could be decoded once; without a hash it has no copies
                    found[version] = (await pictures.decoder.decode(content)).hash
            done += 1
            report(
                "looking for copies", done / len(rows), f"{done} of {counted(len(rows), 'picture')} not compared yet"
            )

    async with asyncio.TaskGroup() as crew:
        for _ in range(pace.in_flight):
            crew.create_task(carry())
    return found


def with_hashes(evidence: Evidence, found: Mapping[int, int]) -> Evidence:
    """The evidence with these hashes, by version id, in place."""
    hashes = [
        found.get(version, hash_)
        for version, hash_ in zip(evidence.version_ids.tolist(), evidence.look_hashes.tolist(), strict=True)
    ]
    return replace(evidence, look_hashes=np.array(hashes, dtype=np.uint64))
