"""Videos by PyAV: frames with the times that the file states, upright, in their own colours and proportions.

What its defaults get wrong, and is set here:

- untagged video of HD size is by convention BT.709; the converter takes all that is untagged for BT.601, which turns
  a red of 254 into one of 230;
- VP9's own decoder leaves out the alpha plane and shows the colours that lie hidden below it; libvpx reads it;
- sizes are in samples, which need not be square, and phones write turned pictures: shape and rotation are applied.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from classifier.errors import VideoFault, VideoSupportMissing
from classifier.pictures.white_ground import WHITE
from classifier.video.frame_choice import interval_s
from classifier.video.frame_source import GLANCE, Glance
from classifier.video.records import Sampling, VideoInfo, VideoLimits

if TYPE_CHECKING:
    import av
    from av.video.frame import VideoFrame

NEEDS = "videos need the package av; install the extra: pip install 'boorusieve[video]'"
_UNTAGGED = 2  # colour space "unspecified"
_BT709, _BT601 = 1, 5
_HD = (1280, 576)  # from that width, or above that height, untagged video is BT.709
_EARLIER_S = 2.0  # before a wanted moment, where decoding begins again: a scene's frame lies after its cut
_ERRORS_IN_A_ROW = 50  # packets that cannot be decoded; then nothing more is expected
_MISSING_S, _MISSING_SHARE = 1.0, 0.02  # that a whole file's last frame may end before the stated end
_SKIPPED = 3  # frames a chosen one from which on those that no other frame needs are not decoded
_LONG_S = 20.0  # from then on frames from all over a video are some of those that stand by themselves
_UPRIGHT = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a stream's samples become a picture."""

    aspect: float = 1.0  # width of a sample by its height
    alpha: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """A frame of a video; see `TimedFrame`."""

    frame: VideoFrame
    time_s: float
    shape: _Shape

    def image(self) -> Image.Image:
        """See `TimedFrame`."""
        width = max(1, round(self.frame.width * self.shape.aspect)) if self.shape.aspect != 1.0 else None
        pixels = self._converted("rgba" if self.shape.alpha else "rgb24", width)
        picture = Image.fromarray(pixels)
        if self.shape.alpha:
            ground = Image.new("RGB", picture.size, WHITE)
            ground.paste(picture, mask=picture.getchannel("A"))
            picture = ground
        turn = _UPRIGHT.get(round(self.frame.rotation) % 360)
        return picture if turn is None else picture.transpose(turn)

    def glance(self) -> Glance:
        """See `TimedFrame`."""
        small = self.frame.reformat(*GLANCE, format="rgb24", src_colorspace=_colours(self.frame))
        return small.to_ndarray().astype(np.int16)

    def _converted(self, form: str, width: int | None) -> Any:
        frame = self.frame.reformat(width=width, format=form, src_colorspace=_colours(self.frame))
        return frame.to_ndarray()


def _colours(frame: VideoFrame) -> int | None:
    """The colour space to read a frame in; None: what it says itself."""
    if int(frame.colorspace) != _UNTAGGED:
        return None
    return _BT709 if frame.width >= _HD[0] or frame.height > _HD[1] else _BT601


