"""The other side of the comparison, in a process of its own: a seven-layer network fed one picture at a time.

Filters 3, 64, 128, 256, 512, 1024, 2048, unpadded 3x3 convolutions with ReLU, 2x2 maximum pools, dense 2048 and 1024,
one sigmoid; 512 pixels; 44 million parameters. `predict` is called for every picture after decoding it: the way that
such a network is used by a script over a folder.
"""

from __future__ import annotations

import io
import os
import time
from typing import Any

import numpy as np
from PIL import Image

from classifier.frames import Frame
from classifier.worker_process import serve

SIZE = 512
FILTERS = (3, 64, 128, 256, 512, 1024, 2048)


def build() -> Any:
    """The network, untrained: arithmetic takes the same time whatever the weights."""
    import keras

    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Rescaling(1 / 255)])
    for filters in FILTERS:
        model.add(keras.layers.Conv2D(filters, 3, activation="relu"))
        model.add(keras.layers.MaxPooling2D(2))
    model.add(keras.layers.Flatten())
    for units in (2048, 1024):
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    return model


def score(model: Any, picture: bytes) -> float:
    """One picture, from bytes to probability."""
    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR), dtype=np.float32)
    return float(model.predict(pixels[None], verbose=0)[0, 0])


class Worker:
    """Answers `load` and `score`."""

    def __init__(self) -> None:
        self._model: Any = None

    def answer(self, question: Frame) -> Frame:
        """The answer to one frame; scoring answers with its seconds."""
        if question.header["op"] == "load":
            import keras

            self._model = build()
            score(self._model, bytes(question.payloads[0]))
            return Frame({"parameters": self._model.count_params(), "backend": keras.backend.backend()})
        started = time.perf_counter()
        for picture in question.payloads:
            score(self._model, bytes(picture))
        return Frame({"seconds": time.perf_counter() - started})


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(Worker().answer)
