"""A recogniser of many classes from a person's own pictures: one folder a class, and nothing in it changed.

    choose pictures -> decode -> embed and fit in a process of its own -> package, registered and in force

Pictures that are one file, nearly the same picture or of one set are on one side of every fold.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from classifier.package.whole_folder import put_in_place
from classifier.pictures.class_folders import LeftOut
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import ProgressCallback
from classifier.recognition.labelled_folder import LabelledFolder
from classifier.recognition.package import load_recogniser
from classifier.training.backbone_training import TrainingRecipe
from classifier.training.job import FirstWeights, RecipeOrder, write_job
from classifier.training.recogniser_job import (
    LEAST_PICTURES,
    MEASURED,
    LabelledExample,
    RecogniserJob,
)
from classifier.training.splits import Identity
from rounds.errors import NameTaken, TooLittleToLearn
from rounds.examples.decoders import HashingDecoder
from rounds.examples.folder_pictures import HELD_BYTES
from rounds.generation.paintings import PaintingPlace, SyntheticSource
from rounds.generation.synthetic_fill import filled_classes
from rounds.models import free_name
from rounds.recipe_place import training_key
from rounds.training_job import decode_class_pictures, recipe_order, work_folder
from rounds.training_process import COMMAND, run_learning
from storage.archive_records import RECOGNISER, RegisteredModel
from storage.files.paths import model_folder, target_models
from storage.names import TargetName
from storage.records import ModelCard, Target

_WORK = ".work-classes-"
_DAY_S = 86_400.0  # longer than any running round takes
_DEADLINE_FACTOR, _DEADLINE_EXTRA_S = 3.0, 1800.0  # of the training process; the budget limits a network's training


class RecogniserRegistry(Protocol):
    """Where recognisers are registered; the archive does it."""

    async def next_model_number(self, target: str) -> int: ...
    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None: ...
    async def models(self, target: str | None = None) -> Sequence[RegisteredModel]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecogniserSettings:
    """How it is made."""

    backbone: str
    preprocessing: Preprocessing
    weights: Path | None = None  # a local file with the backbone's first weights
    may_download: bool = False  # published weights; the user agreed to their size
    precision: float | None = None  # that names are to have, 0..1; None: a wrong name costs what a right one gains
    pictures_at_most: int = 20_000
    time_budget_s: float = 300.0  # for training the network, where it is trained
    epochs: float = field(default_factory=lambda: TrainingRecipe().epochs)
    in_flight: int = 16  # pictures on their way at the same time
    held_bytes: int = HELD_BYTES  # of their files at the same time
    seed: int = 0
    command: tuple[str, ...] = COMMAND  # the training process
    recipe: Sequence[str] | None = None  # every setting of the recipe that `backbone` names; None: it names none
    logs: Path | None = None  # of recipes, for TensorBoard; each training has a folder in it
    synthetic: SyntheticSource | None = None  # who paints for classes that have few pictures


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NewRecogniser:
    """A recogniser that is registered and in force."""

    card: ModelCard
    replaces: str | None  # name of the one that was in force
    network: str  # name of the backbone
    pictures: int  # that it was trained on
    undecodable: tuple[LeftOut, ...]
    metrics: Mapping[str, Any]
    report: str  # for people
    synthetic: Mapping[str, Any] | None = None  # what was painted to learn from, and by whom


def usable(found: LabelledFolder, name: str) -> LabelledFolder:
    """The folder without classes of too few pictures; refused before thousands of pictures are decoded.

    Raises:
        TooLittleToLearn: fewer than two classes are left; says how many each has.
    """
    kept = found.without_rare(LEAST_PICTURES)
    if len(kept.classes) >= 2:
        return kept
    there = ", ".join(f"{one} {count}" for one, count in found.classes.items()) or "no pictures"
    raise TooLittleToLearn(
        f"too few pictures to tell classes apart: {found.folder} has {there}; a recogniser needs two classes or more "
        f"with {LEAST_PICTURES} pictures each, one folder a class",
        name,
        dict(found.classes),
    )


def check_name(name: str, models: Sequence[RegisteredModel], target: Target | None) -> None:
    """Check that a name is free for a recogniser.

    Raises:
        NameTaken: it is a target's.
    """
    if target is not None or any(one.card.target == name and not one.recognises_classes for one in models):
        raise NameTaken(f"{name} is a target here, with models of its own; give the recogniser another name")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedRecogniser:
    """A recogniser that is not registered yet; its package lies in a work folder."""

    name: str
    source: Path
    network: str  # name of the backbone
    done: Mapping[str, Any]  # what the training process reports
    classes: Mapping[str, int]  # pictures by class
    undecodable: tuple[LeftOut, ...]
    right: Mapping[str, bool]  # by MD5 of the pictures that it was measured on: whether the likeliest class is right
    synthetic: Mapping[str, Any] | None = None  # what was painted to learn from, and by whom


@asynccontextmanager
async def trained_recogniser(
    found: LabelledFolder,
    name: str,
    decoder: HashingDecoder,
    models: Path,
    settings: RecogniserSettings,
    report: ProgressCallback,
) -> AsyncIterator[TrainedRecogniser]:
    """Train a recogniser; the result lies in a work folder that is removed after the block.

    Args:
        found: the pictures, from `usable`.
        name: under which it will be registered.
        decoder: by the network's preprocessing.
        models: folder with a folder a target.
        settings: how.
        report: progress: reading, loading, looking, learning, writing.

    Raises:
        TooLittleToLearn: pictures that could not be decoded, or are all nearly one, leave too little.
        LearningFailed: the training process failed.
    """
    chosen = _chosen(found, settings.pictures_at_most, settings.seed)
    own_models = target_models(models, TargetName(name))
    async with work_folder(own_models, _WORK, left_for_s=_DAY_S) as folder:
        hashes, undecodable = await decode_class_pictures(
            [found.pictures[row] for row in chosen], folder, settings, decoder, report
        )
        rows = [chosen[number] for number in hashes]
        job = _job(found, rows, list(hashes.values()), name, settings)
        _check_left(job, found)
        if settings.synthetic is not None:
            job = await filled_classes(job, settings.synthetic, PaintingPlace(folder, decoder, report))
        order = None if settings.recipe is None else _order(own_models, settings, job)
        job = replace(job, order=order)
        await asyncio.to_thread(write_job, folder, job)
        # A recipe takes as long as its own settings say.
        deadline = None if order else settings.time_budget_s * _DEADLINE_FACTOR + _DEADLINE_EXTRA_S
        done = await run_learning(folder, report=report, deadline_s=deadline, command=settings.command)
        yield TrainedRecogniser(
            name=name,
            source=found.folder,
            network=settings.backbone,
            done=done,
            classes=dict(Counter(example.name for example in job.examples if not example.synthetic)),
            undecodable=undecodable,
            right=json.loads(await asyncio.to_thread((folder / MEASURED).read_bytes)),
            synthetic=job.snapshot.get("synthetic"),
        )
        if order is not None and order.checkpoints is not None:
            await asyncio.to_thread(shutil.rmtree, order.checkpoints, ignore_errors=True)


async def finish_recogniser(trained: TrainedRecogniser, registry: RecogniserRegistry, models: Path) -> NewRecogniser:
    """Put the package where it belongs, register it and put it in force.

    Raises:
        NameTaken: the name became a target's meanwhile.
    """
    there = await registry.models(trained.name)
    check_name(trained.name, there, None)
    before = next((model.card.name for model in there if model.active), None)
    name = await free_name(registry, models, trained.name)
    place = model_folder(models, name)
    await asyncio.to_thread(put_in_place, Path(trained.done["folder"]), place)
    package = await asyncio.to_thread(load_recogniser, place, expected_hash=trained.done["hash"])
    card = package.card(name.number)
    facts = {
        "kind": RECOGNISER,
        "how": "classes",
        "from": str(trained.source),
        "classes": list(package.recogniser.classes),
        "metrics": dict(trained.done["metrics"]),
    }
    if trained.synthetic is not None:
        facts["synthetic"] = dict(trained.synthetic)
    await registry.register_model(card, facts, activate=True)
    return NewRecogniser(
        card=card,
        replaces=before,
        network=trained.network,
        pictures=sum(trained.classes.values()),
        undecodable=trained.undecodable,
        metrics=trained.done["metrics"],
        report=str(trained.done["report"]),
        synthetic=trained.synthetic,
    )


def _chosen(found: LabelledFolder, most: int, seed: int) -> list[int]:
    """Row numbers of all pictures, or of as many of each class as keeps the sum: the largest classes give way."""
    rows: dict[str, list[int]] = defaultdict(list)
    for row in np.random.default_rng(seed).permutation(len(found.pictures)).tolist():
        rows[found.labels[row].name].append(row)
    cap = most
    while sum(min(len(of), cap) for of in rows.values()) > most and cap > LEAST_PICTURES:
        cap = max(LEAST_PICTURES, int(cap * 0.95))
    return sorted(row for of in rows.values() for row in of[:cap])


def _job(
    found: LabelledFolder, rows: Sequence[int], hashes: Sequence[int], name: str, settings: RecogniserSettings
) -> RecogniserJob:
    examples = []
    for number, (row, hash_) in enumerate(zip(rows, hashes, strict=True), start=1):
        picture, label = found.pictures[row], found.labels[row]
        identity = Identity(post_id=number, md5=picture.md5, picture_hash=hash_, set_key=picture.group)
        examples.append(LabelledExample(identity, label.name, label.style))
    return RecogniserJob(
        name=name,
        examples=examples,
        preprocessing=settings.preprocessing,
        backbone=FirstWeights(settings.backbone, settings.weights, settings.may_download),
        recipe=TrainingRecipe(time_budget_s=settings.time_budget_s, epochs=settings.epochs, seed=settings.seed),
        precision=settings.precision,
        snapshot={
            "how": "classes",
            "from": found.folder.name,  # not its whole path: packages travel
            "pictures": dict(Counter(example.name for example in examples)),
        },
        seed=settings.seed,
    )


def _order(models: Path, settings: RecogniserSettings, job: RecogniserJob) -> RecipeOrder:
    """What the recipe is asked for; checkpoints have a folder that only the same pictures and settings find again."""
    words = tuple(settings.recipe or ())
    seen = [[one.identity.md5, one.name, one.identity.set_key] for one in job.examples]  # painted ones, too
    key = training_key("classes", settings.backbone, settings.seed, words, seen)
    return recipe_order(models, settings, key)


def _check_left(job: RecogniserJob, found: LabelledFolder) -> None:
    """Refuse when too few pictures could be decoded.

    Raises:
        TooLittleToLearn: names the class.
    """
    counts = Counter(example.name for example in job.examples)
    for name in found.classes:
        if counts[name] < LEAST_PICTURES:
            raise TooLittleToLearn(
                f"too few pictures of {name} can be decoded: {counts[name]} of {found.classes[name]}, and a class "
                f"needs {LEAST_PICTURES}; put whole pictures there, or take the folder out",
                job.name,
                dict(counts),
            )
