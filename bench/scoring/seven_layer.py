"""The other side of the comparison, in a process of its own: the seven-layer network fed one picture at a time.

`predict` is called for every picture after decoding it: the way that such a network is used by a script over a folder.
"""

from __future__ import annotations

import os
import time
from typing import Any

from bench.quality.seven_layers import build, pixels
from classifier.workers.frames import WorkerFrame
from classifier.workers.service import serve


def score(model: Any, picture: bytes) -> float:
    """One picture, from bytes to probability."""
    return float(model.predict(pixels(picture)[None], verbose=0)[0, 0])


class Worker:
    """Answers `load` and `score`."""

    def __init__(self) -> None:
        self._model: Any = None

    def answer(self, question: WorkerFrame) -> WorkerFrame:
        """The answer to one frame; scoring answers with its seconds."""
        if question.header["op"] == "load":
            import keras

            self._model = build()  # untrained: arithmetic takes the same time whatever the weights
            score(self._model, bytes(question.payloads[0]))
            return WorkerFrame({"parameters": self._model.count_params(), "backend": keras.backend.backend()})
        started, used = time.perf_counter(), time.process_time()
        for picture in question.payloads:
            score(self._model, bytes(picture))
        return WorkerFrame({"seconds": time.perf_counter() - started, "cpu_s": time.process_time() - used})


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(Worker().answer)
