"""Delays of a ugoira, however whoever downloaded it wrote them down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crawler.sources.frame_delays import frame_delays, stated_delays
from crawler.sources.local_videos import local_videos

FRAMES = [{"file": "000001.jpg", "delay": 20}, {"file": "000000.jpg", "delay": 10}]
PIXIV = [{"file": "000000.jpg", "delay_msec": 10}, {"file": "000001.jpg", "delay_msec": 20}]


@pytest.mark.parametrize(
    "facts",
    [
        FRAMES,
        [10, 20],
        {"frames": FRAMES},
        {"ugokuIllustData": {"frames": FRAMES}},
        {"pixiv_ugoira_frame_data": {"data": PIXIV}},
        {"media_metadata": {"metadata": {"Ugoira:FrameDelays": [10, 20]}}},
        {"media_asset": {"media_metadata": {"metadata": {"Ugoira:FrameDelays": [10, 20]}}}},
        {"metadata": {"Ugoira:FrameDelays": [10, 20]}},
    ],
)
def test_delays_are_read_in_the_order_of_the_frames_names(facts: Any) -> None:
    assert stated_delays(facts) == (10, 20)


@pytest.mark.parametrize(
    "facts",
    [None, 3, {}, [], {"frames": []}, {"frames": [{"file": "a"}]}, {"metadata": {"Ugoira:FrameDelays": ["x"]}}, [0, 5]],
)
def test_facts_without_delays_that_make_sense_state_none(facts: Any) -> None:
    assert stated_delays(facts) is None


def test_the_file_beside_an_archive_is_found_by_either_name(tmp_path: Path) -> None:
    (tmp_path / "a.zip.json").write_text("no json")
    (tmp_path / "a.json").write_text(json.dumps({"frames": FRAMES}))

    assert frame_delays(tmp_path / "a.zip") == (10, 20)
    assert frame_delays(tmp_path / "b.zip") is None


def test_what_cannot_be_read_is_left_and_named(tmp_path: Path) -> None:
    (tmp_path / "good.mp4").write_bytes(b"yes")
    (tmp_path / "other.txt").write_bytes(b"no")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "good.mp4")
    left: list[tuple[str, str]] = []

    found = list(local_videos([tmp_path], lambda head: head == b"yes", lambda path, why: left.append((path.name, why))))

    assert [(one.name, one.named, len(one.id)) for one in found] == [("good.mp4", False, 16)]
    assert left == [("link.mp4", "a link")]
