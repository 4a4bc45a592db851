"""Scenes by our own cheap difference: a cut is where a frame differs from the last far more than its neighbours do.

The difference of two frames is the mean absolute difference of their small copies, 0..255. A pan, a flash or a shaking
camera differs much as well, but so do the frames around; so a cut must stand out, by time and not by number of
frames: rates vary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from classifier.video.frame_source import Glance, TimedFrame

LEAST = 12.0  # grey levels that a cut changes at least, on average over the picture
STANDS_OUT = 3.0  # times the mean difference around it
AROUND = 2  # frames before and after that count as around
SETTLED_S = 0.5  # after a cut, when a scene's frame is taken: a fade is over, nobody's eyes are closed by the cut
SHORTEST_S = 0.3  # between two cuts; what is shorter is a flash


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    frame: TimedFrame
    difference: float  # from the frame before


def scenes(frames: Iterable[TimedFrame]) -> Iterator[TimedFrame | float]:
    """One frame of every scene, half a second after its cut, or the last of a shorter one; else times."""
    begun_s, candidate = -1.0, None
    for frame, is_cut in _with_cuts(frames):
        if candidate is not None and is_cut and frame.time_s - begun_s >= SHORTEST_S:
            yield candidate
            candidate = None
        if candidate is None:
            begun_s, candidate = frame.time_s, frame
        elif frame.time_s - begun_s <= SETTLED_S:
            candidate = frame
        yield frame.time_s
    if candidate is not None:
        yield candidate


def cut_times(frames: Iterable[TimedFrame]) -> Iterator[float]:
    """When scenes begin, but for the first."""
    begun_s = 0.0
    for frame, is_cut in _with_cuts(frames):
        if is_cut and frame.time_s - begun_s >= SHORTEST_S:
            begun_s = frame.time_s
            yield begun_s


def _with_cuts(frames: Iterable[TimedFrame]) -> Iterator[tuple[TimedFrame, bool]]:
    """Every frame, and whether a scene begins with it; as many frames late as are looked at around it."""
    window: deque[_Seen] = deque(maxlen=2 * AROUND + 1)
    before: Glance | None = None
    for frame in frames:
        glance = frame.glance()
        window.append(_Seen(frame, 0.0 if before is None else float(np.abs(glance - before).mean())))
        before = glance
        if len(window) > AROUND:
            at = len(window) - 1 - AROUND
            yield window[at].frame, _is_cut(window, at)
    for at in range(max(0, len(window) - AROUND), len(window)):
        yield window[at].frame, _is_cut(window, at)


def _is_cut(window: deque[_Seen], at: int) -> bool:
    difference = window[at].difference
    around = [one.difference for number, one in enumerate(window) if number != at]
    return difference >= LEAST and difference >= STANDS_OUT * (sum(around) / max(1, len(around)))
