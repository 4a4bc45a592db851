"""Where frames come from: a moving picture that is open, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from classifier.video.records import VideoInfo

GLANCE = (64, 36)  # width, height of the small copy by which scenes are told apart

Glance = npt.NDArray[np.int16]  # (36, 64, 3), RGB 0..255


class TimedFrame(Protocol):
    """One frame; it is turned into pixels only when somebody wants them."""

    @property
    def time_s(self) -> float:
        """When it is shown, from the beginning."""
        ...

    def image(self) -> Image.Image:
        """RGB, upright, in the proportions in which it is shown."""
        ...

    def glance(self) -> Glance:
        """A small copy, quickly; its proportions do not matter."""
        ...


class FrameSource(Protocol):
    """A moving picture that is open."""

    @property
    def info(self) -> VideoInfo:
        """What it says of itself."""
        ...

    @property
    def trouble(self) -> str:
        """Why the frames ended before its end, in words; "": they did not."""
        ...

    def frames(self, from_s: float) -> Iterator[TimedFrame]:
        """Every frame in the order of time, from some moment before the given one.

        Raises:
            VideoFault: it cannot be decoded.
        """
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


def glance_of(image: Image.Image) -> Glance:
    """The small copy of an RGB picture."""
    return np.asarray(image.resize(GLANCE, Image.Resampling.BOX, reducing_gap=2.0), dtype=np.int16)
