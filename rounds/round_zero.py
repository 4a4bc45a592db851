"""Round 0: no labels, no model. The gallery's own tags teach the first classifier.

    sample -> fetch and decode -> learn in a process of its own -> packages

Reads from top to bottom in `round_zero`; nothing here imports a network library.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from classifier.backbones.catalogue import DEFAULT, backbone_named
from classifier.errors import PictureFault
from classifier.learning import Example, Goal, Plan, Wish
from classifier.learning_worker import JOB, PICTURES, job_to_json
from classifier.pictures import Preprocessing
from classifier.training import Recipe
from crawler.errors import PostError, TransientError
from rounds.errors import PicturesMissing, TooLittleToLearn
from rounds.learning_process import COMMAND, Tell, run_learning
from rounds.sampling import Sample, SampleSize, Source, examples_of, sample
from storage.records import Post, Target

_DEADLINE_FACTOR, _DEADLINE_EXTRA_S = 3.0, 300.0  # the budget bounds teaching; loading and exporting come on top
_WORK = ".work-round-0-"
_MISSING_AT_MOST = 0.2  # share of the sample


class Pictures(Protocol):
    """Brings the rendition of a post that the classifier looks at."""

    async def picture(self, post: Post) -> bytes | None:
        """The encoded picture; None when the post has none.

        Raises:
            PostError: this one cannot be had.
            TransientError: not at the moment.
        """
        ...


class Decoded(Protocol):
    """A picture as a network wants it, one array a preprocessing."""

    @property
    def pixels(self) -> Sequence[npt.NDArray[np.uint8]]: ...


class Decoder(Protocol):
    """Decodes pictures in processes of its own; `classifier.decoder_pool.Decoders` does."""

    async def decode(self, picture: bytes) -> Decoded:
        """Raises PictureFault for a picture that cannot be decoded."""
        ...


def preprocessing_for(backbone: str) -> Preprocessing:
    """The preprocessing that a backbone was made for.

    Raises:
        ValueError: there is no such backbone.
    """
    return Preprocessing(backbone_named(backbone).size)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSettings:
    """How round 0 learns."""

    size: SampleSize = field(default_factory=SampleSize)
    backbone: str = DEFAULT
    weights: Path | None = None  # a local file with the backbone's first weights
    may_download: bool = False  # published weights; the user agreed to their size
    preprocessing: Preprocessing = field(default_factory=lambda: preprocessing_for(DEFAULT))
    goals: Mapping[str, Goal] = field(default_factory=dict)  # by Target.name; the others: precision 0.95
    refine: str = ""  # further search terms that cost nothing (`rating:g`)
    in_flight: int = 16  # pictures on their way at the same time
    time_budget_s: float = 360.0  # for teaching the network
    epochs: float = field(default_factory=lambda: Recipe().epochs)
    seed: int = 0
    command: tuple[str, ...] = COMMAND  # the learning process


@dataclass(frozen=True, slots=True, kw_only=True)
class NewModel:
    """A finished package, and what the archive registers of it."""

    target: str
    folder: Path  # the package, at its final place
    hash: str
    backbone_hash: str
    threshold: float
    facts: Mapping[str, Any]  # metrics, counts, what training took: plain values
    report: str  # for people


@dataclass(frozen=True, slots=True)
class Gallery:
    """The site as round 0 sees it."""

    source: Source
    pictures: Pictures
    decoder: Decoder


async def round_zero(
    gallery: Gallery,
    tag: str,
    targets: Mapping[Target, Path],
    settings: RoundSettings,
    *,
    tell: Tell = lambda stage, share, words: None,
) -> tuple[NewModel, ...]:
    """Learn a model for each target from the tags of the gallery; one backbone for all of them.

    Args:
        gallery: where posts and pictures come from.
        tag: of the gallery that will be walked.
        targets: whom to learn, and where each one's package goes: a folder that does not exist yet.
        settings: how.
        tell: progress: sampling, fetching, loading, training, measuring, writing.

    Raises:
        TooLittleToLearn: the tags teach too little; says what there is.
        PicturesMissing: too many of the sample's pictures cannot be had.
        LearningFailed: the learning process failed.
        CrawlError: the site refuses or cannot be reached.
    """
    tell("sampling", 0.0, f"choosing what to learn from among the posts tagged {tag}")
    chosen = await sample(
        gallery.source, tag, tuple(targets), settings.size, refine=settings.refine, seed=settings.seed
    )
    _check(chosen, tuple(targets))
    tell("sampling", 1.0, _words(chosen))
    async with _work_folder(next(iter(targets.values())).parent) as folder:
        rows = await _fetch_all(gallery, chosen.posts(), settings, folder / PICTURES, tell)
        examples = examples_of(chosen)
        _write_job(folder, [examples[row] for row in rows], tuple(targets), settings, tag)
        done = await run_learning(
            folder,
            tell=tell,
            deadline_s=settings.time_budget_s * _DEADLINE_FACTOR + _DEADLINE_EXTRA_S,
            command=settings.command,
        )
        return await asyncio.to_thread(_placed_all, done, targets)


def _check(chosen: Sample, targets: Sequence[Target]) -> None:
    """Say at once, before thousands of pictures are fetched, when a target cannot be learned."""
    least = Plan().minimum
    for target in targets:
        found = sum(target.named_by(post.tags) for post in chosen.positives)
        if found < least.positives or len(chosen.others) < least.negatives:
            raise TooLittleToLearn(
                f"too few examples to learn {target.name}: the sample has {found} pictures tagged {target.tag} (at "
                f"least {least.positives}) and {len(chosen.others)} well-tagged pictures of others (at least "
                f"{least.negatives}); walk a larger tag, or bring a model",
                target.name,
                {"positives": found, "others": len(chosen.others), "unlabelled": len(chosen.unlabelled)},
            )


def _words(chosen: Sample) -> str:
    return (
        f"{len(chosen.positives)} pictures tagged with the target, {len(chosen.others)} well-tagged ones of others, "
        f"{len(chosen.unlabelled)} untagged ones"
    )


@asynccontextmanager
async def _work_folder(models: Path) -> AsyncIterator[Path]:
    """A folder beside the packages' final place, so that a rename moves them there; gone at the end."""
    folder = await asyncio.to_thread(_new_folder, models)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _new_folder(models: Path) -> Path:
    models.mkdir(parents=True, exist_ok=True)
    for left in models.glob(f"{_WORK}*"):  # by a run that was killed; one program at a time owns this place
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_WORK, dir=models))


