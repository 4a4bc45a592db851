"""The decoder process of one moving picture, seen from the main process: pieces of frames, one read ahead."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import TracebackType
from typing import Any, Self

from classifier.errors import VideoFault, VideoSupportMissing, WorkerLostError
from classifier.video.records import ChosenFrame, FramePart, Piece, Sampling, Source, VideoInfo, VideoLimits, Wanted
from classifier.workers.frames import Payload, WorkerFrame
from classifier.workers.process import WorkerProcess
from system.child_process import module_command


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How much decoding may cost."""

    deadline_s: float = 60.0  # for one piece, waiting for the processor included
    cpu_s: float = 60.0  # processor time for one piece
    piece_s: float = 1.0  # after which a piece is answered with what there is
    piece_frames: int = 16  # chosen frames of a piece at most
    memory_bytes: int = 2 * 1024**3  # address space of the process; what it really uses is far less
    threads: int = 2  # that decode
    limits: VideoLimits = field(default_factory=VideoLimits)
    command: tuple[str, ...] = field(default_factory=lambda: module_command("classifier.video.frame_worker"))


class FrameReader:
    """One moving picture, decoded in a process of its own; use as an async context manager."""

    def __init__(
        self,
        source: Source,
        sampling: Sampling,
        wanted: Wanted,
        settings: ReaderSettings | None = None,
        *,
        content: bytes = b"",
    ) -> None:
        """Nothing is started before the context is entered; `content` is the file where the source has no path."""
        self._content = content
        self._asked = {"source": asdict(source), "sampling": asdict(sampling), "wanted": wanted.to_json()}
        self._settings = settings or ReaderSettings()
        self._worker = WorkerProcess(self._settings.command, {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"})
        self.info = VideoInfo("", 0, 0, 0.0, 0.0)
        self.cpu_s = 0.0  # processor seconds of the process so far

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            VideoFault: it cannot be read.
        """
        settings = self._settings
        limits = {"limits": asdict(settings.limits), "memory_bytes": settings.memory_bytes}
        header = {"op": "open", "cpu_s": settings.cpu_s, "threads": settings.threads, **limits, **self._asked}
        try:
            await self._worker.start()
            reply = await self._ask(WorkerFrame(header, [self._content] if self._content else []))
            self.info = VideoInfo(**reply.header["info"])
        except BaseException:
            await self._worker.kill()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._worker.kill()

    async def pieces(self) -> AsyncGenerator[Piece, None]:
        """The chosen frames, piece by piece; while one is looked at the next is being decoded. The last has `ended`.

        Raises:
            VideoFault: it holds no frame that can be decoded, or the process dies or hangs over it.
        """
        settings = self._settings
        question = WorkerFrame({"op": "next", "most": settings.piece_frames, "within_s": settings.piece_s})
        following = asyncio.create_task(self._ask(question))
        try:
            while True:
                reply = await following
                piece = _piece(reply)
                self.cpu_s += piece.cpu_s
                if not piece.ended:
                    following = asyncio.create_task(self._ask(question))
                yield piece
                if piece.ended:
                    return
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError, VideoFault, WorkerLostError):
                await following

    async def _ask(self, question: WorkerFrame) -> WorkerFrame:
        try:
            reply = await self._worker.ask(question, self._settings.deadline_s)
        except WorkerLostError as error:
            raise VideoFault("decoder crashed", str(error)) from None
        except TimeoutError:
            late = f"no answer within {self._settings.deadline_s:g} s"
            raise VideoFault("decoder crashed", late) from None
        if reply.header.get("missing"):
            raise VideoSupportMissing(str(reply.header["missing"]))
        if "fault" in reply.header:
            raise VideoFault(str(reply.header["fault"]), str(reply.header["detail"]))
        return reply


def _piece(reply: WorkerFrame) -> Piece:
    header, payloads = reply.header, iter(reply.payloads)
    return Piece(
        frames=[_frame(entry, payloads) for entry in header["frames"]],
        position_s=float(header["position_s"]),
        decoded=int(header["decoded"]),
        ended=bool(header["ended"]),
        trouble=str(header["trouble"]),
        cpu_s=float(header["cpu_s"]),
    )


def _frame(entry: Mapping[str, Any], payloads: Iterator[Payload]) -> ChosenFrame:
    return ChosenFrame(
        time_s=float(entry["time_s"]),
        parts=[FramePart(str(part), bytes(next(payloads)), int(hash_)) for part, hash_ in entry["parts"]],
        pixels=bytes(next(payloads)) if entry["pixels"] else b"",
        thumbnail=bytes(next(payloads)) if entry["thumbnail"] else b"",
    )
