"""`python -m classifier.inference.scorer_worker`: the one process that owns the device and turns pixels into
embeddings.

Several targets may share a backbone: their pictures are embedded once. Heads are applied by whoever asked, so that a
score from a stored embedding and one from a picture are computed by the same lines.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.errors import DeviceError, PackageError
from classifier.head import EMBEDDING_DTYPE
from classifier.inference.memory_limit import confine
from classifier.inference.runtime import Runtime, RuntimeSettings
from classifier.inference.runtime_choice import ScoredPackage, choose_runtime
from classifier.package.keras_file import check_network
from classifier.recognition.package import load_either
from classifier.workers.frames import WorkerFrame
from classifier.workers.service import answered, serve

_QUIET_AND_MODEST = {  # read by the libraries when they are imported
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # others may use the GPU too
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
Choose = Callable[[Sequence[ScoredPackage], RuntimeSettings], Runtime]


class ScorerService:
    """Answers the frames of a judge.

    `load` with `packages` (target -> folder and hash), `settings` and `memory_bytes` answers with the backbones in a
    fixed order;
    `embed` with `backbone`, an index into them, and one payload of pixels a picture answers with their embeddings,
    float16 little endian, and the seconds that the device was busy. Failures answer with `error` and `message`.
    """

    def __init__(self, choose: Choose = choose_runtime) -> None:
        self._choose = choose
        self._runtimes: list[Runtime] = []
        self._packages: list[ScoredPackage] = []  # one a backbone: its shapes are what matters

    def answer(self, question: WorkerFrame) -> WorkerFrame:
        """The answer to one frame."""
        return answered(lambda: self._answer(question), DeviceError)

    def _answer(self, question: WorkerFrame) -> WorkerFrame:
        if question.header["op"] == "load":
            return self._load(question.header)
        return self._embed(question)

    def _load(self, header: Mapping[str, Any]) -> WorkerFrame:
        started = time.perf_counter()
        confine(int(header["memory_bytes"]))
        shared: dict[str, list[ScoredPackage]] = {}
        for facts in header["packages"].values():
            package = load_either(Path(facts["folder"]), expected_hash=facts["hash"])
            shared.setdefault(package.backbone_hash, []).append(package)
        settings = RuntimeSettings(**{**header["settings"], "shapes": tuple(header["settings"]["shapes"])})
        for packages in shared.values():
            if settings.check_networks and not packages[0].light_only:
                check_network(packages[0].keras)
            self._runtimes.append(self._choose(packages, settings))
            self._packages.append(packages[0])
        if not self._runtimes:
            raise PackageError("there is no model to score with")
        backbones = [
            {"hash": package.backbone_hash, "largest": runtime.largest, "name": runtime.name, "device": runtime.device}
            for package, runtime in zip(self._packages, self._runtimes, strict=True)
        ]
        return WorkerFrame({"backbones": backbones, "seconds": time.perf_counter() - started})

    def _embed(self, question: WorkerFrame) -> WorkerFrame:
        number = int(question.header["backbone"])
        runtime, package = self._runtimes[number], self._packages[number]
        size = package.preprocessing.size
        batch = np.stack([np.frombuffer(each, np.uint8).reshape(size, size, 3) for each in question.payloads])
        started = time.perf_counter()
        embeddings = runtime.embed(batch)
        busy_s = time.perf_counter() - started
        if embeddings.shape != (len(batch), package.dimension):
            raise DeviceError(f"{runtime.name} gave {embeddings.shape} for {len(batch)} pictures of {package.folder}")
        with np.errstate(over="ignore"):  # infinite ones are refused as bad scores
            stored = np.ascontiguousarray(embeddings.astype(EMBEDDING_DTYPE))
        return WorkerFrame({"busy_s": busy_s, "largest": runtime.largest}, [stored.tobytes()])


def main(choose: Choose = choose_runtime) -> None:
    """Run the worker until standard input ends."""
    for name, value in _QUIET_AND_MODEST.items():
        os.environ.setdefault(name, value)
    serve(ScorerService(choose).answer)


if __name__ == "__main__":
    main()
