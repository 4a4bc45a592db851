"""Which frames of a moving picture are wanted: the first of every so many seconds, or one of every scene.

Every answer depends on the file and on what was asked alone, not on where decoding began: a stopped run goes on
with the frames that it would have had.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from classifier.video.frame_source import TimedFrame
from classifier.video.records import Sampling
from classifier.video.scene_cuts import scenes

_ROUNDING = 1e-6  # seconds; times are sums of fractions


def chosen(frames: Iterable[TimedFrame], sampling: Sampling) -> Iterator[TimedFrame | float]:
    """The wanted frames in order; of every other one its time, so that whoever waits sees how far it is."""
    picked = scenes(frames) if sampling.scenes else _every(frames, sampling.every_s)
    for one in picked:
        if isinstance(one, float) or one.time_s >= sampling.from_s - _ROUNDING:
            yield one
        else:
            yield one.time_s


def _every(frames: Iterable[TimedFrame], every_s: float) -> Iterator[TimedFrame | float]:
    """The first frame of every interval; an interval in which no frame begins has none."""
    last = -1
    for frame in frames:
        interval = math.floor((frame.time_s + _ROUNDING) / every_s) if every_s else last + 1
        if interval > last:
            last = interval
            yield frame
        else:
            yield frame.time_s
