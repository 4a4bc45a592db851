"""A generator's work in a process of its own: `python -m classifier.generator.worker train FOLDER`, or `paint …`.

TensorFlow takes seconds to load and gigabytes to train; the command that asks does not. It answers with lines of JSON
on standard output: progress, and at the end what was done, or why not.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from classifier.arrays import IntArray
from classifier.errors import ClassifierError
from classifier.generator.job import (
    CHECKPOINTS,
    JOB,
    LOGS,
    PACKAGE,
    PICTURES,
    SHEETS,
    GeneratorJob,
    class_counts,
    learned_from,
    training_pictures,
)
from classifier.generator.package import write_generator
from classifier.generator.settings import NO_FEATURES
from classifier.pictures.preprocessing import Pixels
from classifier.pictures.synthetic_picture import sheet, synthetic_png
from classifier.progress import ProgressCallback
from classifier.workers.job_process import JobLines, begin_job

_FAILED = 1


def run(arguments: Sequence[str], out: TextIO) -> int:
    """Do what is asked; gives the exit code."""
    lines = JobLines(out)
    what, *rest = arguments
    try:
        lines.say({"done": trained(Path(rest[0]), lines.report) if what == "train" else painted(rest[0], lines.report)})
    except ClassifierError as error:
        lines.say({"error": type(error).__name__, "message": str(error)})
        return _FAILED
    except OSError as error:
        lines.say({"error": "OSError", "message": f"{error.filename or 'the disk'}: {error.strerror or error}"})
        return _FAILED
    except Exception as error:  # noqa: BLE001 - whatever the network library raises, where memory ends, say
        words = " ".join(str(error).split())[:300]
        lines.say(
            {"error": "DeviceError", "message": f"the generator's process failed: {type(error).__name__}: {words}"}
        )
        return _FAILED
    return 0


def trained(folder: Path, report: ProgressCallback) -> dict[str, Any]:
    """Train what `folder/job.json` asks for; gives the manifest's facts, plain values.

    Raises:
        DeviceError: the network that measures is not installed.
        OSError: the disk refuses.
    """
    job = GeneratorJob.of((folder / JOB).read_text())
    pictures: Pixels = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)[: len(job.pictures)]
    report("loading", 0.0, "loading the network library")
    from classifier.generator.assessment import assess
    from classifier.generator.features import network_features
    from classifier.generator.trainer import TrainingPlace, train_generator

    settings, data = job.settings, training_pictures(job, pictures)
    see = None if settings.features == NO_FEATURES else network_features()
    place = TrainingPlace(folder / CHECKPOINTS, folder / LOGS, _Sheets(folder / SHEETS, job.name).write, report)
    done = train_generator(data, settings, see, place)
    quality = None
    if see is not None:
        report("measuring", 0.0, f"{settings.measured} painted pictures against {len(data.test)} unseen ones")
        hashes = [job.pictures[row].hash for row in data.train]
        quality = assess(done, data, see, settings.measured, hashes)
    report("writing", 0.0, "writing the generator")
    facts: dict[str, Any] = {
        "name": job.name,
        "experiment": job.experiment,
        "settings": list(job.words),
        "classes": list(job.names),
        "told": done.told,
        "noise": settings.noise,
        "pictures": {"from": job.source, "by_class": class_counts(job)}
        | {part: len(rows) for part, rows in _parts(data)},
        "training": {
            "steps": done.steps,
            "epochs": done.epochs,
            "kept_step": done.kept_step,
            "seconds": done.seconds,
            "ended": done.ended,
            "resumed": done.resumed,
            "measurements": [asdict(one) for one in done.measurements],
            "curve": [asdict(one) for one in done.curve],
        },
        "quality": None if quality is None else quality.to_json(),
    }

    def fill(work: Path) -> None:
        for name in (SHEETS, LOGS):
            if (folder / name).is_dir():
                shutil.copytree(folder / name, work / name)
        for name, content in _figures(facts["training"]).items():
            (work / "figures").mkdir(exist_ok=True)
            (work / "figures" / name).write_bytes(content)

    shutil.rmtree(folder / PACKAGE, ignore_errors=True)
    written = write_generator(folder / PACKAGE, done.adversaries.kept, learned_from(job, data), facts, fill)
    return {**facts, "hash": written.hash, "folder": str(folder / PACKAGE)}


def painted(order: str, report: ProgressCallback) -> dict[str, Any]:
    """Paint what an order, in JSON, asks for; gives which files there are."""
    from classifier.generator.samples import PaintOrder, paint

    return paint(PaintOrder.of(order), report)


class _Sheets:
    """Writes sheets of painted pictures while a generator trains."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name

    def write(self, name: str, pictures: Pixels, labels: IntArray) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        part = self._folder / f".{name}.part"
        part.write_bytes(synthetic_png(sheet(pictures), {"Generator": self._name, "Title": f"{self._name}, {name}"}))
        part.replace(self._folder / f"{name}.png")


def _parts(data: Any) -> list[tuple[str, IntArray]]:
    return [("train", data.train), ("validation", data.validation), ("test", data.test)]


def _figures(training: Mapping[str, Any]) -> dict[str, bytes]:
    """File name -> content; empty where matplotlib is not installed."""
    curve, measured = training["curve"], training["measurements"]
    if importlib.util.find_spec("matplotlib") is None or not curve:
        return {}
    from classifier.figures.generator import distance_figure, losses_figure

    steps = [one["step"] for one in curve]
    files = dict(
        losses_figure(steps, [one["generator"] for one in curve], [one["discriminator"] for one in curve]).files()
    )
    if measured:
        distances = [one["distance"] for one in measured]
        files |= distance_figure([one["step"] for one in measured], distances, training["kept_step"]).files()
    return files


def main(arguments: Sequence[str]) -> int:
    """The worker's program."""
    return run(arguments, begin_job())


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the network library's threads may take seconds to end, or never do
