"""Round 0: no labels, no model. The gallery's own tags train the first classifier.

    sample -> fetch and decode -> learn in a process of its own -> packages

Reads from top to bottom in `round_zero`; nothing here imports a network library. Learning may be done in two steps
from the same pictures: the first gives models in seconds, so that a crawl can begin; the second trains the network
beside it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from classifier.backbones.catalogue import DEFAULT
from classifier.errors import PictureFault
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.progress import ProgressCallback, unreported
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.job import TAGGER_VECTORS
from classifier.training.pipeline import Example, Goal, TargetSpec, TrainingPlan
from crawler.errors import CrawlError, PostError
from rounds.errors import PicturesMissing, TooLittleToLearn
from rounds.examples.decoders import Hashed, HashingDecoder
from rounds.examples.references import ReferencePixels
from rounds.examples.sample import PostSearch, Sample, SampleSize, examples_of, sample
from rounds.examples.tagger_answers import TaggerAnswers
from rounds.training_job import (
    NewModel,
    TrainingStep,
    TrainingTask,
    gather_pictures,
    placed,
    preprocessing_for,
    train,
    work_folder,
)
from rounds.training_process import COMMAND
from storage.plurals import counted
from storage.records import Post, RunError, Target

_WORK = ".work-round-0-"
_MISSING_AT_MOST = 0.2  # share of the sample


class RenditionSource(Protocol):
    """Fetches the rendition of a post that the classifier scores."""

    async def picture(self, post: Post) -> bytes | None:
        """The encoded picture; None when the post has none.

        Raises:
            PostError: this one cannot be fetched.
            TransientError: not at the moment.
        """
        ...


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
    time_budget_s: float = 360.0  # for training the network
    first_backbone: str | None = None  # of the first step, where there are two; None: the same
    first_time_budget_s: float = 30.0  # for the first step
    epochs: float = field(default_factory=lambda: TrainingRecipe().epochs)
    seed: int = 0
    command: tuple[str, ...] = COMMAND  # the training process


@dataclass(frozen=True, slots=True)
class RoundZeroInputs:
    """What round 0 reads from: the site, its pictures, a decoder, and a person's references."""

    source: PostSearch
    pictures: RenditionSource
    decoder: HashingDecoder
    references: ReferencePixels | None = (
        None  # pictures of the one target, preprocessed; None: tags alone are the labels
    )
    tagger: TaggerAnswers | None = None  # the user's own; the decoder's second array is what it takes


async def round_zero(
    inputs: RoundZeroInputs,
    tag: str,
    targets: Mapping[Target, Path],
    settings: RoundSettings,
    *,
    report: ProgressCallback = unreported,
) -> tuple[NewModel, ...]:
    """Learn a model for each target from the tags of the gallery; one backbone for all of them.

    Args:
        inputs: where posts and pictures come from.
        tag: of the gallery that will be walked.
        targets: the targets to learn, and where each one's package goes: a folder that does not exist yet.
        settings: how.
        report: progress: sampling, sampled, fetching, loading, training, measuring, writing.

    Raises:
        TooLittleToLearn: too few tagged pictures; says how many.
        PicturesMissing: too many of the sample's pictures cannot be had.
        LearningFailed: the training process failed.
        CrawlError: the site refuses or cannot be reached.
    """
    async with work_folder_for(targets) as folder:
        gathered = await gather(folder, inputs, tag, tuple(targets), settings, report=report)
        return await gathered.learn(TrainingStep.NETWORK, targets, report=report)


def work_folder_for(targets: Mapping[Target, Path]) -> AbstractAsyncContextManager[Path]:
    """The folder in which models for these places are made; what is in it ends with the block, or at the next start.

    One at a time: the gallery's lock is to be held.
    """
    return work_folder(next(iter(targets.values())).parent, _WORK)


