"""Quality of a model on a person's own pictures: a folder with one folder a class, scored as a crawl scores.

    files -> decode and embed as in a crawl -> groups of copies -> figures -> each class -> the worst mistakes

Nothing in the folder is changed. A file that cannot be scored is counted and named. Pictures that the model was trained
on flatter it, so they are counted, and those that it never saw are a slice of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from classifier.arrays import IntArray
from classifier.errors import PictureFault
from classifier.heads.training_set import TEST
from classifier.inference.pooling import score_views
from classifier.metrics.assessment import Assessment, Mistake
from classifier.metrics.curves import ScoredPictures, slices_by
from classifier.pictures.class_folders import ClassFolder, ClassPicture, LeftOut, left_out_lines, why_not
from classifier.pictures.preprocessing import Pixels
from classifier.pictures.thumbnails import thumbnail
from classifier.progress import ProgressCallback
from classifier.training.splits import Identity, group
from crawler.decisions import TOO_SMALL
from rounds.evaluation.measurement import MISTAKES, assess, check
from rounds.evaluation.prevalence import Prevalence, gallery_estimates, own_share, prevalence_of
from rounds.evaluation.subject import GalleryKnowledge, Subject
from rounds.examples.folder_pictures import HELD_BYTES, ByteBudget, PictureDecoder, decoded
from rounds.examples.frozen_splits import learned_md5s
from rounds.examples.held_out import held_out
from storage.plurals import counted

_BAD_SCORE = "bad score"
_NEW, _LEARNED = "not trained on", "trained on"


class DecodedViews(Protocol):
    """A preprocessed picture with its windows and its hash."""

    @property
    def pixels(self) -> Sequence[Pixels]: ...
    @property
    def windows(self) -> Sequence[Sequence[Pixels]]: ...
    @property
    def too_small(self) -> bool: ...
    @property
    def hash(self) -> int: ...  # by `classifier.pictures.dhash`


@dataclass(frozen=True, slots=True)
class PicturePipeline:
    """How a crawl scores pictures: decoder, embedding, and limits."""

    decoder: PictureDecoder[DecodedViews]
    embed: Callable[[Pixels], Awaitable[bytes]]  # an embedding as it is stored
    in_flight: int = 48  # pictures at a time
    held_bytes: int = HELD_BYTES  # of their files at a time


@dataclass(frozen=True, slots=True)
class ScoredPicture:
    """A picture of the folder with its score."""

    picture: ClassPicture
    score: float  # 0..1
    hash: int


async def score_folder(
    subject: Subject, class_folder: ClassFolder, pipeline: PicturePipeline, *, report: ProgressCallback
) -> tuple[list[ScoredPicture], list[LeftOut]]:
    """Score every picture of a folder; gives also those that could not be scored.

    Raises:
        ModelError: the model or its device fails as a whole.
    """
    seen: dict[int, ScoredPicture] = {}
    left: list[LeftOut] = []
    waiting = iter(enumerate(class_folder.pictures))
    budget = ByteBudget(pipeline.held_bytes)

    async def carry() -> None:
        for number, picture in waiting:
            try:
                seen[number] = await _score(subject, picture, pipeline, budget)
            except (PictureFault, OSError) as error:
                left.append(LeftOut(picture.name, why_not(error)))
            report("looking", (len(seen) + len(left)) / len(class_folder.pictures), counted(len(seen), "picture"))

    try:
        async with asyncio.TaskGroup() as crew:
            for _ in range(pipeline.in_flight):
                crew.create_task(carry())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several  # the callers know single errors; the others only followed
    return [seen[number] for number in sorted(seen)], sorted(left, key=lambda skipped: skipped.name)


def evaluate_folder(
    subject: Subject,
    class_folder: ClassFolder,
    scored: Sequence[ScoredPicture],
    left: Sequence[LeftOut],
    known: GalleryKnowledge | None,
    *,
    seed: int = 0,
) -> Assessment:
    """Measure a model on a folder's scored pictures.

    Args:
        subject: the model.
        class_folder: the folder.
        scored: its pictures with their scores.
        left: pictures that could not be scored.
        known: the gallery, whose prevalence counts; None: it has no picture of the target, so the folder's counts.
        seed: of the draws behind intervals.

    Raises:
        TooLittleToMeasure: hardly any pictures of a kind; counts them.
    """
    pictures = [item.picture for item in scored]
    groups = _groups(scored)
    scores = np.array([item.score for item in scored], dtype=np.float64)
    judged = ScoredPictures(scores, np.array([picture.shows for picture in pictures], dtype=np.bool_), groups)
    advice = f"put more of them there; {', '.join(class_folder.meant)} shows it"
    check(judged, f"{class_folder.folder} has", "; ".join([*left_out_lines([*class_folder.left_out, *left]), advice]))
    learned = learned_from(subject, known)
    seen_in_training = [_LEARNED if picture.md5 in learned else _NEW for picture in pictures]
    prevalence = _prevalence(subject, known, judged)
    labels = [picture.label for picture in pictures]
    assessment = assess(
        subject, judged, prevalence, f"{counted(len(scored), 'picture')} of the folder {class_folder.folder}", seed=seed
    )
    threshold = assessment.threshold
    return replace(
        assessment,
        slices=(
            *(
                slices_by("training", seen_in_training, judged, threshold, order=(_NEW,))
                if len(set(seen_in_training)) > 1
                else ()
            ),
            *slices_by("class", labels, judged, threshold, order=class_folder.meant),
        ),
        kept_wrong=_mistakes(scored, threshold, kept=True),
        missed=_mistakes(scored, threshold, kept=False),
        notes=_notes(class_folder, left, groups, seen_in_training),
    )


def learned_from(subject: Subject, known: GalleryKnowledge | None) -> frozenset[str]:
    """MD5 of the pictures that the model's network or head was trained on, or that chose its threshold."""
    snapshot = subject.package.snapshot
    learned = learned_md5s(snapshot)
    if known is not None and snapshot.get("evidence") and len(known.evidence):  # its head is of a round
        held = held_out(subject.package, known.evidence)
        learned |= {known.evidence.md5s[row] for row in np.flatnonzero(held.split != TEST).tolist()}
    return frozenset(learned)


