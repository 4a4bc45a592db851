"""The other side, in a process of its own: every frame decoded and scaled, then `predict` for it alone.

The network is the same one, untrained, in Keras.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
from PIL import Image

from classifier.workers.frames import WorkerFrame
from classifier.workers.service import serve


class Worker:
    """Answers `load`, and `watch` with seconds and processor seconds for the first `frames` frames of `video`."""

    def __init__(self) -> None:
        self._model: Any = None

    def answer(self, question: WorkerFrame) -> WorkerFrame:
        """The answer to one frame."""
        if question.header["op"] == "load":
            from classifier.backbones import small

            self._model = small.build()
            self._predict(Image.new("RGB", (64, 64)))
            return WorkerFrame({"parameters": self._model.count_params()})
        started, used = time.perf_counter(), time.process_time()
        count = self._watch(str(question.header["video"]), int(question.header["frames"]))
        return WorkerFrame(
            {"frames": count, "seconds": time.perf_counter() - started, "cpu_s": time.process_time() - used}
        )

    def _watch(self, video: str, most: int) -> int:
        import av

        with av.open(video) as container:
            for count, frame in enumerate(container.decode(container.streams.video[0]), start=1):
                self._predict(frame.to_image())
                if count == most:
                    return count
        return count

    def _predict(self, picture: Image.Image) -> None:
        side = int(self._model.input_shape[1])
        pixels = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR), dtype=np.float32)
        self._model.predict(pixels[None], verbose=0)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(Worker().answer)
