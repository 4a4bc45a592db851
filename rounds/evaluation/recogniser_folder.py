"""A recogniser's answers for a person's own pictures: a folder of classes, embedded as a crawl embeds.

files -> decode and embed -> a probability for each class
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from classifier.arrays import FloatArray
from classifier.errors import PictureFault
from classifier.head import read_embedding
from classifier.pictures.class_folders import ClassPicture, LeftOut, left_out_lines, why_not
from classifier.progress import ProgressCallback
from classifier.recognition.assessment import RecogniserAssessment, assessed
from classifier.recognition.labelled_folder import LabelledFolder
from classifier.recognition.package import RecogniserPackage
from rounds.errors import TooLittleToMeasure
from rounds.evaluation.folder import PicturePipeline
from rounds.examples.folder_pictures import ByteBudget, decoded
from storage.plurals import counted

_BAD_SCORE = "bad score"


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPictures:
    """Pictures with their scores."""

    pictures: tuple[ClassPicture, ...]  # n, in the folder's order
    probabilities: FloatArray  # (n, classes)
    left: tuple[LeftOut, ...]  # that could not be scored


async def scored_pictures(
    package: RecogniserPackage, pictures: Sequence[ClassPicture], pipeline: PicturePipeline, report: ProgressCallback
) -> ScoredPictures:
    """Score pictures; one that cannot be scored is left out.

    Raises:
        ModelError: the model or its device fails as a whole.
    """
    seen: dict[int, FloatArray] = {}
    left: list[LeftOut] = []
    waiting = iter(enumerate(pictures))
    budget = ByteBudget(pipeline.held_bytes)

    async def carry() -> None:
        for number, picture in waiting:
            try:
                pixels = (await decoded(picture, pipeline.decoder, budget)).pixels[0]
                seen[number] = _scores(package, await pipeline.embed(pixels))
            except (PictureFault, OSError) as error:
                left.append(LeftOut(picture.name, why_not(error)))
            report("looking", (len(seen) + len(left)) / len(pictures), counted(len(seen), "picture"))

    try:
        async with asyncio.TaskGroup() as crew:
            for _ in range(pipeline.in_flight):
                crew.create_task(carry())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several  # the callers know single errors; the others only followed
    rows = sorted(seen)
    scores = np.stack([seen[row] for row in rows]) if rows else np.zeros((0, len(package.recogniser.classes)))
    left.sort(key=lambda one: one.name)
    return ScoredPictures(tuple(pictures[row] for row in rows), scores, tuple(left))


def assessment_of(
    package: RecogniserPackage, model: str, found: LabelledFolder, scored: ScoredPictures
) -> RecogniserAssessment:
    """Measure a recogniser on a folder's scored pictures.

    Args:
        package: the recogniser.
        model: its name.
        found: the folder.
        scored: its pictures with their scores.

    Raises:
        TooLittleToMeasure: no picture could be scored, or none is of a class that it knows.
    """
    labels = [picture.label for picture in scored.pictures]
    if not set(labels) & set(package.recogniser.names):
        names = ", ".join(package.recogniser.names[:8]) + (", …" if len(package.recogniser.names) > 8 else "")
        there = ", ".join(list(found.classes)[:8]) or "no pictures"
        raise TooLittleToMeasure(f"{found.folder} has {there}, and no picture of what {model} knows: {names}")
    parts = package.snapshot.get("parts") or {}
    known = {md5 for part in ("train", "validation") for md5 in parts.get(part, ())}
    seen = np.array([picture.md5 in known for picture in scored.pictures], dtype=np.bool_)
    on = f"{counted(len(labels), 'picture')} of the folder {found.folder}"
    assessment = assessed(model, on, package.recogniser, labels, scored.probabilities, seen)
    left = left_out_lines([*found.left_out, *scored.left])
    return replace(assessment, notes=(*assessment.notes, *left))


def _scores(package: RecogniserPackage, stored: bytes) -> FloatArray:
    scores: FloatArray = package.recogniser.scores(read_embedding(stored)[None, :])[0]
    if not np.isfinite(scores).all():
        raise PictureFault(_BAD_SCORE)
    return scores
