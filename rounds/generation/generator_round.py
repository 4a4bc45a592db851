"""A generator from a person's own pictures: a folder with pictures, or with one folder a class; nothing in it changes.

    list -> decode -> train in a process of its own -> package at its place

Beside that place lies a work folder until then, so a training that was killed goes on.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.errors import ClassFolderError, TooFewExamples
from classifier.generator.job import JOB, LOGS, GeneratorJob, LearnedPicture, check_enough
from classifier.generator.networks import SIZE
from classifier.generator.process import COMMAND, run_generator
from classifier.generator.settings import GeneratorSettings
from classifier.package.whole_folder import put_in_place
from classifier.pictures.class_folders import (
    ClassPicture,
    LeftOut,
    files_of,
    flat_files,
    label_of,
    read_pictures,
    top_folders,
)
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import ProgressCallback
from classifier.recipes.settings import words_of
from rounds.errors import TrainingBesides
from rounds.examples.decoders import HashingDecoder
from rounds.examples.folder_pictures import HELD_BYTES
from rounds.training_job import decode_class_pictures
from storage.files.disk import Disk
from storage.folders.output_lock import sole_writer

PREPROCESSING = Preprocessing(SIZE, fit="crop")
WORK = ".training"  # what the work folder's name ends with
_LOCK = ".crawl-generate.lock"


@dataclass(frozen=True, slots=True)
class GeneratorSource:
    """The pictures of a folder."""

    folder: Path
    pictures: tuple[ClassPicture, ...]  # by name; the label is "" where there are no class folders
    left_out: tuple[LeftOut, ...]

    def lines(self) -> list[str]:
        """What is in it, for people."""
        labels = sorted({one.label for one in self.pictures} - {""})
        classes = f" of {len(labels)} classes" if len(labels) > 1 else ""
        return [f"{self.folder}: {len(self.pictures)} pictures{classes}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorTask:
    """What is to be trained, and where it goes."""

    place: Path  # of the finished generator; nothing is there
    experiment: str
    settings: GeneratorSettings
    in_flight: int = 16  # pictures on their way at the same time
    held_bytes: int = HELD_BYTES
    preprocessing: Preprocessing = PREPROCESSING
    command: tuple[str, ...] = COMMAND

    @property
    def work(self) -> Path:
        """Where it is kept while it is trained."""
        return self.place.with_name(self.place.name + WORK)

    @property
    def logs(self) -> Path:
        """For TensorBoard."""
        return self.work / LOGS


@dataclass(frozen=True, slots=True)
class NewGenerator:
    """A generator at its place."""

    folder: Path
    facts: Mapping[str, Any]  # of its manifest, with its hash
    left_out: tuple[LeftOut, ...]


def generator_source(folder: Path, report: ProgressCallback) -> GeneratorSource:
    """Every picture of a folder, each file once; those in folders at its top have these as their classes.

    Raises:
        ClassFolderError: no such folder, too many files, or no pictures.
    """
    tops, left = top_folders(folder, needed=False)
    files = [(file, label_of(top.name)) for top, file in files_of(folder, tops, left)]
    if not files:  # no class folders: its own pictures, all of one kind
        files = [(file, "") for file in flat_files(folder, left)]
    read = read_pictures(folder, files, left, lambda share, words: report("listing", share, words))
    if not read:
        raise ClassFolderError(f"{folder} has no pictures; name a folder with pictures, or with one folder a class")
    once = {one.md5: one for one in reversed(read)}
    return GeneratorSource(folder, tuple(one for one in read if once[one.md5] is one), tuple(left))


async def train_from_source(
    source: GeneratorSource, decoder: HashingDecoder, task: GeneratorTask, report: ProgressCallback
) -> NewGenerator:
    """Train a generator and put it in its place.

    Args:
        source: the pictures.
        decoder: by `PREPROCESSING`.
        task: settings and place.
        report: progress: reading, loading, training, measuring, writing.

    Raises:
        TooFewExamples: there are too few pictures.
        TrainingBesides: another training lies at the place.
        FolderBusy: it is being trained at this moment.
        ClassifierError: the process failed.
        OSError: the disk refuses.
    """
    check_enough(task.place.name, len(source.pictures))
    task.work.mkdir(parents=True, exist_ok=True)
    with sole_writer(task.work, Disk(), _LOCK, "crawl generate train"):
        hashes, undecodable = await decode_class_pictures(source.pictures, task.work, task, decoder, report)
        learned = [(source.pictures[row], hash_) for row, hash_ in hashes.items()]
        pictures = tuple(LearnedPicture(one.md5, one.label, hash_, one.group) for one, hash_ in learned)
        try:
            check_enough(task.place.name, len(pictures))
        except TooFewExamples:
            await asyncio.to_thread(shutil.rmtree, task.work, ignore_errors=True)
            raise
        name, folder = task.place.name, source.folder.resolve().name
        job = GeneratorJob(name, folder, task.experiment, words_of(task.settings), pictures)
        await asyncio.to_thread(_order, task, job)
        done = await run_generator(("train", str(task.work)), report, task.command)
        await asyncio.to_thread(put_in_place, Path(done["folder"]), task.place)
    await asyncio.to_thread(shutil.rmtree, task.work, ignore_errors=True)
    return NewGenerator(task.place, {**done, "folder": str(task.place)}, (*source.left_out, *undecodable))


def _order(task: GeneratorTask, job: GeneratorJob) -> None:
    """Write the job; what lies there of another one is never mixed with it.

    Raises:
        TrainingBesides: other settings or pictures.
    """
    path, text = task.work / JOB, job.text()
    if path.is_file() and path.read_text() != text:
        before = GeneratorJob.of(path.read_text())
        raise TrainingBesides(
            f"{task.work} holds a training that was begun with {_difference(before, job)}; give the same again to go "
            "on with it, name another place with --to, or remove that folder"
        )
    part = path.with_suffix(".new")
    part.write_text(text)
    part.replace(path)


def _difference(before: GeneratorJob, now: GeneratorJob) -> str:
    """What tells two jobs apart, in words."""
    if before.experiment != now.experiment:
        return f"experiment {before.experiment}"
    changed = [word for word in before.words if word not in now.words]
    if changed:
        return ", ".join(changed[:3])
    return f"other pictures ({len(before.pictures)} of them)"
