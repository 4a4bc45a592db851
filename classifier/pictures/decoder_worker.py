"""`python -m classifier.pictures.decoder_worker`: a process that decodes pictures, so that a bad one can only harm this
process.

It limits its own memory, its CPU time per picture and what it may write, where the system knows such limits; the
main process adds a deadline and kills it when that passes. Starts in a fraction of a second: Pillow and NumPy only.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PIL import Image

from classifier.errors import PictureFault
from classifier.pictures.preprocessing import (
    PictureLimits,
    Pixels,
    PreparedPicture,
    Preprocessing,
    prepare,
    prepare_windows,
)
from classifier.pictures.windows import too_small, windows_of
from classifier.workers.frames import Payload, WorkerFrame
from classifier.workers.limits import confine_decoder, limit_cpu
from classifier.workers.service import serve

Prepare = Callable[[bytes, Preprocessing, PictureLimits], PreparedPicture]


class Decoding:
    """Answers the frames of a decoder pool.

    First `setup` with `preprocessings`, `limits`, `memory_bytes`, `cpu_s` and `windows`, for which preprocessings
    these are wanted; then any number of `prepare`, whose payloads are encoded pictures. The answer lists one entry a
    picture, with either `fault` and `detail` or width, height, format, hash, the number of windows for each
    preprocessing and whether these are too small; its payloads are the pixels for each picture without fault and each
    preprocessing: the whole picture's, then its windows'.
    """

    def __init__(self, prepare_picture: Prepare = prepare) -> None:
        self._prepare = prepare_picture
        self._preprocessings: Sequence[Preprocessing] = ()
        self._limits = PictureLimits()
        self._cpu_s = 0.0
        self._windows: Sequence[bool] = ()

    def answer(self, question: WorkerFrame) -> WorkerFrame:
        """The answer to one frame."""
        if question.header["op"] == "setup":
            return self._set_up(question.header)
        entries: list[dict[str, Any]] = []
        payloads: list[Payload] = []
        started = time.process_time()
        for picture in question.payloads:
            limit_cpu(self._cpu_s)
            entries.append(self._look(bytes(picture), payloads))
        return WorkerFrame({"pictures": entries, "cpu_s": time.process_time() - started}, payloads)

    def _set_up(self, header: Mapping[str, Any]) -> WorkerFrame:
        self._preprocessings = [Preprocessing.from_json(values) for values in header["preprocessings"]]
        self._limits = PictureLimits(**header["limits"])
        self._cpu_s = float(header["cpu_s"])
        self._windows = [bool(wanted) for wanted in header["windows"]]
        confine_decoder(int(header["memory_bytes"]))
        return WorkerFrame({"ready": True})

    def _look(self, picture: bytes, payloads: list[Payload]) -> dict[str, Any]:
        entry: dict[str, Any] = {}
        pixels: list[Payload] = []
        try:
            for preprocessing, closer in zip(self._preprocessings, self._windows, strict=True):
                prepared = self._prepare(picture, preprocessing, self._limits)
                parts, small = self._look_closer(picture, prepared, preprocessing) if closer else ((), False)
                pixels += [part.reshape(-1).data for part in (prepared.pixels, *parts)]
                entry = {
                    "width": prepared.width,
                    "height": prepared.height,
                    "format": prepared.format,
                    "hash": prepared.hash,
                    "windows": [*entry.get("windows", ()), len(parts)],
                    "too_small": small or entry.get("too_small", False),
                }
        except PictureFault as fault:
            return {"fault": fault.reason, "detail": fault.detail}
        payloads.extend(pixels)
        return entry

    def _look_closer(
        self, picture: bytes, whole: PreparedPicture, preprocessing: Preprocessing
    ) -> tuple[Sequence[Pixels], bool]:
        """The picture's windows, and whether they show too little or cannot be had at their scale."""
        windows = windows_of(whole.width, whole.height)
        if not windows:
            return (), False
        try:
            parts = prepare_windows(picture, preprocessing, windows, self._limits)
        except PictureFault:
            return (), True
        return parts, too_small(whole.width, whole.height, preprocessing.size)


def main(prepare_picture: Prepare = prepare) -> None:
    """Run the worker until standard input ends."""
    warnings.simplefilter("ignore")  # odd metadata is the site's business
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    serve(Decoding(prepare_picture).answer)


if __name__ == "__main__":
    main()
