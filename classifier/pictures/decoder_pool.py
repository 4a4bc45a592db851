"""Pictures decoded in a few processes of their own: bounded, each picture with a deadline, killed and replaced.

A process that dies or hangs costs the pictures that it held one retry, each alone this time; a picture that does it
again is the culprit and gets the fault `decoder crashed`, all others are answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

from classifier.errors import DeviceError, PictureFault, WorkerLostError
from classifier.pictures.preprocessing import PictureLimits, Pixels, Preprocessing
from classifier.workers.frames import Payload, WorkerFrame
from classifier.workers.process import WorkerProcess
from classifier.workers.standby import DECODER, ONE_THREAD, Standby, taken, usual_decoders

_CHUNK_BYTES = 512 * 1024  # encoded bytes that travel in one frame: small pictures share the cost of the trip
_CHUNK_PICTURES = 8
_FAILED_STARTS = 3  # in a row; then something is wrong with the installation, not with a picture


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """How much decoding may cost."""

    processes: int = field(default_factory=usual_decoders)
    deadline_s: float = 20.0  # for one picture, waiting for the processor included
    cpu_s: float = 15.0  # processor time for one picture
    start_deadline_s: float = 30.0
    memory_bytes: int = 1024 * 1024 * 1024  # address space of one process; what it really uses is far less
    limits: PictureLimits = field(default_factory=PictureLimits)
    command: tuple[str, ...] = DECODER


@dataclass(frozen=True, slots=True)
class DecodedPicture:
    """A picture as every network in use wants it."""

    pixels: tuple[Pixels, ...]  # one for each preprocessing: (size, size, 3), RGB
    width: int
    height: int
    format: str
    hash: int  # by `classifier.pictures.dhash`, 0..2**64-1
    windows: tuple[tuple[Pixels, ...], ...] = ()  # for each preprocessing; empty for a picture of ordinary shape
    too_small: bool = False  # it is of extreme shape, and no window shows enough to rule anybody out


@dataclass(slots=True, eq=False)
class _Job:
    picture: bytes
    answer: asyncio.Future[DecodedPicture]
    tries: int = 0


class Decoders:
    """A pool of decoder processes; use as an async context manager."""

    def __init__(
        self,
        preprocessings: Sequence[Preprocessing],
        settings: DecoderSettings | None = None,
        *,
        windows: Sequence[Preprocessing] = (),
        standby: Standby | None = None,
    ) -> None:
        """Say what is wanted; nothing is started before the context is entered.

        Args:
            preprocessings: of every network in use, once each.
            settings: how much decoding may cost.
            windows: those for which pictures of extreme shape are wanted in windows too, by
                `classifier.pictures.windows`.
            standby: where processes may wait already.
        """
        if not preprocessings:
            raise ValueError("decoders need at least one preprocessing")
        self._preprocessings = tuple(preprocessings)
        self._settings = settings or DecoderSettings()
        self._standby = standby
        self._windows = [preprocessing in windows for preprocessing in self._preprocessings]
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._failed_starts = 0
        self.crashes = 0
        self.busy_s = 0.0  # processor seconds of all processes together
        self.busy = 0  # processes that hold pictures at present

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._work(), name=f"decoder {number}") for number in range(self._settings.processes)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while not self._jobs.empty():
            _fail(self._jobs.get_nowait(), DeviceError("the decoders were closed"))

    async def decode(self, picture: bytes) -> DecodedPicture:
        """Decode one picture. The caller bounds how many it asks for at a time.

        Raises:
            PictureFault: it cannot be decoded within the limits.
            DeviceError: no decoder process can be started.
        """
        if len(picture) > self._settings.limits.max_bytes:
            raise PictureFault("too large", f"{len(picture)} bytes, the limit is {self._settings.limits.max_bytes}")
        job = _Job(picture, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        return await job.answer

    async def _work(self) -> None:
        """One process's life, and its successors'."""
        worker = taken(self._standby, self._settings.command, ONE_THREAD)
        jobs: list[_Job] = []
        try:
            await self._start(worker, jobs)
            while True:
                jobs = await self._take()
                if not worker.running:
                    await self._start(worker, jobs)
                if worker.running:
                    self.busy += 1
                    try:
                        await self._decode(worker, jobs)
                    finally:
                        self.busy -= 1
                jobs = []
        finally:
            for job in jobs:
                _fail(job, DeviceError("the decoders were closed"))
            await worker.kill()

    async def _start(self, worker: WorkerProcess, jobs: Sequence[_Job]) -> None:
        """Start a process; when that fails again and again, its jobs get the error."""
        settings = self._settings
        setup = WorkerFrame(
            {
                "op": "setup",
                "preprocessings": [preprocessing.to_json() for preprocessing in self._preprocessings],
                "limits": asdict(settings.limits),
                "memory_bytes": settings.memory_bytes,
                "cpu_s": settings.cpu_s,
                "windows": self._windows,
            }
        )
        while True:
            try:
                await worker.start()
                await worker.ask(setup, settings.start_deadline_s)
            except (WorkerLostError, TimeoutError) as error:
                await worker.kill()
                self._failed_starts += 1
                if self._failed_starts < _FAILED_STARTS:
                    continue
                for job in jobs:
                    _fail(job, DeviceError(f"no decoder process can be started: {error or 'it does not answer'}"))
                return
            self._failed_starts = 0
            return

    async def _take(self) -> list[_Job]:
        """The next jobs: as many small ones as travel well together."""
        while True:
            jobs = [await self._jobs.get()]
            size = len(jobs[0].picture)
            share = self._jobs.qsize() // self._settings.processes  # leave the other processes theirs
            while len(jobs) < min(_CHUNK_PICTURES, share + 1) and size < _CHUNK_BYTES and not self._jobs.empty():
                jobs.append(self._jobs.get_nowait())
                size += len(jobs[-1].picture)
            wanted = [job for job in jobs if not job.answer.done()]  # a caller may have gone meanwhile
            if wanted:
                return wanted

    async def _decode(self, worker: WorkerProcess, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            job.tries += 1
        question = WorkerFrame({"op": "prepare"}, [job.picture for job in jobs])
        try:
            reply = await worker.ask(question, self._settings.deadline_s)
            answers = self._answers(reply, len(jobs))
        except (WorkerLostError, TimeoutError, LookupError, ValueError, TypeError):
            await worker.kill()
            self.crashes += 1
            for job in jobs:
                await self._retry(worker, job)
            return
        self.busy_s += float(reply.header.get("cpu_s", 0.0))
        for job, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, PictureFault):
                _fail(job, answer)
            elif not job.answer.done():
                job.answer.set_result(answer)

    async def _retry(self, worker: WorkerProcess, job: _Job) -> None:
        if job.tries >= 2:
            _fail(job, PictureFault("decoder crashed", "two processes died or hung over it"))
            return
        if not worker.running:
            await self._start(worker, [job])
        if worker.running:
            await self._decode(worker, [job])

    def _answers(self, reply: WorkerFrame, count: int) -> list[DecodedPicture | PictureFault]:
        entries = reply.header["pictures"]
        if len(entries) != count:
            raise WorkerLostError(f"the decoder answered {len(entries)} of {count} pictures")
        payloads = iter(reply.payloads)
        return [
            PictureFault(entry["fault"], entry["detail"]) if "fault" in entry else self._picture(entry, payloads)
            for entry in entries
        ]

    def _picture(self, entry: Mapping[str, Any], payloads: Iterator[Payload]) -> DecodedPicture:
        """The next picture of an answer: for each preprocessing the whole, then its windows."""
        views: list[list[Pixels]] = [
            [
                np.frombuffer(next(payloads), dtype=np.uint8).reshape(preprocessing.size, preprocessing.size, 3)
                for _ in range(1 + int(windows))
            ]
            for preprocessing, windows in zip(self._preprocessings, entry["windows"], strict=True)
        ]
        return DecodedPicture(
            tuple(whole for whole, *_ in views),
            int(entry["width"]),
            int(entry["height"]),
            str(entry["format"]),
            int(entry["hash"]),
            tuple(tuple(windows) for _, *windows in views),
            bool(entry["too_small"]),
        )


def _fail(job: _Job, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)