async def _fetch_all(
    gallery: Gallery, posts: Sequence[Post], settings: RoundSettings, into: Path, tell: Tell
) -> list[int]:
    """Fetch and decode every picture into one array on disk; gives which posts it holds, row by row."""
    side = settings.preprocessing.size
    store = np.lib.format.open_memmap(into, mode="w+", dtype=np.uint8, shape=(len(posts), side, side, 3))
    rows: list[int] = []
    faults: Counter[str] = Counter()
    waiting = iter(range(len(posts)))

    async def carry() -> None:
        for row in waiting:
            try:
                pixels = await _pixels(gallery, posts[row])
            except (PostError, TransientError, PictureFault) as error:
                faults[getattr(error, "reason", "") or type(error).__name__] += 1
            else:
                store[len(rows)] = pixels
                rows.append(row)
            tell("fetching", (len(rows) + faults.total()) / len(posts), f"{len(rows)} pictures")

    try:
        async with asyncio.TaskGroup() as crew:
            for _ in range(settings.in_flight):
                crew.create_task(carry())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several  # the callers know single errors; the others only followed
    store.flush()
    if faults.total() > _MISSING_AT_MOST * len(posts):
        reasons = ", ".join(f"{count} {reason}" for reason, count in faults.most_common(4))
        raise PicturesMissing(f"{faults.total()} of {len(posts)} pictures cannot be had ({reasons}); try again later")
    return rows


async def _pixels(gallery: Gallery, post: Post) -> npt.NDArray[np.uint8]:
    picture = await gallery.pictures.picture(post)
    if picture is None:
        raise PictureFault("unsupported", f"post {post.id} has no still picture")
    return (await gallery.decoder.decode(picture)).pixels[0]


def _write_job(
    folder: Path, examples: Sequence[Example], targets: Sequence[Target], settings: RoundSettings, tag: str
) -> None:
    wishes = [Wish(t.name, t.tag, t.variants, settings.goals.get(t.name, Goal())) for t in targets]
    recipe = Recipe(time_budget_s=settings.time_budget_s, epochs=settings.epochs, seed=settings.seed)
    job = job_to_json(examples, wishes, Plan(recipe=recipe, seed=settings.seed), settings.preprocessing)
    job["backbone"] = {
        "name": settings.backbone,
        "weights": None if settings.weights is None else str(settings.weights),
        "may_download": settings.may_download,
    }
    job["snapshot"] = {
        "round": 0,
        "tag": tag,
        "targets": [target.tag for target in targets],
        "posts": [example.identity.post_id for example in examples],
    }
    (folder / JOB).write_text(json.dumps(job))


def _placed_all(done: Mapping[str, Any], targets: Mapping[Target, Path]) -> tuple[NewModel, ...]:
    return tuple(_placed(told, targets, done) for told in done["targets"])


def _placed(told: Mapping[str, Any], targets: Mapping[Target, Path], done: Mapping[str, Any]) -> NewModel:
    """Move one package to its final place."""
    place = next(place for target, place in targets.items() if target.name == told["target"])
    place.parent.mkdir(parents=True, exist_ok=True)
    Path(told["folder"]).rename(place)
    _make_durable(place.parent)
    return NewModel(
        target=told["target"],
        folder=place,
        hash=told["hash"],
        backbone_hash=told["backbone_hash"],
        threshold=float(told["threshold"]),
        facts={"metrics": told["metrics"], "taught": done["taught"], "classes": done["classes"], "round": 0},
        report=told["report"],
    )


def _make_durable(folder: Path) -> None:
    """See to it that a name in a folder outlives a power cut; where folders cannot be opened, the rename has to do."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
