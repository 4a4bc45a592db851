"""`python -m classifier.taggers.worker`: the process that holds a tagger's network.

A process of its own: a network that somebody else made may crash or take any memory, and its threads must not wait for
the scorer's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.errors import TaggerError
from classifier.inference.memory_limit import confine
from classifier.taggers.colour_check import check_feeding
from classifier.taggers.forms import read_form, with_channels
from classifier.taggers.onnx_tagger import OnnxTagger, hash_of, network_of
from classifier.workers.frames import WorkerFrame
from classifier.workers.service import answered, serve

PLACES, VALUES = np.dtype("<i4"), np.dtype("<f4")  # of the tags in the list, and their probabilities
VECTORS = np.dtype("<f2")  # of the penultimate layer, as they are stored


class Tagging:
    """Answers the frames of a `TaggerClient`.

    `load` with `folder`, `channels`, `device`, `memory_bytes`, `floor` and `wanted` (tags that are always reported)
    answers with `hash`, `network` (what keys the vectors of its penultimate layer; empty: it gives none),
    `preprocessing`, `largest`, `device`, `checked` and, as payload, the tags as JSON. `tag` with one payload of pixels
    a picture answers with `counts`, the seconds that it was `busy_s`, and three payloads: places in the list and
    probabilities, picture after picture (a count of -1 is a picture without numbers), and the vectors of all pictures
    (one that is not finite is none). Failures answer with `error` and `message`.
    """

    def __init__(self) -> None:
        self._tagger: OnnxTagger | None = None
        self._floor = 0.0
        self._always: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._named: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)

    def answer(self, question: WorkerFrame) -> WorkerFrame:
        """The answer to one frame."""
        return answered(lambda: self._answer(question), TaggerError)

    def _answer(self, question: WorkerFrame) -> WorkerFrame:
        if question.header["op"] == "load":
            return self._load(question.header)
        return self._tag(question.payloads)

    def _load(self, header: Mapping[str, Any]) -> WorkerFrame:
        confine(int(header["memory_bytes"]))
        form = with_channels(read_form(Path(header["folder"])), header["channels"])
        tagger = OnnxTagger(form, device=header["device"])
        checked = check_feeding(tagger, choosable=header["channels"] == "auto")
        wanted = set(header["wanted"])
        self._tagger, self._floor = tagger, float(header["floor"])
        self._named = np.array([bool(tag) for tag in form.tags])
        self._always = np.array([tag in wanted for tag in form.tags]) & self._named
        hash_ = hash_of(form)
        facts = {
            "hash": hash_,
            "network": network_of(hash_, tagger.layer),
            "preprocessing": tagger.preprocessing.to_json(),
            "largest": tagger.largest,
            "device": tagger.device,
            "checked": checked,
        }
        return WorkerFrame(facts, [json.dumps(form.tags).encode()])

    def _tag(self, pictures: Sequence[bytes | memoryview]) -> WorkerFrame:
        if self._tagger is None:
            raise TaggerError("the tagger was not loaded")
        size = self._tagger.preprocessing.size
        batch = np.stack([np.frombuffer(each, np.uint8).reshape(size, size, 3) for each in pictures])
        started = time.perf_counter()
        said = self._tagger.answers(batch)
        busy_s, answers = time.perf_counter() - started, said.probabilities
        chosen = [self._chosen(row) for row in answers]
        counts = [-1 if places is None else len(places) for places in chosen]
        places = [np.zeros(0, PLACES) if found is None else found for found in chosen]
        values = [row[found].astype(VALUES) for row, found in zip(answers, places, strict=True)]
        payloads = [np.concatenate(places).astype(PLACES).tobytes(), np.concatenate(values).tobytes()]
        payloads.append(b"" if said.vectors is None else said.vectors.astype(VECTORS).tobytes())
        return WorkerFrame({"counts": counts, "busy_s": busy_s}, payloads)

    def _chosen(self, row: npt.NDArray[np.float32]) -> npt.NDArray[np.int64] | None:
        """Places in the list that are worth telling; None where the answer is no numbers."""
        if not np.isfinite(row).all():
            return None
        return np.flatnonzero(((row >= self._floor) & self._named) | self._always)


def main() -> None:
    """Run the worker until standard input ends."""
    serve(Tagging().answer)


if __name__ == "__main__":
    main()
