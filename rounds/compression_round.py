"""A round that makes a model smaller or faster, and compares it with what it was made of.

    stored pictures -> compressed in a process of its own -> looked at by the new network -> head, calibration and
    threshold found anew -> compared with the parent on the same held-out pictures -> in force, unless it is worse

Nothing is downloaded. The parent stays, and holds again after `crawl models rollback`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.arrays import IntArray
from classifier.compression.job import CompressionJob, ParentAnswers, write_compression_job
from classifier.compression.settings import INT8, CompressionSettings
from classifier.heads.noisy_labels import LabelSource
from classifier.package.package import load_package
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.progress import ProgressCallback
from classifier.training.job import PICTURES
from rounds.evaluation.compression import Compression, Scored, measured
from rounds.examples.frozen_splits import taught_so_far
from rounds.examples.label_sources import noisy_labels_of
from rounds.head_round import Candidate, HeadRoundSettings, Snapshot, learn_candidate
from rounds.network_round import TrainingPictures, chosen_rows, decoded_rows
from rounds.rescoring.rescore import whole_picture_scores
from rounds.training_job import embedded, work_folder
from rounds.training_process import run_learning
from storage.evidence import SPLITS
from system.child_process import module_command

_WORK = ".work-compress-"
_DAY_S = 86_400.0  # longer than any running round takes
_DEADLINE_FACTOR, _DEADLINE_EXTRA_S = 4.0, 7200.0  # of the process; the budget limits a training
_ABOUT_THE_NETWORK = ("parts", "taught", "earlier")
COMMAND = module_command("classifier.compression.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionPlan:
    """How a model is compressed; as far as pictures are concerned, the settings of a training."""

    how: str  # a key of `WAYS`
    words: tuple[str, ...]  # KEY=VALUE
    settings: CompressionSettings
    backbone: str  # name of the network that comes of it
    preprocessing: Preprocessing  # of its pictures
    parent: str  # name of the model
    parent_in_force: bool = True
    weights: Path | None = None  # a local file with a student's first weights
    may_download: bool = False
    in_flight: int = 16
    time_budget_s: float = 0.0  # of a training; 0: nothing is trained
    command: tuple[str, ...] = COMMAND


@asynccontextmanager
async def compressed(
    candidate: Candidate,
    pictures: TrainingPictures,
    models: Path,
    plan: CompressionPlan,
    rounds: HeadRoundSettings,
    report: ProgressCallback,
) -> AsyncIterator[Candidate]:
    """Compress a model's network and fit a head on it; the result lies in a work folder, removed after the block.

    Args:
        candidate: a head learned today on the parent's network; says who is held out, and what tags are believed.
        pictures: the stored renditions and the decoder, by the plan's preprocessing.
        models: folder of the target's models; the work folder is made there.
        plan: how it is compressed.
        rounds: how the head is learned.
        report: progress.

    Raises:
        PicturesMissing: too many pictures cannot be read or decoded.
        TooLittleToLearn, LearningFailed: from the compressing process.
    """
    async with work_folder(models, _WORK, left_for_s=_DAY_S) as folder:
        rows = chosen_rows(candidate, plan.settings.pictures, plan.settings.seed)
        rows = await decoded_rows(pictures, candidate.snapshot.evidence, rows, plan, folder, report)
        job = _job(candidate, plan, rows)
        await asyncio.to_thread(write_compression_job, folder, job, _answers(candidate, rows))
        deadline = plan.time_budget_s * _DEADLINE_FACTOR + _DEADLINE_EXTRA_S
        done = await run_learning(folder, report=report, deadline_s=deadline, command=plan.command)
        report("measuring", 0.5, "training a head on the new network")
        yield await asyncio.to_thread(_candidate, candidate, rows, (folder, done), (plan, rounds), pictures)


def _answers(candidate: Candidate, rows: IntArray) -> ParentAnswers:
    """What the parent says of the pictures, and what people say."""
    evidence = candidate.snapshot.evidence.rows(rows)
    label_sources, _ = noisy_labels_of(evidence)
    labels = np.where(label_sources == LabelSource.KEEP, 1, np.where(label_sources == LabelSource.DELETE, 0, -1))
    head = candidate.snapshot.package.head
    return ParentAnswers(
        evidence.vectors, head.probabilities(evidence.vectors), labels.astype(np.int8), candidate.split[rows]
    )


def _job(candidate: Candidate, plan: CompressionPlan, rows: IntArray) -> CompressionJob:
    snapshot, package = candidate.snapshot, candidate.snapshot.package
    about = package.snapshot
    if plan.how == INT8:  # the same network, which has seen what it had seen
        remembered = {name: about[name] for name in _ABOUT_THE_NETWORK if name in about}
    else:
        own = {"parts": _split_md5s(snapshot, candidate.split, rows)}
        remembered = {"parts": taught_so_far(own, about), "earlier": package.backbone_hash}
    return CompressionJob(
        how=plan.how,
        words=plan.words,
        tag=snapshot.target.tag,
        parent=package.folder,
        parent_hash=package.hash,
        preprocessing=plan.preprocessing,
        weights=plan.weights,
        may_download=plan.may_download,
        snapshot=remembered,
    )


def _split_md5s(snapshot: Snapshot, split: npt.NDArray[np.int8], rows: IntArray) -> dict[str, list[str]]:
    """Which split each picture was in, by MD5: later rounds on this network keep to it."""
    md5s = snapshot.evidence.md5s
    return {name: [md5s[row] for row in rows[split[rows] == number].tolist()] for number, name in enumerate(SPLITS)}


def _candidate(
    candidate: Candidate,
    rows: IntArray,
    made: tuple[Path, Mapping[str, Any]],
    how: tuple[CompressionPlan, HeadRoundSettings],
    pictures: TrainingPictures,
) -> Candidate:
    """A head on the compressed network, compared with the parent on the same pictures."""
    folder, done = made
    plan, rounds = how
    package = load_package(Path(done["folder"]), expected_hash=done["hash"])
    pixels: Pixels = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)[: len(rows)]
    snapshot = candidate.snapshot
    parents = snapshot.evidence.rows(rows)
    evidence = replace(
        parents, vectors=embedded(package, pixels), windows={}, frozen_split=candidate.split[rows]
    )  # windows that are known are of the parent's network
    old = whole_picture_scores(snapshot.package.head, parents)
    references = None if pictures.references is None else pictures.references.looked_at(package)
    renewed = replace(snapshot, package=package, evidence=evidence, old_scores=old, references=references)
    learned = learn_candidate(renewed, rounds)
    before = Scored(old, snapshot.package.head.probabilities(parents.vectors), snapshot.package.threshold)
    compression = _measured(learned, before, plan, done["facts"])
    return replace(learned, network_changed=True, assigned=candidate.assigned, compression=compression)


def _measured(made: Candidate, before: Scored, plan: CompressionPlan, facts: Mapping[str, Any]) -> Compression:
    """What became of a model.

    Args:
        made: the compressed one, with its head.
        before: the parent's scores of the same pictures.
        plan: how it was compressed.
        facts: what was done.
    """
    learned, evidence = made.learned, made.snapshot.evidence
    label_sources, _ = noisy_labels_of(evidence)
    truth = np.isin(label_sources, (LabelSource.TAGGED, LabelSource.KEEP))
    held_out = np.zeros(len(truth), dtype=np.bool_)
    held_out[np.setdiff1d(learned.measured, learned.doubted_in_test)] = True
    after = Scored(learned.scores, learned.head.probabilities(evidence.vectors), learned.chosen.threshold)
    return Compression(
        how=plan.how,
        parent=plan.parent,
        margin=plan.settings.margin,
        parent_in_force=plan.parent_in_force,
        facts={"settings": list(plan.words), **facts},
        **measured(before, after, truth, held_out),
    )
