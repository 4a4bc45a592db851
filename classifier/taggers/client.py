"""The tagger's process seen from the main process: pixels in, tags with their probabilities out.

Pictures that wait while one batch is computed make the next one. A process that dies is started once more with its
batch; if it dies again or takes too long, everything that waits fails with the reason, and the run stops: a gallery in
which some pictures were tagged and some were not would say nothing about either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from classifier.errors import ModelError, TaggerError
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.taggers.worker import PLACES, VALUES, VECTORS
from classifier.workers.frames import WorkerFrame
from classifier.workers.model_process import ModelProcess, Wording
from classifier.workers.process import WorkerProcess
from storage.records import TAGGER_FLOOR, TaggerTags, TaggerVector
from system.child_process import module_command


@dataclass(frozen=True, slots=True)
class TaggerSettings:
    """Which tagger, and how it runs."""

    folder: Path
    wanted: tuple[str, ...] = ()  # tags whose probability is always wanted: the targets'
    channels: str = "auto"  # auto | rgb | bgr
    device: str = "auto"  # auto | cpu | gpu
    floor: float = TAGGER_FLOOR  # 0..1: less probable tags are left out
    memory_bytes: int = 0  # that the process may take, not counting a GPU's; 0: half of the machine's, 4 GiB at least
    load_deadline_s: float = 300.0
    batch_deadline_s: float = 300.0
    command: tuple[str, ...] = field(default_factory=lambda: module_command("classifier.taggers.worker"))


def _wording(folder: Path) -> Wording:
    return Wording(
        process="the tagger's process",
        loads=str(folder),
        question="the same pictures",
        advice="take a smaller one",
        failed=TaggerError,
        late=TaggerError,
    )


@dataclass(slots=True, eq=False)
class _TagRequest:
    pixels: Pixels
    answer: asyncio.Future[TaggerTags | None]


class TaggerClient:
    """The process and its queue; use as an async context manager."""

    def __init__(self, settings: TaggerSettings) -> None:
        self._settings = settings
        self._process = ModelProcess(WorkerProcess(settings.command), _wording(settings.folder))
        self._requests: asyncio.Queue[_TagRequest] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._failure: ModelError | None = None
        self._names: Sequence[str] = ()
        self._largest = 1
        self.hash = ""  # of network and tags, hex
        self.network = ""  # what keys the vectors of its penultimate layer; "": it gives none
        self.preprocessing = Preprocessing(1)
        self.device = ""
        self.checked = ""  # what was found about the feeding
        self.pictures = 0
        self.busy_s = 0.0

    @property
    def name(self) -> str:
        """What people call it: its folder's name."""
        return self._settings.folder.name

    @property
    def tags(self) -> Sequence[str]:
        """Its words, by place in its answer; "" for a place without one."""
        return self._names

    @property
    def title(self) -> str:
        """Its name and where it computes."""
        return f"{self.name} ({self.device})"

    async def __aenter__(self) -> Self:
        await self._process.open(self._load)
        self._task = asyncio.create_task(self._work(), name="tagger")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._give_up(TaggerError("the tagger was closed"))
        await self._process.kill()

    async def tag(self, pixels: Pixels) -> TaggerTags | None:
        """The tags of one picture that are at least as probable as the floor, and those that are always wanted.

        Args:
            pixels: (size, size, 3), RGB, made ready by `preprocessing`.
        Returns:
            None where the network's answer for it is no numbers.
        Raises:
            ModelError: the tagger failed for good.
        """
        if self._failure is not None:
            raise self._failure
        request = _TagRequest(pixels, asyncio.get_running_loop().create_future())
        self._requests.put_nowait(request)
        return await request.answer

    async def _load(self) -> None:
        settings = self._settings
        header = {
            "op": "load",
            "folder": str(settings.folder),
            "channels": settings.channels,
            "device": settings.device,
            "memory_bytes": settings.memory_bytes,
            "floor": settings.floor,
            "wanted": list(settings.wanted),
        }
        await self._process.start()
        reply = await self._process.ask(WorkerFrame(header), settings.load_deadline_s, "loading the tagger")
        self._names = json.loads(bytes(reply.payloads[0]))
        self._largest = int(reply.header["largest"])
        self.hash, self.device = str(reply.header["hash"]), str(reply.header["device"])
        self.network = str(reply.header["network"])
        self.checked = str(reply.header["checked"])
        self.preprocessing = Preprocessing.from_json(reply.header["preprocessing"])

    async def _work(self) -> None:
        """Batch after batch; whatever goes wrong here fails every picture that waits."""
        batch: list[_TagRequest] = []
        try:
            while True:
                batch = [await self._requests.get()]
                while len(batch) < self._largest and not self._requests.empty():
                    batch.append(self._requests.get_nowait())
                await self._tag([request for request in batch if not request.answer.done()])
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a bug here must fail every waiting look, not hang it
            known = error if isinstance(error, ModelError) else TaggerError(f"{type(error).__name__}: {error}")
            self._give_up(known, batch)

    async def _tag(self, batch: Sequence[_TagRequest]) -> None:
        if not batch:
            return
        question = WorkerFrame({"op": "tag"}, [request.pixels.reshape(-1).data for request in batch])
        what = ("tagging a picture", "tagging a picture, after a restart,")
        reply = await self._process.ask_twice(question, self._settings.batch_deadline_s, what, self._load)
        self.pictures += len(batch)
        self.busy_s += float(reply.header["busy_s"])
        places = np.frombuffer(reply.payloads[0], PLACES)
        values = np.frombuffer(reply.payloads[1], VALUES)
        vectors = np.frombuffer(reply.payloads[2], VECTORS).reshape(len(batch), -1)
        at = 0
        for request, count, vector in zip(batch, reply.header["counts"], vectors, strict=True):
            tags = None
            if count >= 0:
                named = self._named(places[at : at + count].tolist(), values[at : at + count].tolist())
                tags = TaggerTags(self.hash, self.name, named, self._vector(vector))
            at += max(0, count)
            if not request.answer.done():
                request.answer.set_result(tags)

    def _vector(self, numbers: npt.NDArray[np.float16]) -> TaggerVector | None:
        if not self.network or not numbers.size or not np.isfinite(numbers).all():
            return None
        return TaggerVector(self.network, numbers.tobytes())

    def _named(self, places: Sequence[int], values: Sequence[float]) -> dict[str, float]:
        """Tags by name; a name that the list has twice gets its highest value."""
        tags: dict[str, float] = {}
        for place, value in zip(places, values, strict=True):
            name = self._names[place]
            tags[name] = max(value, tags.get(name, 0.0))
        return tags

    def _give_up(self, error: ModelError, batch: Sequence[_TagRequest] = ()) -> None:
        self._failure = self._failure or error
        waiting = [*batch]
        while not self._requests.empty():
            waiting.append(self._requests.get_nowait())
        for request in waiting:
            if not request.answer.done():
                request.answer.set_exception(error)