class VideoFile:
    """A video that is open; see `FrameSource`."""

    def __init__(self, file: BinaryIO, kind: str, limits: VideoLimits, sampling: Sampling, threads: int) -> None:
        """Open it and read what it says of itself.

        Args:
            file: open for reading; it is closed with the video.
            kind: the demuxer that it is read by, and no other.
            limits: what it may cost.
            sampling: which frames are wanted; where these are many frames apart, some in between are not decoded.
            threads: that may decode.

        Raises:
            VideoFault: it is cut, has no video track, or its frames are too large.
            VideoSupportMissing: PyAV is not installed.
        """
        try:
            import av
        except ImportError:
            raise VideoSupportMissing(NEEDS) from None
        av.logging.set_level(av.logging.PANIC)
        self._limits, self._file, self.trouble = limits, file, ""
        try:
            self._container = av.open(file, "r", format=kind, options={"max_streams": "100"})
        except (av.FFmpegError, ValueError, OSError) as error:
            raise VideoFault("undecodable", _words(error)) from None
        self._errors: tuple[type[Exception], ...] = (av.FFmpegError, ValueError)
        if not self._container.streams.video:
            others = len(self._container.streams)
            self.close()
            raise VideoFault("no video track", f"other tracks: {others}")
        self._stream = self._container.streams.video[0]
        self._decoder, self._shape = self._chosen_decoder(av)
        self._decoder.thread_count = threads
        self.info = self._info(kind, float(self._stream.average_rate or 0))
        if sampling.spread and self.info.duration_s > _LONG_S:
            self._decoder.skip_frame = "NONKEY"
        elif interval_s(sampling, self.info.duration_s) * self.info.frames_per_second >= _SKIPPED:
            self._decoder.skip_frame = "NONREF"

    def close(self) -> None:
        """Let the file go."""
        self._container.close()
        self._file.close()

    def frames(self, from_s: float) -> Iterator[DecodedFrame]:
        """See `FrameSource`."""
        start, last, count = self._start(), -1.0, 0
        if from_s > _EARLIER_S:
            with contextlib.suppress(*self._errors):  # it has no index: from the beginning then
                offset = int((from_s - _EARLIER_S + start) / (self._stream.time_base or 1))
                self._container.seek(offset, stream=self._stream)
        for frame in self._decoded():
            if frame.width * frame.height > self._limits.max_pixels:
                raise VideoFault("too large", f"a frame of {frame.width}x{frame.height} pixels")
            count += 1
            if count > self._limits.max_frames:
                raise VideoFault("too many frames", f"more than {self._limits.max_frames}")
            time_s = self._time(frame, last) - start
            if time_s < last:
                continue  # times that run backwards
            last = time_s
            yield DecodedFrame(frame, max(0.0, time_s), self._shape)
        if not count:
            raise VideoFault("no frames", "its video track has nothing that can be decoded")
        self._compare_with_end(last)

    def _decoded(self) -> Iterator[VideoFrame]:
        failed = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    found = self._decoder.decode(packet if packet.size else None)
                except self._errors:
                    failed += 1
                    if failed > _ERRORS_IN_A_ROW:
                        self.trouble = "too much of it cannot be decoded"
                        return
                    continue
                failed = 0 if found else failed
                yield from found
        except self._errors as error:
            self.trouble = f"cut or damaged: {_words(error)}"

    def _chosen_decoder(self, av: Any) -> tuple[av.VideoCodecContext, _Shape]:
        context = self._stream.codec_context
        if context.width * context.height > self._limits.max_pixels:
            self.close()
            raise VideoFault("too large", f"{context.width}x{context.height} pixels a frame")
        ratio = self._stream.sample_aspect_ratio or Fraction(1)
        aspect = float(ratio) if Fraction(1, 8) <= ratio <= 8 else 1.0
        libvpx = {"vp9": "libvpx-vp9", "vp8": "libvpx"}.get(context.name)
        if libvpx is None or self._stream.metadata.get("alpha_mode") != "1":
            return context, _Shape(aspect)
        decoder = av.CodecContext.create(libvpx, "r")
        decoder.extradata = context.extradata
        return decoder, _Shape(aspect, alpha=True)

    def _info(self, kind: str, rate: float) -> VideoInfo:
        context = self._stream.codec_context
        size = max(1, round(context.width * self._shape.aspect)), context.height
        return VideoInfo(kind, *size, self._duration_s(), rate)

    def _duration_s(self) -> float:
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        stated = self._stream.metadata.get("DURATION", "")  # of one track, in Matroska
        with contextlib.suppress(ValueError):
            hours, minutes, seconds = stated.split(":")
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return (self._container.duration or 0) / 1e6

    def _start(self) -> float:
        first, base = self._stream.start_time, self._stream.time_base
        return float(first * base) if first is not None and base is not None else 0.0

    def _time(self, frame: VideoFrame, last: float) -> float:
        """Its own time; where it has none, one frame after the last."""
        if frame.pts is not None and self._stream.time_base is not None:
            return float(frame.pts * (frame.time_base or self._stream.time_base))
        return last + 1 / (self.info.frames_per_second or 25) + self._start() if last >= 0 else self._start()

    def _compare_with_end(self, last: float) -> None:
        """Say so where the frames end long before the file says it does."""
        stated = self.info.duration_s
        rate = self.info.frames_per_second or 25
        if not self.trouble and stated - last - 1 / rate > max(_MISSING_S, _MISSING_SHARE * stated):
            self.trouble = f"cut: its frames end at {last:.1f} s of {stated:.1f} s"


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error)[:200]
