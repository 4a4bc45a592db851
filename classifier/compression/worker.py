"""Compressing in a process of its own: `python -m classifier.compression.worker FOLDER`.

As in `classifier.training.worker`: the main process writes a job and its arrays, this one answers with JSON lines on
standard output and one package at FOLDER/package, and ends when its standard input does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from classifier.compression.job import CompressionJob, ParentAnswers, read_compression_job
from classifier.compression.settings import DISTIL, INT8, PRUNE
from classifier.errors import ClassifierError
from classifier.package.package import Package, load_package
from classifier.pictures.preprocessing import Pixels
from classifier.progress import ProgressCallback
from classifier.training.job import PICTURES
from classifier.workers.job_process import JobLines, begin_job

PACKAGE, NETWORK = "package", "network"
_FAILED = 1


def run(folder: Path, out: TextIO) -> int:
    """Do the job in a folder; gives the exit code.

    Args:
        folder: with the job and its arrays.
        out: takes lines of JSON.
    """
    lines = JobLines(out)
    try:
        lines.say({"done": _done(folder, lines.report)})
    except (ClassifierError, OSError, ValueError, KeyError, MemoryError, RuntimeError) as error:
        lines.say({"error": type(error).__name__, "message": " ".join(str(error).split())[:500]})
        return _FAILED
    return 0


def _done(folder: Path, report: ProgressCallback) -> dict[str, Any]:
    job, answers = read_compression_job(folder)
    parent = load_package(job.parent, expected_hash=job.parent_hash)
    pictures: Pixels = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)[: len(answers.split)]
    report("loading", 0.0, "loading the network library")
    from classifier.compression.compressed_package import pack

    compressed = _way(job.how)(folder / NETWORK, job, parent, (pictures, answers), report)
    report("writing", 0.0, "writing the model")
    return pack(folder / PACKAGE, job, parent, (compressed, pictures, answers))


Way = Callable[[Path, CompressionJob, Package, "tuple[Pixels, ParentAnswers]", ProgressCallback], Any]


def _way(how: str) -> Way:
    if how == DISTIL:
        from classifier.compression.distillation import distil

        return distil
    if how == INT8:
        from classifier.compression.quantization import quantised

        return quantised
    if how == PRUNE:
        from classifier.compression.pruned_network import prune

        return prune
    raise ValueError(f"there is no way to compress called {how!r}")


def main(arguments: Sequence[str]) -> int:
    """The worker's program."""
    return run(Path(arguments[0]), begin_job())


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # the network library's threads may take seconds to end, or never do
