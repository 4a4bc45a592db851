"""Animated pictures by Pillow: GIF, APNG, WebP, AVIF, each frame as long as the file says.

PyAV opens them too, and reads them wrongly: of an AVIF sequence it gives the first frame alone, a WebP animation it
refuses, a transparent GIF gets a colour of its own below.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from classifier.errors import VideoFault
from classifier.pictures.preprocessing import FORMATS, PictureLimits
from classifier.pictures.white_ground import on_white
from classifier.video.frame_source import Glance, glance_of
from classifier.video.records import VideoInfo, VideoLimits

LEAST_DELAY_MS, INSTEAD_MS = 20, 100  # browsers show a frame with less than the one for the other
_DEFAULTS = PictureLimits()
_NAMES = {kind: name for name, kind in FORMATS.items()}  # kind -> Pillow's name


@dataclass(frozen=True, slots=True, eq=False)
class StillFrame:
    """A frame that is a picture already; see `TimedFrame`."""

    picture: Image.Image  # RGB
    time_s: float

    def image(self) -> Image.Image:
        """See `TimedFrame`."""
        return self.picture

    def glance(self) -> Glance:
        """See `TimedFrame`."""
        return glance_of(self.picture)


class Animation:
    """An animated picture that is open; see `FrameSource`."""

    def __init__(self, data: bytes, kind: str, limits: VideoLimits) -> None:
        """Read what it says of itself.

        Args:
            data: the file.
            kind: one of `containers.ANIMATIONS`.
            limits: what it may cost.

        Raises:
            VideoFault: it cannot be read, or does not move.
        """
        self._data, self._limits, self.trouble = data, limits, ""
        try:
            self._image = Image.open(io.BytesIO(data), formats=(_NAMES[kind],))
            count = int(getattr(self._image, "n_frames", 1))
        except (Image.DecompressionBombError, MemoryError) as error:
            raise VideoFault("too large", str(error)[:200]) from None
        except Exception as error:  # noqa: BLE001 - Pillow raises a dozen types for bad bytes; each means the same to us
            raise VideoFault("undecodable", str(error)[:200]) from None
        if count > limits.max_animation_frames:
            raise VideoFault("too many frames", f"{count}; an animated picture may have {limits.max_animation_frames}")
        if count < 2:
            raise VideoFault("a still picture", "it has one frame; crawl classify looks at pictures")
        width, height = self._image.size
        if width * height > min(limits.max_pixels, _DEFAULTS.max_pixels):
            raise VideoFault("too large", f"{width}x{height} pixels a frame")
        self._count = count
        self.info = VideoInfo(kind, width, height, 0.0, 0.0, count)  # how long each frame is stands before that frame

    def close(self) -> None:
        """Let the file go."""
        self._image.close()

    def frames(self, from_s: float) -> Iterator[StillFrame]:
        """See `FrameSource`; always from the beginning: each frame may build upon all before it."""
        time_s = 0.0
        for number in range(self._count):
            try:
                self._image.seek(number)
                self._image.load()
                shown = on_white(self._image, self._data) if number == 0 else _later_on_white(self._image)
            except MemoryError as error:
                raise VideoFault("too large", str(error)) from None
            except Exception as error:  # noqa: BLE001 - as above
                if number == 0:
                    raise VideoFault("undecodable", str(error)[:200]) from None
                self.trouble = f"cut or damaged at frame {number + 1} of {self._count}: {error}"[:200]
                return
            yield StillFrame(shown, time_s)
            time_s += delay_ms(self._image.info.get("duration")) / 1000


def delay_ms(stated: object) -> float:
    """How long a frame is shown, as browsers do it: a delay of next to nothing is a tenth of a second."""
    delay = float(stated) if isinstance(stated, int | float) else 0.0
    return delay if delay >= LEAST_DELAY_MS else INSTEAD_MS


def _later_on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image.copy()
    layered = image.convert("RGBA")
    ground = Image.new("RGB", layered.size, (255, 255, 255))
    ground.paste(layered, mask=layered.getchannel("A"))
    return ground
