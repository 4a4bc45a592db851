"""A model from a person's own pictures: a folder with one folder a class. No site, and nothing in it is changed.

    choose pictures -> decode -> train in a process of its own -> compare with the model in force -> package, in force

The class that means the target has its positives; every other class has negatives, and is a class of the network.
Pictures that are one file, nearly the same picture or of one set share a split: train, validation or test.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.heads.training_set import TEST
from classifier.package.package import Package, load_package
from classifier.pictures.class_folders import ClassFolder, ClassPicture, LeftOut
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.progress import ProgressCallback, unreported
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.embedders.recipe import shares_of
from classifier.training.job import PICTURES, RecipeOrder, StageOrder
from classifier.training.pipeline import Example, Goal, TargetSpec, TrainingPlan
from classifier.training.splits import Shares
from rounds.evaluation.comparison import Compared, compare
from rounds.examples.class_pictures import check_enough, chosen_pictures, examples_of_classes
from rounds.examples.decoders import HashingDecoder
from rounds.examples.folder_pictures import HELD_BYTES, ByteBudget, decoded
from rounds.examples.frozen_splits import groups_of, learned_md5s, splits_of
from rounds.examples.stage_pictures import Stage, decode_stage
from rounds.generation.paintings import PaintingPlace, SyntheticSource
from rounds.generation.synthetic_fill import Filled, filled
from rounds.head_round import RoundOutcome, RoundRegistry, takes_over
from rounds.models import free_name
from rounds.recipe_place import training_key
from rounds.training_job import (
    TrainingTask,
    decode_class_pictures,
    embedded,
    placed,
    recipe_order,
    train,
    work_folder,
)
from rounds.training_process import COMMAND
from storage.archive_records import RegisteredModel
from storage.evidence import Evidence
from storage.files.paths import model_folder
from storage.records import Target

Embed = Callable[[Package, Pixels], npt.NDArray[np.float16]]

_WORK = ".work-folder-"
_DAY_S = 86_400.0  # longer than any running round takes


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderSettings:
    """How it is learned."""

    backbone: str
    preprocessing: Preprocessing
    weights: Path | None = None  # a local file with the backbone's first weights
    may_download: bool = False  # published weights; the user agreed to their size
    goal: Goal = field(default_factory=Goal)
    pictures_at_most: int = 4000
    time_budget_s: float = 300.0  # for training the network
    epochs: float = field(default_factory=lambda: TrainingRecipe().epochs)
    in_flight: int = 16  # pictures on their way at the same time
    held_bytes: int = HELD_BYTES  # of their files at the same time
    seed: int = 0
    command: tuple[str, ...] = COMMAND  # the training process
    recipe: Sequence[str] | None = None  # every setting of the recipe that `backbone` names; None: it names none
    logs: Path | None = None  # of recipes, for TensorBoard; each training has a folder in it


@dataclass(frozen=True, slots=True, eq=False)
class InForce:
    """The model in force, and which pictures it was trained on."""

    model: RegisteredModel
    package: Package
    learned_from: frozenset[str]  # MD5 of files


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FolderModel:
    """A trained model that is not registered yet; its package lies in a work folder."""

    target: Target
    round: int
    result: Mapping[str, Any]  # what the training process reports of the target
    done: Mapping[str, Any]  # and of all targets together
    source: Path
    pictures: int  # that it was trained and measured on
    undecodable: tuple[LeftOut, ...]
    network: str  # name of the backbone
    compared: Compared | None  # None: there is no model in force
    replaces: RegisteredModel | None  # the model in force
    synthetic: Mapping[str, Any] | None = None  # what was painted to learn from, and by whom


def in_force(model: RegisteredModel, package: Package, evidence: Evidence) -> InForce:
    """A model and all pictures that its network and its head may have been trained on; no test may use them.

    Args:
        model: registered and active.
        package: its own.
        evidence: of the gallery, with the package's network; its heads are trained on all but the test split.
    """
    snapshot = package.snapshot
    learned_from = learned_md5s(snapshot)
    if snapshot.get("evidence"):  # its head was trained in this gallery
        artists = bool(snapshot.get("artists_together", True))
        split = splits_of(evidence, groups_of(evidence, artists=artists), snapshot, artists=artists)
        learned_from |= {evidence.md5s[row] for row in np.flatnonzero(split != TEST).tolist()}
    return InForce(model, package, frozenset(learned_from))


@dataclass(frozen=True, slots=True, eq=False)
class FolderTask:
    """Which pictures to train on, and for which target."""

    found: ClassFolder
    target: Target  # its tag is the class of the network
    decoder: HashingDecoder  # by the preprocessing of the new network first, and of the old one last
    old: InForce | None = None  # to compare with
    embed: Embed = embedded  # embeds the test pictures for both
    stages: Sequence[Stage] = ()  # of a recipe, before the training itself
    synthetic: SyntheticSource | None = None  # who paints for classes that have few pictures


@asynccontextmanager
async def model_from_folder(
    task: FolderTask,
    models: Path,
    settings: FolderSettings,
    *,
    report: ProgressCallback = unreported,
) -> AsyncIterator[FolderModel]:
    """Learn a model from a folder; the result lies in a work folder that is removed after the block.

    Args:
        task: the target and its pictures.
        models: folder of the target's models; the work folder is made there.
        settings: how.
        report: progress: reading, loading, training, measuring, writing.

    Raises:
        TooLittleToLearn: the folder has too few pictures; says how many.
        LearningFailed: the training process failed.
    """
    target, old = task.target, task.old
    check_enough(task.found, target)
    chosen = chosen_pictures(task.found.pictures, settings.pictures_at_most, settings.seed)
    async with work_folder(models, _WORK, left_for_s=_DAY_S) as folder:
        hashes, undecodable = await decode_class_pictures(chosen, folder, settings, task.decoder, report)
        pictures = [chosen[row] for row in hashes]
        round_ = 0 if old is None else (old.model.round or 0) + 1
        examples = examples_of_classes(pictures, list(hashes.values()), target)
        stages = [
            await decode_stage(stage, (folder, number), settings, task.decoder, report)
            for number, stage in enumerate(task.stages)
        ]
        fill = None if task.synthetic is None else await _filled(task, settings, pictures, examples, (folder, report))
        order = None if settings.recipe is None else _order(models, settings, pictures, stages, fill)
        asked = replace(_training_task(task, pictures, examples, round_, settings), recipe=order)
        if fill is not None:
            asked = replace(asked, examples=fill.examples, snapshot={**asked.snapshot, "synthetic": dict(fill.facts)})
        done = await train(folder, asked, settings, report)
        result = done["targets"][0]
        compared = None
        if old is not None:
            report("measuring", 0.5, f"comparing with {old.model.card.name}")
            compared = await _compared(task, old, pictures, folder, result)
        yield FolderModel(
            target=target,
            round=round_,
            result=result,
            done=done,
            source=task.found.folder,
            pictures=len(pictures),
            undecodable=undecodable,
            network=settings.backbone,
            compared=compared,
            replaces=None if old is None else old.model,
            synthetic=None if fill is None else fill.facts,
        )
        if order is not None and order.checkpoints is not None:
            await asyncio.to_thread(shutil.rmtree, order.checkpoints, ignore_errors=True)


async def finish_folder(
    model: FolderModel, registry: RoundRegistry, models: Path, *, force: bool, report: ProgressCallback
) -> RoundOutcome:
    """Put the package where it belongs and register it; in force unless it is worse than the model that is.

    Args:
        model: from `model_from_folder`, within its block.
        registry: the archive, open.
        models: folder with a folder a target.
        force: in force even when it is worse.
        report: progress.
    """
    name = model.target.name
    model_name = await free_name(registry, models, name)
    place = model_folder(models, model_name)
    report("writing", 0.5, f"writing {model_name}")
    metrics = dict(model.result["metrics"])
    if model.compared is not None:
        metrics["compared"] = model.compared.to_json()
    facts = {"round": model.round, "how": "folder", "from": str(model.source), "tag": model.target.tag}
    if model.synthetic is not None:
        facts["synthetic"] = dict(model.synthetic)
    new = await asyncio.to_thread(placed, model.result, model.done, place, facts | {"metrics": metrics})
    package = await asyncio.to_thread(load_package, place, expected_hash=new.hash)
    card = package.card(model_name.number)
    activate = force or takes_over(card, model.replaces, model.compared)
    await registry.register_model(card, new.facts, activate=activate)
    words = "" if model.compared is None else model.compared.words() + "\n"
    return RoundOutcome(
        card=card,
        network=model.network,
        activated=activate,
        compared=model.compared,
        rescored=None,
        metrics=metrics,
        report=new.report + words,
    )


def _training_task(
    task: FolderTask,
    pictures: Sequence[ClassPicture],
    examples: Sequence[Example],
    round_: int,
    settings: FolderSettings,
) -> TrainingTask:
    target = task.target
    recipe = TrainingRecipe(time_budget_s=settings.time_budget_s, epochs=settings.epochs, seed=settings.seed)
    snapshot = {
        "round": round_,
        "how": "folder",
        "from": task.found.folder.name,  # not its whole path: packages travel
        "targets": [target.tag],
        "pictures": dict(Counter(picture.label for picture in pictures)),
    }
    spec = TargetSpec(target.name, target.tag, target.variants, settings.goal)
    plan = TrainingPlan(recipe=recipe, seed=settings.seed, tags_may_lie=False)  # folders are labels by a person
    return TrainingTask(examples, [spec], plan, snapshot)


async def _filled(
    task: FolderTask,
    settings: FolderSettings,
    pictures: Sequence[ClassPicture],
    examples: Sequence[Example],
    place: tuple[Path, ProgressCallback],
) -> Filled | None:
    """The examples with painted ones for scarce classes, which lie behind the real ones in the array."""
    if task.synthetic is None:
        return None
    shares = Shares()
    if settings.recipe is not None:
        shares = shares_of(settings.backbone, RecipeOrder(settings=tuple(settings.recipe)))
    folder, report = place
    labels = [one.label for one in pictures]
    painting = PaintingPlace(folder, task.decoder, report)
    return await filled(examples, labels, task.target, task.synthetic, shares, painting)


def _order(
    models: Path,
    settings: FolderSettings,
    pictures: Sequence[ClassPicture],
    stages: Sequence[StageOrder],
    fill: Filled | None,
) -> RecipeOrder:
    """What the recipe is asked for; checkpoints have a folder that only the same pictures and settings find again."""
    words = tuple(settings.recipe or ())
    seen = [[one.md5, one.shows, one.group] for one in pictures]
    of_stages = [[one.name, one.positives, [identity.md5 for identity in one.identities]] for one in stages]
    painted = [] if fill is None else [dict(fill.facts)]
    key = training_key(settings.backbone, settings.seed, words, seen, of_stages, *painted)
    return recipe_order(models, settings, key, stages)


async def _compared(
    task: FolderTask, old: InForce, pictures: Sequence[ClassPicture], folder: Path, result: Mapping[str, Any]
) -> Compared:
    """Compare both models on test pictures of the folder that the old one was not trained on either."""
    new = await asyncio.to_thread(load_package, Path(result["folder"]))
    tested = set((new.snapshot.get("parts") or {}).get("test", ())) - old.learned_from
    rows = [row for row, picture in enumerate(pictures) if picture.md5 in tested]
    if not rows:
        nothing = np.zeros(0, dtype=np.bool_)
        return compare(old.model.card.name, nothing, nothing, nothing)
    of_new = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)[rows]
    budget = ByteBudget(HELD_BYTES)
    of_old = np.stack([(await decoded(pictures[row], task.decoder, budget)).pixels[-1] for row in rows])
    vectors = await asyncio.to_thread(task.embed, new, of_new)
    vectors_of_old = await asyncio.to_thread(task.embed, old.package, of_old)
    return compare(
        old.model.card.name,
        old.package.head.probabilities(vectors_of_old) >= old.model.card.threshold,
        new.head.probabilities(vectors) >= float(result["threshold"]),
        np.array([pictures[row].shows for row in rows], dtype=np.bool_),
    )
