"""What every round that trains a network shares: a work folder, pictures in one array, the job, the package's place.

    pictures -> one array on disk -> job -> training process -> packages in the work folder -> one rename each

Until that rename nothing uses the new model, and the work folder is removed after the round.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from classifier.backbones.catalogue import backbone_named
from classifier.errors import PictureFault
from classifier.inference.runtime import RuntimeSettings
from classifier.inference.runtime_choice import choose_runtime
from classifier.package.package import Package
from classifier.package.whole_folder import put_in_place
from classifier.pictures.class_folders import ClassPicture, LeftOut, why_not
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.progress import ProgressCallback
from classifier.training.job import PICTURES, FirstWeights, RecipeOrder, StageOrder, TrainingJob, write_job
from classifier.training.job import TrainingStep as TrainingStep
from classifier.training.pipeline import Example, TargetSpec, TrainingPlan
from rounds.examples.decoders import HashingDecoder
from rounds.examples.folder_pictures import ByteBudget, decoded
from rounds.recipe_place import checkpoint_folder
from rounds.training_process import run_learning
from storage.plurals import counted

# A process that hangs is stopped. The budget limits training, to twice as long on a busy machine; what comes on top
# (loading, looking at pictures, heads, exporting) is a minute on a machine that is free, and 17 times that was seen.
_DEADLINE_FACTOR, _DEADLINE_EXTRA_S = 4.0, 1200.0
_BATCH = 64


class PictureSettings(Protocol):
    """How pictures are gathered."""

    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def in_flight(self) -> int: ...  # pictures on their way at the same time


class DecodingSettings(PictureSettings, Protocol):
    """How a person's own pictures come into one array."""

    @property
    def held_bytes(self) -> int: ...  # of encoded pictures at the same time


class TrainingSettings(PictureSettings, Protocol):
    """How a network is trained; the settings of every kind of round that does it."""

    @property
    def backbone(self) -> str: ...
    @property
    def weights(self) -> Path | None: ...  # a local file with the backbone's first weights
    @property
    def may_download(self) -> bool: ...  # published weights; the user agreed to their size
    @property
    def time_budget_s(self) -> float: ...
    @property
    def command(self) -> tuple[str, ...]: ...  # the training process


class FolderTrainingSettings(TrainingSettings, DecodingSettings, Protocol):
    """How a network is trained on a person's own pictures."""

    @property
    def recipe(self) -> Sequence[str] | None: ...  # every setting of the recipe that `backbone` names
    @property
    def logs(self) -> Path | None: ...  # of recipes, for TensorBoard; each training has a folder in it


@dataclass(frozen=True, slots=True)
class TrainingTask:
    """What is to be learned from the pictures in a work folder."""

    examples: Sequence[Example]  # one a picture, in their order
    specs: Sequence[TargetSpec]
    plan: TrainingPlan
    snapshot: Mapping[str, Any]  # what the packages remember of it; plain values
    step: TrainingStep = TrainingStep.NETWORK
    recipe: RecipeOrder | None = None  # where the network is a recipe's: it takes as long as its own settings say
    tagger_network: str = ""  # whose vectors of the pictures lie in `TAGGER_VECTORS` beside them; "": nobody's


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


def preprocessing_for(backbone: str) -> Preprocessing:
    """The preprocessing that a backbone was made for.

    Raises:
        ValueError: there is no such backbone.
    """
    return Preprocessing(backbone_named(backbone).size)


@asynccontextmanager
async def work_folder(models: Path, prefix: str, *, left_for_s: float = 0.0) -> AsyncIterator[Path]:
    """A folder beside the packages' final place, so that a rename moves them there; gone at the end.

    Args:
        models: folder of a target's models.
        prefix: of the folder's name; folders that begin so were left by a run that was killed.
        left_for_s: age from which they are cleared away; where several may be at work, longer than any of them takes.
    """
    folder = await asyncio.to_thread(_new_folder, models, prefix, left_for_s)
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def gather_pictures(
    count: int,
    bring: Callable[[int], Awaitable[Pixels | None]],
    folder: Path,
    settings: PictureSettings,
    report: Callable[[float, int], None],
    file: str = PICTURES,
) -> list[int]:
    """Write every picture into one array on disk; gives the numbers of those that it holds, row by row, rising.

    Args:
        count: of the pictures that are wanted.
        bring: gives the preprocessed picture of a number; None: it is left out.
        folder: the work folder.
        settings: size of the pictures, and how many are on their way at the same time.
        report: share of them that is done, 0..1, and how many the array holds.
        file: name of the array.

    Raises:
        what `bring` raises; the first of several.
    """
    side = settings.preprocessing.size
    store = np.lib.format.open_memmap(folder / file, mode="w+", dtype=np.uint8, shape=(count, side, side, 3))
    rows: list[int] = []
    done = 0
    waiting = iter(range(count))

    async def carry() -> None:
        nonlocal done
        for number in waiting:
            pixels = await bring(number)
            if pixels is not None:
                store[number] = pixels
                rows.append(number)
            done += 1
            report(done / count, len(rows))

    try:
        async with asyncio.TaskGroup() as crew:
            for _ in range(settings.in_flight):
                crew.create_task(carry())
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several  # the callers know single errors; the others only followed
    rows.sort()  # they came in any order; a training that goes on must find them in the same
    for row, number in enumerate(rows):
        if row != number:
            store[row] = store[number]
    store.flush()
    return rows