async def gather(
    folder: Path,
    inputs: RoundZeroInputs,
    tag: str,
    targets: Sequence[Target],
    settings: RoundSettings,
    *,
    report: ProgressCallback = unreported,
) -> Gathered:
    """Choose, fetch and decode what is to be learned from; the pictures lie in the folder from then on.

    Args:
        folder: from `work_folder_for`.
        inputs: where posts and pictures come from.
        tag: of the gallery that will be walked.
        targets: the targets to learn.
        settings: how.
        report: progress: sampling, sampled, fetching.

    Raises:
        TooLittleToLearn, PicturesMissing, CrawlError: as `round_zero` does.
    """
    report("sampling", 0.0, f"choosing training examples among the posts tagged {tag}")
    chosen = await sample(inputs.source, tag, targets, settings.size, refine=settings.refine, seed=settings.seed)
    references = inputs.references
    _check(chosen, targets, references)
    report("sampled", 1.0, _words(chosen))
    hashes = await _fetch_all(inputs, chosen.posts(), settings, folder, report)
    heard = {} if inputs.tagger is None else inputs.tagger.by_post
    network = await asyncio.to_thread(_write_tagger_vectors, inputs.tagger, chosen.posts(), list(hashes), folder)
    examples = examples_of(chosen, targets, heard)
    if references is not None:
        examples += references.examples(targets[0].tag)
    seen = [_seen(examples[row], hash_) for row, hash_ in hashes.items()]
    where = "" if references is None else str(references.folder.absolute())
    task = replace(_training_task(seen, targets, settings, tag), tagger_network=network)
    return Gathered(folder, task, settings, where)


def _write_tagger_vectors(
    tagger: TaggerAnswers | None, posts: Sequence[Post], rows: Sequence[int], folder: Path
) -> str:
    """Put what the user's tagger saw beside the pictures; gives what keys the vectors, "" where there are none.

    Args:
        tagger: that was asked; None: nobody.
        posts: of the sample.
        rows: the pictures that the array in the folder holds: numbers of posts, and beyond them of references.
        folder: of work.
    """
    if tagger is None:
        return ""
    network, vectors = tagger.vectors([posts[row].id if row < len(posts) else None for row in rows])
    if network:
        np.save(folder / TAGGER_VECTORS, vectors, allow_pickle=False)
    return network


@dataclass(frozen=True, slots=True)
class Gathered:
    """Pictures in a folder and their training set, for one step or two."""

    folder: Path
    task: TrainingTask
    settings: RoundSettings
    reference_folder: str = ""  # folder of the references

    async def learn(
        self,
        step: TrainingStep,
        targets: Mapping[Target, Path],
        *,
        report: ProgressCallback = unreported,
        niceness: int = 0,
    ) -> tuple[NewModel, ...]:
        """Learn one model for each target; the second step may use what the first left in the folder.

        Args:
            step: which.
            targets: where each one's package goes: a folder that does not exist yet.
            report: progress: loading, training, measuring, writing.
            niceness: 0..19: how much the process gives way to others.

        Raises:
            TooLittleToLearn, LearningFailed: from the training process.
        """
        task, settings = _for_step(self.task, self.settings, step)
        done = await train(self.folder, task, settings, report, niceness=niceness)
        facts = {"round": 0, "step": str(step)}
        if self.reference_folder:
            facts["references"] = self.reference_folder
        return await asyncio.to_thread(_placed_all, done, targets, facts)


def _for_step(task: TrainingTask, settings: RoundSettings, step: TrainingStep) -> tuple[TrainingTask, RoundSettings]:
    if step is TrainingStep.FIRST:
        backbone = settings.first_backbone or settings.backbone
        settings = replace(settings, backbone=backbone, time_budget_s=settings.first_time_budget_s)
    recipe = replace(task.plan.recipe, time_budget_s=settings.time_budget_s)
    return replace(task, plan=replace(task.plan, recipe=recipe), step=step), settings


