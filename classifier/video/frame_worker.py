"""`python -m classifier.video.frame_worker`: a process that decodes moving pictures; a bad one harms it alone.

It limits its own memory and its processor time per answer, writes nothing, and answers in pieces: the main process
sets a deadline for each and kills it when that passes.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from classifier.errors import VideoFault, VideoSupportMissing
from classifier.pictures.dhash import dhash
from classifier.pictures.preprocessing import fitted_image
from classifier.video.animation import Animation
from classifier.video.containers import ANIMATIONS, HEAD_BYTES, UGOIRA, kind_of
from classifier.video.frame_choice import chosen
from classifier.video.frame_source import FrameSource, TimedFrame
from classifier.video.records import LEFT, RIGHT, WHOLE, Sampling, Source, VideoLimits, Wanted
from classifier.video.ugoira import Ugoira
from classifier.workers.frames import Payload, WorkerFrame
from classifier.workers.limits import confine_decoder, limit_cpu
from classifier.workers.service import serve
from system.regular_files import UnsafeFile, open_regular, read_regular

_JPEG_QUALITY, _THUMBNAIL_QUALITY = 95, 80
_PIECE_BYTES = 128 * 1024 * 1024  # payloads of one answer


class FrameDecoding:
    """Answers the frames of a `FrameReader`.

    First `open` with `source`, `sampling`, `wanted`, `limits`, `memory_bytes`, `cpu_s`, `threads`; it is answered by
    `info`, or by `fault` and `detail`. Then any number of `next` with `most` chosen frames and `within_s` seconds,
    after which it answers with what it has. Its answer lists `frames`: `time_s`, hashes of `parts`, whether there
    are `pixels` and a `thumbnail`; the payloads are in that order.
    """

    def __init__(
        self, confine: Callable[[int], None] = confine_decoder, limit: Callable[[float], None] = limit_cpu
    ) -> None:
        self._confine, self._limit = confine, limit
        self._source: FrameSource | None = None
        self._frames: Iterator[TimedFrame | float] = iter(())
        self._wanted = Wanted()
        self._cpu_s = 0.0
        self._begun, self._trouble, self._position_s = False, "", 0.0

    def answer(self, question: WorkerFrame) -> WorkerFrame:
        """The answer to one frame."""
        self._limit(self._cpu_s or float(question.header["cpu_s"]))
        try:
            if question.header["op"] == "open":
                return self._open(question.header, bytes(question.payloads[0]) if question.payloads else None)
            return self._next(int(question.header["most"]), float(question.header["within_s"]))
        except VideoFault as fault:
            return WorkerFrame({"fault": fault.reason, "detail": fault.detail})
        except VideoSupportMissing as missing:
            return WorkerFrame({"missing": str(missing)})

    def close(self) -> None:
        """Let the file go."""
        if self._source is not None:
            self._source.close()

    def _open(self, header: Mapping[str, Any], content: bytes | None) -> WorkerFrame:
        self._cpu_s = float(header["cpu_s"])
        self._wanted = Wanted.from_json(header["wanted"])
        sampling, limits = Sampling(**header["sampling"]), VideoLimits(**header["limits"])
        self._confine(int(header["memory_bytes"]))
        self._source = opened(Source(**header["source"]), sampling, limits, int(header["threads"]), content)
        self._frames = chosen(self._source.frames(sampling.from_s), sampling, self._source.info)
        return WorkerFrame({"info": asdict(self._source.info)})

    def _next(self, most: int, within_s: float) -> WorkerFrame:
        started, cpu = time.monotonic(), time.process_time()
        entries: list[dict[str, Any]] = []
        payloads: list[Payload] = []
        decoded, ended = 0, False
        while len(entries) < most and time.monotonic() - started < within_s and _size(payloads) < _PIECE_BYTES:
            frame = self._following()
            if frame is None:
                ended = True
                break
            decoded += 1
            self._position_s = max(self._position_s, frame if isinstance(frame, float) else frame.time_s)
            if not isinstance(frame, float):
                entries.append(self._made(frame, payloads))
        header = {"frames": entries, "position_s": self._position_s, "decoded": decoded, "ended": ended}
        cpu_s = time.process_time() - cpu
        return WorkerFrame(header | {"trouble": self._trouble if ended else "", "cpu_s": cpu_s}, payloads)

    def _following(self) -> TimedFrame | float | None:
        """The next frame, chosen or not; None at the end, which a fault makes too once there was a frame."""
        try:
            frame = next(self._frames, None)
        except (VideoFault, MemoryError) as error:
            fault = error if isinstance(error, VideoFault) else VideoFault("too large", "no memory is left")
            if not self._begun:
                raise fault from None
            self._trouble = str(fault)
            return None
        self._begun = True
        if frame is None and self._source is not None:
            self._trouble = self._source.trouble
        return frame

    def _made(self, frame: TimedFrame, payloads: list[Payload]) -> dict[str, Any]:
        """What is wanted of a frame."""
        image, wanted = frame.image(), self._wanted
        parts = [(part, image if box is None else image.crop(box)) for part, box in _parts(image, wanted)]
        payloads += [_jpeg(picture, _JPEG_QUALITY) for _, picture in parts]
        if wanted.preprocessing is not None:
            payloads.append(fitted_image(image, wanted.preprocessing).reshape(-1).data)
        if wanted.thumbnail:
            image.thumbnail((wanted.thumbnail, wanted.thumbnail), reducing_gap=2.0)
            payloads.append(_jpeg(image, _THUMBNAIL_QUALITY))
        return {
            "time_s": frame.time_s,
            "parts": [[part, dhash(picture)] for part, picture in parts],
            "pixels": wanted.preprocessing is not None,
            "thumbnail": bool(wanted.thumbnail),
        }


def opened(
    source: Source, sampling: Sampling, limits: VideoLimits, threads: int, content: bytes | None = None
) -> FrameSource:
    """The moving picture in a file.

    Args:
        source: where it is, and what is known of it.
        sampling: which frames are wanted.
        limits: what it may cost.
        threads: that may decode.
        content: the file, where it is in memory.

    Raises:
        VideoFault: it is none that can be read.
    """
    file = _file(source, limits) if content is None else BytesIO(content)
    head = file.read(HEAD_BYTES) or b""
    file.seek(0)
    kind = kind_of(head)
    if kind is None:
        file.close()
        raise VideoFault("no video" if head else "empty", f"it begins with {head[:12]!r}" if head else "0 bytes")
    if kind in ANIMATIONS or kind == UGOIRA:
        file.close()
        data = _whole(source, limits) if content is None else content
        if kind == UGOIRA:
            return Ugoira(data, limits, source.delays_ms, untimed=source.untimed)
        return Animation(data, kind, limits)
    from classifier.video.video_file import VideoFile

    return VideoFile(file, kind, limits, sampling, threads)


def _file(source: Source, limits: VideoLimits) -> BinaryIO:
    try:
        return open_regular(Path(source.path), limits.max_bytes)
    except OSError as error:
        raise _unreadable(error) from None


def _whole(source: Source, limits: VideoLimits) -> bytes:
    try:
        return read_regular(Path(source.path), limits.max_animation_bytes).content
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> VideoFault:
    if isinstance(error, UnsafeFile):
        return VideoFault("too large" if "larger" in error.why else "no video", f"it {error.why}")
    return VideoFault("undecodable", f"cannot be read: {error.strerror or error}")


def _parts(image: Image.Image, wanted: Wanted) -> list[tuple[str, tuple[int, int, int, int] | None]]:
    if not wanted.pictures:
        return []
    middle = image.width // 2
    halves = [(LEFT, (0, 0, middle, image.height)), (RIGHT, (image.width - middle, 0, image.width, image.height))]
    return [(WHOLE, None), *(halves if wanted.halves and middle else [])]


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


def _size(payloads: list[Payload]) -> int:
    return sum(map(len, payloads))


def main() -> None:
    """Run the worker until standard input ends."""
    warnings.simplefilter("ignore")  # odd metadata is its maker's business
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    serve(FrameDecoding().answer)


if __name__ == "__main__":
    main()
