"""What is asked of a moving picture, and what comes back; shared by both ends of the decoder process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from classifier.pictures.preprocessing import Preprocessing

WHOLE, LEFT, RIGHT = "whole", "left", "right"  # parts of a frame


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """What a moving picture may cost; nothing of it is trusted."""

    max_bytes: int = 64 * 1024**3  # of a video's file, which is read piece by piece
    max_animation_bytes: int = 256 * 1024**2  # of an animated picture or an archive of frames
    max_pixels: int = 40_000_000  # width x height of a frame
    max_frames: int = 4_000_000  # that are decoded: 18 hours at 60 a second
    max_animation_frames: int = 10_000  # of an animated picture or an archive


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which frames are wanted: the first of every so many seconds, or one of every scene."""

    every_s: float = 1.0  # 0: every frame
    scenes: bool = False  # one of every scene instead
    spread: int = 0  # so many from all over it instead; of a long video, some of those that stand by themselves
    from_s: float = 0.0  # what lies before was had already


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is made of a chosen frame."""

    pictures: bool = False  # JPEG files of the whole frame, and its hash
    halves: bool = False  # and of its left and right half
    preprocessing: Preprocessing | None = None  # a network's input
    thumbnail: int = 0  # pixels of the longer side of a small JPEG; 0: none

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` takes them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Wanted:
        """The record that `to_json` described."""
        inner = values["preprocessing"]
        return cls(**{**values, "preprocessing": None if inner is None else Preprocessing.from_json(inner)})


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and what is known of it that does not stand in it."""

    path: str  # "": its bytes are handed over
    delays_ms: Sequence[int] | None = None  # of the frames of an archive that does not state them itself
    untimed: bool = False  # frames whose times nobody knows are a tenth of a second each, instead of a fault


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a moving picture says of itself before a frame is decoded."""

    kind: str  # by content: mov, matroska, avi … | gif, png, webp, avif | ugoira
    width: int  # pixels of a frame as it is shown, upright
    height: int
    duration_s: float  # 0: it does not say
    frames_per_second: float  # 0: it does not say
    frames: int = 0  # 0: it does not say


@dataclass(frozen=True, slots=True)
class FramePart:
    """A picture of a frame, or of its half."""

    part: str  # whole | left | right
    jpeg: bytes
    hash: int  # by `classifier.pictures.dhash`


@dataclass(frozen=True, slots=True, eq=False)
class ChosenFrame:
    """A frame with what was wanted of it."""

    time_s: float  # from the beginning
    parts: Sequence[FramePart] = ()
    pixels: bytes = b""  # RGB, size x size x 3, by the preprocessing
    thumbnail: bytes = b""  # a JPEG


@dataclass(frozen=True, slots=True)
class Piece:
    """What a stretch of decoding gave."""

    frames: Sequence[ChosenFrame] = ()
    position_s: float = 0.0  # time of the last frame that was decoded
    decoded: int = 0  # frames, chosen or not
    ended: bool = False  # there is no more
    trouble: str = ""  # why it ended early, in words
    cpu_s: float = 0.0  # processor seconds that it took
