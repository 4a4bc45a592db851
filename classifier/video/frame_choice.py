"""Which frames of a moving picture are wanted: the first of every so many seconds, or one of every scene.

Every answer depends on the file and on what was asked alone, not on where decoding began: a stopped run goes on
with the frames that it would have had.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from classifier.video.frame_source import TimedFrame
from classifier.video.records import Sampling, VideoInfo
from classifier.video.scene_cuts import scenes

_ROUNDING = 1e-6  # seconds; times are sums of fractions
_SOMETIMES_S = 1.0  # between frames of what does not say how long it is


def chosen(frames: Iterable[TimedFrame], sampling: Sampling, info: VideoInfo) -> Iterator[TimedFrame | float]:
    """The wanted frames in order; of every other one its time, so that whoever waits sees how far it is."""
    if sampling.scenes:
        picked = scenes(frames)
    elif sampling.spread and info.frames and not info.duration_s:
        picked = _evenly(frames, info.frames, sampling.spread)
    else:
        picked = _every(frames, interval_s(sampling, info.duration_s))
    for one in picked:
        if isinstance(one, float) or one.time_s >= sampling.from_s - _ROUNDING:
            yield one
        else:
            yield one.time_s


def interval_s(sampling: Sampling, duration_s: float) -> float:
    """Seconds between wanted frames, of a moving picture of some length; 0: that is not known, or all are wanted."""
    if sampling.spread:
        return duration_s / sampling.spread if duration_s else _SOMETIMES_S
    return 0.0 if sampling.scenes else sampling.every_s


def _evenly(frames: Iterable[TimedFrame], total: int, count: int) -> Iterator[TimedFrame | float]:
    """So many of them by their number, where their times are not known beforehand."""
    wanted = {number * total // count for number in range(count)}
    for number, frame in enumerate(frames):
        yield frame if number in wanted else frame.time_s


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
