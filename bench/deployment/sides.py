"""One side of the comparison, in a process of its own: `python -m bench.deployment.sides SIDE FOLDER PICTURES THREADS`.

It loads, and answers lines on standard input with lines of JSON: `one N` times N pictures one at a time, `many N` times
batches of N, `scores` writes the probabilities of all pictures beside them, `memory` says the most that it held.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from classifier.arrays import FloatArray
from classifier.pictures.preprocessing import Pixels

ORIGINAL, PREDICT, CRAWL, FILES = "original", "predict", "crawl", "files"
"""Keras as `classifier.inference` runs it; Keras' `predict`; what a crawl runs; the SavedModel given encoded files."""
BATCH = 8

Score = Callable[[Pixels], FloatArray]


def opened(side: str, folder: Path, threads: int) -> Score:
    """What scores: a package's own runtimes, or an export."""
    if side in (ORIGINAL, CRAWL, PREDICT):
        return _of_package(side, folder, threads)
    from classifier.deployment.formats import FORMATS
    from classifier.deployment.scorers import open_scorer

    return open_scorer(FORMATS[side], folder, threads)


def _of_package(side: str, folder: Path, threads: int) -> Score:
    from classifier.inference import backends
    from classifier.inference.runtime import Runtime, RuntimeSettings
    from classifier.recognition.package import load_either

    package = load_either(folder)
    if side == PREDICT:
        from classifier.deployment.scoring_network import scoring_network

        network = scoring_network(package)
        return lambda pixels: np.asarray(network.predict(pixels, verbose=0), np.float64)
    settings = RuntimeSettings(threads=threads)
    backend: Any = (
        backends.KerasNetwork(package.keras, settings, gpu=False, mixed=False)
        if side == ORIGINAL
        else backends.LiteRtNetwork(package.runtimes["litert"], settings)
    )
    runtime = Runtime(backend)
    return lambda pixels: package.head.probabilities(runtime.embed(pixels)).reshape(len(pixels), -1)


def main(side: str, folder: Path, pictures: Path, threads: int) -> None:
    """Load, then answer."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    score = _of_files(folder) if side == FILES else opened(side, folder, threads)
    pixels: Pixels = np.load(pictures)
    given: Any = np.load(pictures.with_name("encoded.npy"), allow_pickle=True) if side == FILES else pixels
    score(given[:1])
    _say(answers, {"load_s": time.perf_counter() - started})
    for line in sys.stdin:
        word, _, count = line.strip().partition(" ")
        _say(answers, _answer(word, int(count or 0), score, given, pictures.with_name(f"scores-{side}.npy")))


def _of_files(folder: Path) -> Callable[[Any], FloatArray]:
    import tensorflow

    signature = tensorflow.saved_model.load(str(folder / "model/1"))
    return lambda encoded: np.asarray(
        signature.signatures["serving_bytes"](encoded=tensorflow.constant(list(encoded)))["probability"], np.float64
    )


def _answer(word: str, count: int, score: Callable[[Any], FloatArray], given: Any, scores: Path) -> dict[str, Any]:
    if word == "one":
        return {
            "seconds": [
                _timed(
                    score,
                    given[at % len(given)][None]
                    if given.dtype != object
                    else given[at % len(given) : at % len(given) + 1],
                )
                for at in range(count)
            ]
        }
    if word == "many":
        batches = [given[at : at + BATCH] for at in range(0, min(count, len(given)) - BATCH + 1, BATCH)]
        return {"per_s": BATCH * len(batches) / sum(_timed(score, batch) for batch in batches)}
    if word == "scores":
        np.save(scores, np.concatenate([score(given[at : at + BATCH]) for at in range(0, len(given), BATCH)]))
        return {"file": str(scores)}
    return {"megabytes": _most_memory_mb()}


def _most_memory_mb() -> float:
    """The most that this process held; `getrusage` would begin with what its parent held when it was started."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def _timed(score: Callable[[Any], FloatArray], batch: Any) -> float:
    started = time.perf_counter()
    score(batch)
    return time.perf_counter() - started


def _say(answers: Any, line: dict[str, Any]) -> None:
    answers.write(json.dumps(line) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
