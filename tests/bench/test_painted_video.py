"""A painted video shows what its truth says, and goes round without a seam in its times."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.samples.painted_video import VideoPlan, loop, paint_video

PLAN = VideoPlan(scenes=2, seed=3, size=(64, 36), rate=4, grain=2.0)


def times(path: Path) -> list[float]:
    import av

    with av.open(str(path)) as container:
        return [round(float(frame.time), 3) for frame in container.decode(video=0)]


def test_the_truth_tells_every_scene_and_a_loop_repeats_all_of_it(tmp_path: Path) -> None:
    truth = paint_video(tmp_path / "once.mp4", PLAN)

    seconds = loop(tmp_path / "once.mp4", tmp_path / "thrice.mp4", 3)

    assert [one.start_s for one in truth[1:]] == [one.end_s for one in truth[:-1]]
    assert len({one.name for one in truth}) == 2
    once = times(tmp_path / "once.mp4")
    assert len(once) == truth[-1].end_s * PLAN.rate
    assert seconds == pytest.approx(3 * truth[-1].end_s)
    assert times(tmp_path / "thrice.mp4") == [
        pytest.approx(turn * truth[-1].end_s + one, abs=2e-3) for turn in range(3) for one in once
    ]