async def _score(
    subject: Subject, picture: ClassPicture, pipeline: PicturePipeline, budget: ByteBudget
) -> ScoredPicture:
    seen = await decoded(picture, pipeline.decoder, budget)
    views = (seen.pixels[0], *(seen.windows[0] if seen.windows else ()))
    score = score_views(subject.package.head, b"".join(await asyncio.gather(*map(pipeline.embed, views))))
    if not 0 <= score <= 1:  # not-a-number too
        raise PictureFault(_BAD_SCORE)
    if seen.too_small and score < subject.model.card.threshold:  # a crawl leaves it undecided
        raise PictureFault(TOO_SMALL)
    return ScoredPicture(picture, score, seen.hash)


def _groups(scored: Sequence[ScoredPicture]) -> IntArray:
    """Copies, nearly equal pictures and sets go together; numbers stand in for post ids."""
    return group(
        [
            Identity(post_id=number, md5=item.picture.md5, picture_hash=item.hash, set_key=item.picture.group)
            for number, item in enumerate(scored, start=1)
        ]
    )


def _prevalence(subject: Subject, known: GalleryKnowledge | None, judged: ScoredPictures) -> Prevalence:
    prevalence = None
    if known is not None and len(known.evidence):
        prevalence = prevalence_of(held_out(subject.package, known.evidence), gallery_estimates(known))
    return prevalence or own_share(
        judged, "the folder's own share, because the gallery has no pictures to estimate it from"
    )


def _mistakes(scored: Sequence[ScoredPicture], threshold: float, *, kept: bool) -> tuple[Mistake, ...]:
    wrong = [item for item in scored if (item.score >= threshold) == kept and item.picture.shows != kept]
    wrong.sort(key=lambda item: (-item.score if kept else item.score, item.picture.name))
    return tuple(
        Mistake(
            name=item.picture.name,
            score=item.score,
            why=f"in folder {item.picture.name.partition('/')[0]}",
            link=None,
            picture=_small(item.picture),
        )
        for item in wrong[:MISTAKES]
    )


def _small(picture: ClassPicture) -> bytes | None:
    try:
        return thumbnail(picture.read())
    except (OSError, PictureFault):  # it was removed since it was scored
        return None


def _notes(
    class_folder: ClassFolder, left: Sequence[LeftOut], groups: IntArray, seen_in_training: Sequence[str]
) -> tuple[str, ...]:
    notes = ["the truth is taken from the folder that each picture is in", *left_out_lines(class_folder.left_out)]
    notes += left_out_lines(left)
    learned = seen_in_training.count(_LEARNED)
    if learned:
        notes.append(
            f"the model was trained on {learned} of these pictures, which flatters its figures; the row '{_NEW}' is "
            "without them"
        )
    related = len(groups) - len(np.unique(groups))
    if related:
        notes.append(
            f"copies, near copies or of one set: {counted(related, 'picture')}; intervals take that into account"
        )
    return tuple(notes)
