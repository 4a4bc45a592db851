"""Learning in a process of its own: `python -m classifier.training.worker FOLDER`.

The main process writes FOLDER/job.json (or recogniser.json) and FOLDER/pictures.npy; this one answers with JSON lines
on standard output and finished packages below FOLDER/packages. So the crawl never imports a network library, and
stopping it stops this:
the worker ignores SIGINT (the terminal sends it to everybody) and ends when its standard input does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from classifier.errors import ClassifierError, TooFewExamples
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.tagger_block import TaggerVectors
from classifier.training.job import (
    PACKAGES,
    PICTURES,
    TAGGER_VECTORS,
    FirstWeights,
    TrainingJob,
    TrainingStep,
    read_job,
)
from classifier.training.pipeline import Embedder, Learned, TrainingPlan
from classifier.training.recogniser_job import RecogniserJob, make_recogniser
from classifier.workers.job_process import JobLines, begin_job
from storage.records import DocumentedError

FIRST_NETWORK = "first.keras"  # the first step's, which the second begins with
_FAILED = 1


def run(folder: Path, out: TextIO, embedder_for: Callable[[Path, TrainingJob], Embedder] | None = None) -> int:
    """Do the job in a folder; gives the exit code.

    Args:
        folder: with the job and its pictures.
        out: takes lines of JSON.
        embedder_for: gives the network of a job in a folder; None: the one that the job names.
    """
    lines = JobLines(out)
    try:
        lines.say({"done": _done(folder, lines.report, embedder_for or _embedder_of)})
    except ClassifierError as error:
        code = error.exit_code if isinstance(error, DocumentedError) else _FAILED
        lines.say({"error": type(error).__name__, "message": str(error), "exit_code": code, "facts": _facts_of(error)})
        return code
    except (OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        lines.say({"error": type(error).__name__, "message": str(error)[:500], "exit_code": _FAILED, "facts": {}})
        return _FAILED
    return 0


def _done(
    folder: Path, report: ProgressCallback, embedder_for: Callable[[Path, TrainingJob], Embedder]
) -> dict[str, Any]:
    """Do whichever job the folder holds: a recogniser of many classes, or models of targets."""
    if (folder / RecogniserJob.FILE).exists():
        return _recogniser(folder, report)
    job = read_job(folder, TrainingJob)
    return _work(folder, job, _pictures(folder, len(job.examples)), report, embedder_for)


def _recogniser(folder: Path, report: ProgressCallback) -> dict[str, Any]:
    job = read_job(folder, RecogniserJob)
    pictures = _pictures(folder, len(job.examples))
    report("loading", 0.0, "loading the network library")
    if job.order is not None:
        from classifier.training.embedders.recipe_classes import make_recipe_recogniser

        return make_recipe_recogniser(folder, job, job.order, pictures, report)
    embedder = _embedder(folder, job.backbone, TrainingPlan(recipe=job.recipe, seed=job.seed), job.size)
    return make_recogniser(folder, job, pictures, embedder, report)


def _pictures(folder: Path, count: int) -> Pixels:
    pictures: Pixels = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)
    return pictures[:count]


def _tagger_vectors(folder: Path, job: TrainingJob) -> TaggerVectors:
    """What the user's tagger saw in the pictures, where it was asked."""
    if not job.tagger_network:
        return {}
    vectors: npt.NDArray[np.float16] = np.load(folder / TAGGER_VECTORS, allow_pickle=False)
    return {job.tagger_network: vectors}


def _work(
    folder: Path,
    job: TrainingJob,
    pictures: Pixels,
    report: ProgressCallback,
    embedder_for: Callable[[Path, TrainingJob], Embedder],
) -> dict[str, Any]:
    report("loading", 0.0, "loading the network library")
    from classifier.training import pipeline
    from classifier.training.packager import pack

    embedder = pipeline.beside_tagger(embedder_for(folder, job), _tagger_vectors(folder, job))
    plan = job.plan
    if job.recipe is not None:
        from classifier.training.embedders.recipe import shares_of

        plan = replace(plan, shares=shares_of(job.backbone.name, job.recipe))
    learned: Learned = pipeline.learn(pictures, job.examples, job.specs, plan, embedder=embedder, report=report)
    report("writing", 0.0, "writing the model")
    packed = pack(learned, pictures, folder / PACKAGES, job)
    report("writing", 1.0, "")
    return _compared(folder, job.step, learned, packed)


def _compared(folder: Path, step: TrainingStep, learned: Learned, packed: dict[str, Any]) -> dict[str, Any]:
    """What is reported, with how a network compares with the first model; a first model is remembered for that."""
    from classifier.training import step_agreement

    if step is TrainingStep.FIRST:
        step_agreement.remember(folder, learned)
        Path(packed["backbone"]).rename(folder / FIRST_NETWORK)
        return packed
    agreements = step_agreement.agreements(folder, learned)
    for target in packed["targets"]:
        if target["target"] in agreements:
            target["compared"] = agreements[target["target"]].to_json()
    return packed


def _embedder_of(folder: Path, job: TrainingJob) -> Embedder:
    """What gives the network that a target's job asks for: a recipe's, or a backbone."""
    if job.recipe is not None:
        from classifier.training.embedders.recipe import recipe_embedder

        return recipe_embedder(job, job.recipe, folder)
    return _embedder(folder, job.backbone, job.plan, job.preprocessing.size)


def _embedder(folder: Path, backbone: FirstWeights, plan: TrainingPlan, size: int) -> Embedder:
    """What gives the network that the job asks for."""
    from classifier.backbones import catalogue
    from classifier.training.embedders import pretrained
    from classifier.training.pipeline import from_scratch

    earlier = None if plan.earlier is None else plan.earlier.file
    if backbone.name == catalogue.PRETRAINED:
        return pretrained.frozen(plan.seed)
    if backbone.name == catalogue.FINE_TUNED:
        first = folder / FIRST_NETWORK
        begin = first if earlier is None and first.is_file() else earlier
        return pretrained.fine_tuned(plan.recipe, folder / "looked-at", begin, tags_may_lie=plan.tags_may_lie)
    chosen = catalogue.backbone_named(backbone.name)
    if earlier is not None:  # it brings its weights
        return from_scratch(lambda: catalogue.empty(chosen, size), plan)
    origin = catalogue.Origin(backbone.weights, backbone.may_download)
    return from_scratch(catalogue.builder(chosen, origin, size), plan)


def _facts_of(error: Exception) -> dict[str, Any]:
    if not isinstance(error, TooFewExamples):
        return {}
    return {"target": error.target, "counts": error.counts, "needed": error.needed, "advice": error.advice}


def main(arguments: Sequence[str]) -> int:
    """The worker's program."""
    return run(Path(arguments[0]), begin_job())


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the network library's threads may take seconds to end, or never do
