"""Scene cuts of a painted video whose cuts are known: ours, and PySceneDetect's where it is installed.

    python -m bench.watch.scenes [--scenes N]

Twice: at a constant rate, and with the same frames at varying ones (a third of them dropped, as screen recorders and
phones do). A cut counts as found within a tenth of a second. PySceneDetect 0.7.2 is no dependency: with OpenCV it is
100 MB, and it is told to use the same decoder, PyAV.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from random import Random

from bench.samples.painted_video import VideoPlan, paint_video
from classifier.video.frame_worker import opened
from classifier.video.records import Sampling, Source, VideoLimits
from classifier.video.scene_cuts import cut_times

_NEAR_S = 0.1
Finder = Callable[[Path], Sequence[float]]


def main() -> None:
    """Paint, find, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20)
    count = parser.parse_args().scenes
    with tempfile.TemporaryDirectory(prefix="bench-scenes-") as scratch:
        steady, varying = Path(scratch) / "steady.mp4", Path(scratch) / "varying.mp4"
        truth = [one.start_s for one in paint_video(steady, VideoPlan(scenes=count, seed=5, size=(640, 360)))][1:]
        _thinned(steady, varying)
        print(f"{len(truth)} cuts; found, wrongly found, processor seconds")
        for name, finder in (
            ("ours", _ours),
            ("PySceneDetect, content", _content),
            ("PySceneDetect, adaptive", _adaptive),
        ):
            for video in (steady, varying):
                print(f"{name:<26}{video.stem:<9}{_measured(finder, video, truth)}", flush=True)


def _thinned(source: Path, path: Path) -> None:
    """The same video without a third of its frames, by chance; those that stay keep their times."""
    import av

    dice = Random(1)
    with av.open(str(source)) as container, av.open(str(path), "w") as target:
        stream = container.streams.video[0]
        into = target.add_stream("libx264", rate=1000)
        into.width, into.height, into.pix_fmt = stream.width, stream.height, "yuv420p"
        into.options = {"preset": "ultrafast"}
        for frame in container.decode(stream):
            if dice.random() > 1 / 3:
                frame.pts = round(float(frame.time or 0) * 1000)
                frame.time_base = Fraction(1, 1000)
                target.mux(into.encode(frame))
        target.mux(into.encode())


def _measured(finder: Finder, video: Path, truth: Sequence[float]) -> str:
    used = time.process_time()
    try:
        found = finder(video)
    except ImportError:
        return "not installed"
    used = time.process_time() - used
    right = sum(any(abs(one - cut) <= _NEAR_S for one in found) for cut in truth)
    wrong = sum(all(abs(one - cut) > _NEAR_S for cut in truth) for one in found)
    return f"{right:4d}{wrong:4d}{used:8.1f} s"


def _ours(video: Path) -> Sequence[float]:
    with closing(opened(Source(str(video)), Sampling(scenes=True), VideoLimits(), 1)) as source:
        return list(cut_times(source.frames(0.0)))


def _content(video: Path) -> Sequence[float]:
    import scenedetect

    return _theirs(video, scenedetect.ContentDetector())


def _adaptive(video: Path) -> Sequence[float]:
    import scenedetect

    return _theirs(video, scenedetect.AdaptiveDetector())


def _theirs(video: Path, detector: object) -> Sequence[float]:
    import scenedetect

    manager = scenedetect.SceneManager()
    manager.add_detector(detector)
    manager.detect_scenes(scenedetect.open_video(str(video), backend="pyav"))
    return [float(start.seconds) for start, _ in manager.get_scene_list()][1:]


if __name__ == "__main__":
    main()
