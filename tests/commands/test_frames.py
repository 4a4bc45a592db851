"""`crawl frames`: what a folder holds afterwards, and that nothing is done twice or overwritten."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from tests.equipment.clips import animated, tone, ugoira, write_video


def frames(*words: object) -> Result:
    return CliRunner().invoke(app, ["frames", *map(str, words)], prog_name="crawl")


def record(*words: object) -> dict[str, Any]:
    done = frames(*words, "--json")
    answer = json.loads(done.stdout)
    assert answer["exit"] == done.exit_code
    return dict(answer)


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.jpg"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds, another picture in each."""
    return write_video(
        tmp_path_factory.mktemp("clips") / "clip.mp4", [tone(second) for second in range(3) for _ in range(10)]
    )


def test_frames_are_named_by_their_times_and_listed(clip: Path, tmp_path: Path) -> None:
    answer = record(clip, "--to", tmp_path)

    assert pictures(tmp_path) == ["clip-00h00m00.000s.jpg", "clip-00h00m01.000s.jpg", "clip-00h00m02.000s.jpg"]
    assert (answer["written"], answer["near_duplicates"], answer["exit"]) == (3, 0, 0)
    with (tmp_path / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["time_s"], row["part"]) for row in rows] == [
        (name, f"{second}.000000", "whole") for second, name in enumerate(pictures(tmp_path))
    ]


def test_near_duplicates_are_left_out_and_halves_come_beside(clip: Path, tmp_path: Path) -> None:
    answer = record(clip, "--to", tmp_path, "--every", "0.5", "--halves")

    assert (answer["written"], answer["near_duplicates"]) == (9, 9)
    assert pictures(tmp_path)[:3] == [
        "clip-00h00m00.000s-left.jpg",
        "clip-00h00m00.000s-right.jpg",
        "clip-00h00m00.000s.jpg",
    ]


def test_the_same_command_goes_on_where_it_was_killed(clip: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    record(clip, "--to", whole)
    record(clip, "--to", cut)
    table = (cut / "frames.csv").read_text().splitlines(keepends=True)
    (cut / "frames.csv").write_text("".join(table[:3]) + table[3][:9])  # killed in the middle of a row
    (cut / ".crawl-frames-ended.csv").unlink()

    answer = record(clip, "--to", cut)

    assert (answer["written"], answer["there_before"]) == (1, 1)
    assert {one.name: one.read_bytes() for one in cut.glob("*.jpg")} == {
        one.name: one.read_bytes() for one in whole.glob("*.jpg")
    }
    assert (cut / "frames.csv").read_text() == (whole / "frames.csv").read_text()
    assert record(clip, "--to", cut)["done_before"] == 1


def test_what_has_a_name_already_is_left_alone_and_said(clip: Path, tmp_path: Path) -> None:
    taken = tmp_path / "clip-00h00m01.000s.jpg"
    taken.write_bytes(b"mine")

    done = frames(clip, "--to", tmp_path)

    assert done.exit_code == 3
    assert "clip-00h00m01.000s.jpg: something else has this name in the folder; it was left alone" in done.stderr
    assert taken.read_bytes() == b"mine"
    assert len(pictures(tmp_path)) == 3


def test_two_videos_of_one_name_do_not_get_into_each_other_s_way(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    other = write_video(tmp_path / "b" / "clip.mp4", [tone(7)] * 5)

    record(clip, other, "--to", tmp_path / "out")

    names = pictures(tmp_path / "out")
    assert len(names) == 4
    assert sum(name.startswith("clip-00h") for name in names) == 3


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "avif"])
def test_animated_pictures_have_the_times_that_they_state(ending: str, tmp_path: Path) -> None:
    moving = animated(tmp_path / f"moving.{ending}", [500, 1500, 300])

    record(moving, "--to", tmp_path / "out", "--every", "0.1")

    assert pictures(tmp_path / "out") == [f"moving-00h00m0{time}s.jpg" for time in ("0.000", "0.500", "2.000")]


def test_a_ugoira_has_its_own_delays_or_those_beside_it(tmp_path: Path) -> None:
    ugoira(tmp_path / "own.zip", [100, 2000, 300])
    ugoira(tmp_path / "beside.zip", [9, 9, 9], listed=False, first=10)
    facts = {"media_metadata": {"metadata": {"Ugoira:FrameDelays": [400, 700, 100]}}}
    (tmp_path / "beside.zip.json").write_text(json.dumps(facts))

    record(tmp_path / "own.zip", tmp_path / "beside.zip", "--to", tmp_path / "out", "--every", "0.1")

    assert pictures(tmp_path / "out") == [
        *(f"beside-00h00m0{time}s.jpg" for time in ("0.000", "0.400", "1.100")),
        *(f"own-00h00m0{time}s.jpg" for time in ("0.000", "0.100", "2.100")),
    ]


def test_one_frame_of_every_scene_is_taken(clip: Path, tmp_path: Path) -> None:
    answer = record(clip, "--to", tmp_path, "--scenes")

    assert (answer["decoded"], answer["written"]) == (30 + 3, 3)


def test_a_folder_gives_its_videos_and_passes_over_its_pictures(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(clip.read_bytes())
    tone(1).save(folder / "still.png")
    (folder / "notes.txt").write_text("nothing")
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        archive.writestr("a.txt", "text")

    answer = record(folder, "--to", tmp_path / "out")

    assert (answer["videos"], answer["written"], answer["troubles"]) == (1, 3, [])
