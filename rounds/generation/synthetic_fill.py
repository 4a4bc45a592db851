"""Painted pictures beside the real ones: to learn from, never to choose or to measure by.

split the real pictures -> paint for the scarce classes -> append, marked as synthetic
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from classifier.generator.package import GeneratorPackage
from classifier.training.examples import Example, Minimum
from classifier.training.recogniser_job import LEAST_PICTURES, LabelledExample, RecogniserJob
from classifier.training.splits import Shares, split_beside
from rounds.errors import TooLittleToLearn
from rounds.generation.paintings import PaintingPlace, SyntheticSource, known_to, painted_beside, wanted_of
from storage.records import Target

_LEAVE_OUT = "train the generator with --set test_share=0.3, or add pictures"


@dataclass(frozen=True, slots=True)
class Filled:
    """The examples with those that were painted."""

    examples: tuple[Example, ...]  # the real ones first, all with their split
    facts: Mapping[str, Any]  # for the package and the report; plain values


async def filled(
    examples: Sequence[Example],
    labels: Sequence[str],
    target: Target,
    source: SyntheticSource,
    shares: Shares,
    place: PaintingPlace,
) -> Filled:
    """Paint for the classes that have too few training pictures.

    Args:
        examples: real pictures, in the order of the array `PICTURES`, which gets the painted ones appended.
        labels: the folder's label of each.
        target: of which each split needs some pictures.
        source: who paints.
        shares: of the splits.
        place: where.

    Raises:
        TooLittleToLearn: the generator has learned from so many pictures that too few are left to measure on.
        ModelError: it cannot paint. OSError: the disk refuses.
    """
    parts = parts_beside(examples, labels, source.package, shares, source.seed)
    _check_left(examples, parts, target, source)
    real = tuple(replace(one, split=part) for one, part in zip(examples, parts, strict=True))
    counts = Counter(label for label, part in zip(labels, parts, strict=True) if part == "train")
    painted = await painted_beside([one.identity for one in examples], wanted_of(counts, source), source, place)
    tags = {label: one.characters for label, one in zip(labels, examples, strict=True)}
    added = tuple(
        Example(one.identity, tags[one.label], labelled=True, split="train", synthetic=True) for one in painted.pictures
    )
    return Filled((*real, *added), painted.facts)


def parts_beside(
    examples: Sequence[Example], labels: Sequence[str], package: GeneratorPackage, shares: Shares, seed: int
) -> list[str]:
    """The split of each example: whatever the generator has seen, or nearly that, trains."""
    groups, known = known_to(package, [one.identity for one in examples])
    dealt = split_beside(groups, labels, known, shares=shares, seed=seed)
    parts = np.full(len(examples), "train", dtype=object)
    parts[dealt.validation], parts[dealt.test] = "validation", "test"
    return [str(part) for part in parts]


def _check_left(examples: Sequence[Example], parts: Sequence[str], target: Target, source: SyntheticSource) -> None:
    least = Minimum().per_split
    shown = Counter(part for one, part in zip(examples, parts, strict=True) if target.tag in one.characters)
    if min(shown["validation"], shown["test"]) < least:
        raise TooLittleToLearn(
            f"{source.package.folder} has learned from nearly all pictures of {target.name}: {shown['validation']} are "
            f"left to choose the threshold by and {shown['test']} to measure on, at least {least} each are needed; "
            + _LEAVE_OUT,
            target.name,
            dict(shown),
        )


async def filled_classes(job: RecogniserJob, source: SyntheticSource, place: PaintingPlace) -> RecogniserJob:
    """Paint for the classes of a recogniser that have too few pictures to learn from.

    Args:
        job: of real pictures, in the order of the array `PICTURES`, which gets the painted ones appended.
        source: who paints.
        place: where.

    Returns:
        The job with the painted ones behind; what the generator has seen, or nearly that, is learned from alone.

    Raises:
        TooLittleToLearn: the generator has learned from so many pictures that too few are left to measure on.
        ModelError: it cannot paint. OSError: the disk refuses.
    """
    identities = [one.identity for one in job.examples]
    _, known = known_to(source.package, identities)
    real = [replace(one, taught=bool(taught)) for one, taught in zip(job.examples, known, strict=True)]
    _check_free(real, job.name, source)
    counts = Counter(one.name for one in real)
    painted = await painted_beside(identities, wanted_of(counts, source), source, place)
    added = [LabelledExample(one.identity, one.label, taught=True, synthetic=True) for one in painted.pictures]
    snapshot = {**job.snapshot, "synthetic": dict(painted.facts)}
    return replace(job, examples=[*real, *added], snapshot=snapshot)


def _check_free(examples: Sequence[LabelledExample], name: str, source: SyntheticSource) -> None:
    free = Counter(one.name for one in examples if not one.taught)
    for label in sorted({one.name for one in examples}):
        if free[label] < LEAST_PICTURES:
            raise TooLittleToLearn(
                f"{source.package.folder} has learned from nearly all pictures of {label}: {free[label]} are left to "
                f"choose and to measure by, at least {LEAST_PICTURES} are needed; {_LEAVE_OUT}",
                name,
                dict(free),
            )
