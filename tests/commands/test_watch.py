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
from tests.equipment.clips import colours


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