def _check(chosen: Sample, targets: Sequence[Target], references: ReferencePixels | None) -> None:
    """Refuse before thousands of pictures are fetched when a target cannot be learned."""
    least = TrainingPlan().minimum
    for target in targets:
        positives = sum(target.named_by(post.tags) for post in chosen.positives)
        shown = references is not None or positives >= least.positives
        if not shown or len(chosen.others) < least.negatives:
            hint = "" if shown else "show it 5 to 20 pictures of the target (--references DIR), "
            raise TooLittleToLearn(
                f"too few examples to learn {target.name}: the sample has {positives} pictures tagged {target.tag} (at "
                f"least {least.positives}) and {len(chosen.others)} well-tagged pictures of others (at least "
                f"{least.negatives}); {hint}crawl a larger tag, or import a model",
                target.name,
                {"positives": positives, "others": len(chosen.others), "unlabelled": len(chosen.unlabelled)},
            )


def _words(chosen: Sample) -> str:
    elsewhere = " and ".join(terms or "the whole site" for terms in chosen.elsewhere)
    return (
        f"{len(chosen.positives)} pictures tagged with the target, {len(chosen.others)} well-tagged ones of others, "
        f"{len(chosen.unlabelled)} untagged ones" + (f"; those of others come from {elsewhere}" if elsewhere else "")
    )


async def _fetch_all(
    inputs: RoundZeroInputs, posts: Sequence[Post], settings: RoundSettings, folder: Path, report: ProgressCallback
) -> Mapping[int, int]:
    """Fetch and decode every picture; gives which of them the array in the folder holds, and their hashes.

    The references are the last of them, after all posts.
    """
    references, faults = inputs.references, Counter[str]()
    hashes: dict[int, int] = {}

    async def fetch(number: int) -> Pixels | None:
        if references is not None and number >= len(posts):
            hashes[number] = references.hashes[number - len(posts)]
            pixels: Pixels = references.pixels[number - len(posts)]
            return pixels
        try:
            decoded = await _decoded(inputs, posts[number])
            hashes[number] = decoded.hash
            if inputs.tagger is not None:
                await inputs.tagger.ask(posts[number].id, decoded.pixels[1], len(posts))
            return decoded.pixels[0]
        except RunError:
            raise
        except (CrawlError, PictureFault) as error:
            faults[error.reason if isinstance(error, PostError | PictureFault) else type(error).__name__] += 1
            return None

    count = len(posts) + (0 if references is None else len(references))
    rows = await gather_pictures(
        count, fetch, folder, settings, lambda share, held: report("fetching", share, counted(held, "picture"))
    )
    if faults.total() > _MISSING_AT_MOST * len(posts):
        reasons = ", ".join(f"{count} {reason}" for reason, count in faults.most_common(4))
        raise PicturesMissing(
            f"{faults.total()} of {len(posts)} pictures could not be downloaded ({reasons}); try again later"
        )
    return {row: hashes[row] for row in rows}


async def _decoded(inputs: RoundZeroInputs, post: Post) -> Hashed:
    picture = await inputs.pictures.picture(post)
    if picture is None:
        raise PictureFault("unsupported", f"post {post.id} has no still picture")
    return await inputs.decoder.decode(picture)


def _seen(example: Example, hash_: int) -> Example:
    return replace(example, identity=replace(example.identity, picture_hash=hash_))


def _training_task(
    examples: Sequence[Example], targets: Sequence[Target], settings: RoundSettings, tag: str
) -> TrainingTask:
    specs = [TargetSpec(t.name, t.tag, t.variants, settings.goals.get(t.name, Goal())) for t in targets]
    recipe = TrainingRecipe(time_budget_s=settings.time_budget_s, epochs=settings.epochs, seed=settings.seed)
    snapshot = {
        "round": 0,
        "tag": tag,
        "targets": [target.tag for target in targets],
        "posts": [example.identity.post_id for example in examples if not example.reference],
    }
    return TrainingTask(examples, specs, TrainingPlan(recipe=recipe, seed=settings.seed), snapshot)


def _placed_all(
    done: Mapping[str, Any], targets: Mapping[Target, Path], facts: Mapping[str, Any]
) -> tuple[NewModel, ...]:
    places = {target.name: place for target, place in targets.items()}
    return tuple(
        placed(result, done, places[result["target"]], {**facts, **_compared(result)}) for result in done["targets"]
    )


def _compared(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The comparison of the second step's model with the first's, where the training process made one."""
    return {"compared": result["compared"]} if result.get("compared") else {}
