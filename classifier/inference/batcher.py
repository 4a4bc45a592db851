"""The scorer process seen from the main process: pixels are gathered into batches, embeddings come back.

While one batch is computed the next one gathers by itself, so batches are as large as the device is slow; where
several wait, they travel together, for the device idles on every trip. A lone picture waits a few milliseconds for
others of its batch and no longer. A scorer that dies is started once more with its
batch; if it dies again, or takes longer than allowed, everything fails with the reason: the run must stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from classifier.errors import DeadlineError, DeviceError, ModelError
from classifier.inference.runtime import RuntimeSettings
from classifier.pictures.preprocessing import Pixels
from classifier.workers.frames import Payload, WorkerFrame
from classifier.workers.model_process import ModelProcess, Wording
from classifier.workers.standby import SCORER, Standby, taken

_BATCHES_A_TRIP = 4  # at most, where they wait already; the runtime takes them one after the other
_PICTURES_A_TRIP = 32  # or so many, where batches are small


@dataclass(frozen=True, slots=True)
class ScorerSettings:
    """How the scorer runs."""

    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)
    batch_size: int = 0  # pictures; 0: the largest shape of the runtime, several of them where many pictures wait
    gather_s: float = 0.003  # how long a batch that is not full waits for more
    load_deadline_s: float = 180.0
    batch_deadline_s: float = 120.0
    memory_bytes: int = 0  # that the process may take, not counting a GPU's; 0: half of the machine's, 4 GiB at least
    command: tuple[str, ...] = SCORER


_WORDING = Wording(
    process="the scorer process",
    loads="the model",
    question="the same batch",
    advice="the device hangs or is too slow",
    failed=DeviceError,
    late=DeadlineError,
)


@dataclass(frozen=True, slots=True)
class PackagePin:
    """A package folder, and the hash that it must have."""

    folder: Path
    hash: str


@dataclass(slots=True)
class ScorerCounts:
    """What the device has done."""

    pictures: int = 0
    batches: int = 0
    busy_s: float = 0.0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class LoadedBackbone:
    """What the scorer says about one backbone."""

    hash: str
    runtime: str
    device: str


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    pixels: Pixels
    answer: asyncio.Future[bytes]


class Scorer:
    """The scorer process and its queues; use as an async context manager."""

    def __init__(
        self,
        packages: Mapping[str, PackagePin],
        settings: ScorerSettings | None = None,
        *,
        standby: Standby | None = None,
    ) -> None:
        """Name the packages; nothing is loaded before the context is entered.

        Args:
            packages: by target.
            settings: how to run.
            standby: where a process may wait already.
        """
        self._packages = dict(packages)
        self._settings = settings or ScorerSettings()
        self._process = ModelProcess(taken(standby, self._settings.command), _WORDING)
        self._waiting: list[list[_Request]] = []  # by backbone
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failure: ModelError | None = None
        self._batch_size = self._most_a_trip = 1
        self.counts = ScorerCounts()
        self.backbones: tuple[LoadedBackbone, ...] = ()

    async def __aenter__(self) -> Self:
        await self._process.open(self._load)
        self._waiting = [[] for _ in self.backbones]
        self._task = asyncio.create_task(self._work(), name="scorer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._give_up(DeviceError("the judge was closed"))
        await self._process.kill()

    async def embed(self, backbone: int, pixels: Pixels) -> bytes:
        """The embedding (float16, little endian) of one picture.

        Args:
            backbone: index into `backbones`.
            pixels: (size, size, 3), RGB.
        Raises:
            ModelError: the model or its device failed for good.
        """
        if self._failure is not None:
            raise self._failure
        request = _Request(pixels, asyncio.get_running_loop().create_future())
        self._waiting[backbone].append(request)
        self._arrived.set()
        return await request.answer

    async def _load(self) -> None:
        settings = self._settings
        packages = {name: {"folder": str(pin.folder), "hash": pin.hash} for name, pin in self._packages.items()}
        question = WorkerFrame(
            {
                "op": "load",
                "packages": packages,
                "settings": asdict(settings.runtime),
                "memory_bytes": settings.memory_bytes,
            }
        )
        await self._process.start()
        reply = await self._process.ask(question, settings.load_deadline_s, "loading the model")
        entries = reply.header["backbones"]
        self.backbones = tuple(LoadedBackbone(each["hash"], each["name"], each["device"]) for each in entries)
        self._batch_size = settings.batch_size or max(int(each["largest"]) for each in entries)
        self._most_a_trip = settings.batch_size or max(self._batch_size * _BATCHES_A_TRIP, _PICTURES_A_TRIP)

    async def _work(self) -> None:
        """Batch after batch; nothing but an error that ends the run ever leaves here."""
        try:
            while True:
                await self._gather()
                for backbone, requests in enumerate(self._waiting):
                    batch = [request for request in requests[: self._most_a_trip] if not request.answer.done()]
                    del requests[: self._most_a_trip]
                    if batch:
                        await self._embed(backbone, batch)
        except asyncio.CancelledError:
            raise
        except ModelError as error:
            self._give_up(error)
        except Exception as error:  # noqa: BLE001 - a bug here must fail every waiting look, not hang it
            self._give_up(ModelError(f"scoring failed: {type(error).__name__}: {error}"))

    async def _gather(self) -> None:
        """Wait for a picture, then shortly for a full batch."""
        while not any(self._waiting):
            self._arrived.clear()
            await self._arrived.wait()
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.gather_s
        while max(map(len, self._waiting)) < self._batch_size and (left := until - loop.time()) > 0:
            self._arrived.clear()
            try:
                async with asyncio.timeout(left):
                    await self._arrived.wait()
            except TimeoutError:
                return

    async def _embed(self, backbone: int, batch: Sequence[_Request]) -> None:
        pixels: list[Payload] = [request.pixels.reshape(-1).data for request in batch]
        question = WorkerFrame({"op": "embed", "backbone": backbone}, pixels)
        try:
            what = (f"a batch of {len(batch)} pictures", "a batch, after a restart,")
            reply = await self._process.ask_twice(question, self._settings.batch_deadline_s, what, self._load_again)
        except BaseException as error:
            for request in batch:
                _answer(request, error if isinstance(error, ModelError) else DeviceError("the judge was closed"))
            raise
        self.counts.pictures += len(batch)
        self.counts.batches += 1
        self.counts.busy_s += float(reply.header["busy_s"])
        joined = bytes(reply.payloads[0])
        step = len(joined) // len(batch)
        for number, request in enumerate(batch):
            _answer(request, joined[number * step : (number + 1) * step])

    async def _load_again(self) -> None:
        self.counts.restarts += 1
        await self._load()

    def _give_up(self, error: ModelError) -> None:
        self._failure = self._failure or error
        for requests in self._waiting:
            for request in requests:
                _answer(request, error)
            requests.clear()


def _answer(request: _Request, answer: bytes | ModelError) -> None:
    if request.answer.done():
        return  # whoever asked has gone
    if isinstance(answer, ModelError):
        request.answer.set_exception(answer)
    else:
        request.answer.set_result(answer)
