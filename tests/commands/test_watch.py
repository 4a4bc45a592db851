"""`crawl watch` with real processes and a tiny network: who is said to appear when, and in which formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from tests.classifier.tiny_models import TinyBackbone, make_backbone
from tests.commands.folders.places import add_recogniser, make_root
from tests.equipment.clips import colours, lit, ugoira


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def root(tiny: TinyBackbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_root(tmp_path_factory.mktemp("watch") / "root", tiny)
    add_recogniser(made, tiny)
    return made


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red for three seconds, blue for two, red for two."""
    return colours(tmp_path_factory.mktemp("videos") / "video.mp4", [(True, 3), (False, 2), (True, 2)])


def watch(root: Path, *words: object) -> Result:
    return CliRunner().invoke(app, ["watch", *map(str, words), "--root", str(root)], prog_name="crawl")


def record(root: Path, *words: object) -> dict[str, Any]:
    done = watch(root, *words, "--json")
    answer = json.loads(done.stdout)
    assert answer["exit"] == done.exit_code
    return dict(answer)


def test_a_target_appears_where_its_pictures_are(root: Path, video: Path) -> None:
    answer = record(root, video, "--with", "mona")

    assert [(one["name"], one["start_s"], one["end_s"]) for one in answer["appearances"]] == [
        ("mona", 0.0, 3.0),
        ("mona", 5.0, 7.0),
    ]
    assert answer["seconds_of"] == {"mona": 5.0}
    assert (answer["looks"], answer["duration_s"], answer["trouble"]) == (35, 7.0, "")


def test_a_recogniser_says_who_appears_and_a_report_has_four_formats(root: Path, video: Path, tmp_path: Path) -> None:
    done = watch(root, video, "--with", "family", "--report", tmp_path / "report")

    assert done.exit_code == 0, done.stderr
    rows = [line.split()[:3] for line in done.stdout.splitlines() if line.split()[:1] and ":" in line.split()[0]]
    assert rows[:3] == [
        ["00:00:00.000", "00:00:03.000", "game/red"],
        ["00:00:03.000", "00:00:05.000", "game/blue"],
        ["00:00:05.000", "00:00:07.000", "game/red"],
    ]
    report = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "report").iterdir()}
    assert set(report) == {"timeline.html", "timeline.json", "timeline.csv", "timeline.vtt"}
    assert report["timeline.vtt"].startswith("WEBVTT\n")
    assert "00:00:03.000 --> 00:00:05.000\ngame/blue 0." in report["timeline.vtt"]
    assert report["timeline.csv"].splitlines()[1].startswith("game/red,0.0,3.0,")
    assert json.loads(report["timeline.json"])["seconds_of"] == {"game/red": 5.0, "game/blue": 2.0}
    assert report["timeline.html"].count("data:image/jpeg;base64,") == 3


def test_of_a_video_that_is_cut_what_was_seen_is_listed(root: Path, tmp_path: Path) -> None:
    whole = colours(tmp_path / "whole.mkv", [(True, 4), (False, 4)])
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size * 3 // 4])

    answer = record(root, tmp_path / "cut.mkv", "--with", "mona")

    assert (answer["exit"], answer["open"][0]["what"]) == (3, "videos")
    assert answer["trouble"].startswith("cut")
    assert [one["name"] for one in answer["appearances"]] == ["mona"]


def test_a_model_that_may_not_decide_says_so(tiny: TinyBackbone, video: Path, tmp_path: Path) -> None:
    refusing = make_root(tmp_path / "refusing", tiny, refusal="it was trained on too little; train it again")

    done = watch(refusing, video, "--with", "mona")

    assert done.exit_code == 13
    assert "mona/1 may not decide: it was trained on too little" in done.stderr


def test_a_ugoira_is_watched_by_the_delays_beside_it(root: Path, tmp_path: Path) -> None:
    film = ugoira(tmp_path / "film.zip", [9] * 4, listed=False, pictures=[lit(red=number < 2) for number in range(4)])
    (tmp_path / "film.json").write_text(json.dumps({"frames": [{"file": f"{n}.jpg", "delay": 1500} for n in range(4)]}))

    answer = record(root, film, "--with", "mona")

    assert [(one["start_s"], one["end_s"]) for one in answer["appearances"]] == [(0.0, 3.0)]
    assert answer["looks"] == 4


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["{t}/absent.mp4", "--with", "mona"], "absent.mp4 is not there; name a video"),
        (["{t}/text.mp4", "--with", "mona"], "text.mp4: no video: it begins with b'hello'"),
        (["{v}", "--with", "monna"], "did you mean 'mona'"),
        (["{v}", "--with", "mona", "--every", "0"], "--every 0: seconds must be 0.01 to 60"),
        (["{v}", "--with", "mona", "--report", "{t}/text.mp4"], "is not a folder"),
        (
            ["{v}", "--with", "mona", "--report", "{t}/mine"],
            "timeline.html exists and is not a timeline of",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    root: Path, video: Path, words: list[str], why: str, tmp_path: Path
) -> None:
    (tmp_path / "text.mp4").write_text("hello")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "timeline.html").write_text("<p>mine")

    done = watch(root, *(word.replace("{t}", str(tmp_path)).replace("{v}", str(video)) for word in words), "--quiet")

    assert (done.exit_code, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    assert why in done.stderr
    assert (tmp_path / "mine" / "timeline.html").read_text() == "<p>mine"