async def decode_class_pictures(
    pictures: Sequence[ClassPicture],
    folder: Path,
    settings: DecodingSettings,
    decoder: HashingDecoder,
    report: ProgressCallback,
) -> tuple[Mapping[int, int], tuple[LeftOut, ...]]:
    """Decode a folder's pictures into one array on disk.

    Returns:
        The numbers of those that the array holds, in its order, each with its hash; those that cannot be decoded.
    """
    left: list[LeftOut] = []
    hashes: dict[int, int] = {}
    budget = ByteBudget(settings.held_bytes)

    async def decode(number: int) -> Pixels | None:
        try:
            seen = await decoded(pictures[number], decoder, budget)
        except (PictureFault, OSError) as error:
            left.append(LeftOut(pictures[number].name, why_not(error)))
            return None
        hashes[number] = seen.hash
        return seen.pixels[0]

    rows = await gather_pictures(
        len(pictures), decode, folder, settings, lambda share, held: report("reading", share, counted(held, "picture"))
    )
    return {row: hashes[row] for row in rows}, tuple(sorted(left, key=lambda file: file.name))


def recipe_order(
    models: Path, settings: FolderTrainingSettings, key: str, stages: Sequence[StageOrder] = ()
) -> RecipeOrder:
    """What a recipe is asked for; checkpoints have a folder that only a training of the same key finds again.

    Args:
        models: folder of the models of one name.
        settings: name a recipe.
        key: from `training_key`.
        stages: before the training itself.
    """
    logs = None if settings.logs is None else settings.logs / f"{settings.backbone}-{key}"
    words = tuple(settings.recipe or ())
    return RecipeOrder(settings=words, stages=stages, checkpoints=checkpoint_folder(models, key), logs=logs)


async def train(
    folder: Path, task: TrainingTask, settings: TrainingSettings, report: ProgressCallback, *, niceness: int = 0
) -> Mapping[str, Any]:
    """Write every picture into one array on disk; gives the numbers of the pictures in it, row by row.

    Args:
        folder: the work folder.
        task: what is to be learned.
        settings: how.
        report: progress.
        niceness: 0..19: scheduling priority of the process, as in `os.nice`.

    Raises:
        TooLittleToLearn, LearningFailed: from the training process.
    """
    job = TrainingJob(
        examples=task.examples,
        specs=task.specs,
        plan=task.plan,
        preprocessing=settings.preprocessing,
        backbone=FirstWeights(settings.backbone, settings.weights, settings.may_download),
        snapshot=task.snapshot,
        step=task.step,
        recipe=task.recipe,
        tagger_network=task.tagger_network,
    )
    await asyncio.to_thread(write_job, folder, job)
    deadline = None if task.recipe else settings.time_budget_s * _DEADLINE_FACTOR + _DEADLINE_EXTRA_S
    return await run_learning(folder, report=report, deadline_s=deadline, command=settings.command, niceness=niceness)


def placed(result: Mapping[str, Any], done: Mapping[str, Any], place: Path, facts: Mapping[str, Any]) -> NewModel:
    """Move one package of the training process to its final place.

    Args:
        result: what the process reports of the target.
        done: what it reports of all targets together.
        place: a folder that does not exist yet.
        facts: what is registered of the model in addition.
    """
    put_in_place(Path(result["folder"]), place)
    return NewModel(
        target=result["target"],
        folder=place,
        hash=result["hash"],
        backbone_hash=result["backbone_hash"],
        threshold=float(result["threshold"]),
        facts={"metrics": result["metrics"], "taught": done["taught"], "classes": done["classes"], **facts},
        report=result["report"],
    )


def embedded(package: Package, pictures: Pixels) -> npt.NDArray[np.float16]:
    """Embeddings by a package's network, shape (n, d), of prepared pictures, shape (n, size, size, 3)."""
    runtime = choose_runtime([package], RuntimeSettings())
    parts = [runtime.embed(np.asarray(pictures[at : at + _BATCH])) for at in range(0, len(pictures), _BATCH)]
    return np.concatenate(parts).astype(np.float16)


def _new_folder(models: Path, prefix: str, left_for_s: float) -> Path:
    models.mkdir(parents=True, exist_ok=True)
    for left in models.glob(f"{prefix}*"):
        if time.time() - left.stat().st_mtime >= left_for_s:
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix, dir=models))
