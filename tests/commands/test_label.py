"""`crawl label` writes the same table in the terminal and on the page, and refuses in one line what cannot be."""

from __future__ import annotations

import json
import shutil
import socket
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from typer.testing import CliRunner, Result

from commands.app import app
from commands.label import LabelOptions, run
from review.errors import PortTaken
from review.server import bind, port_of
from storage.folders.label_file import label_file_of, read_labels
from tests.classifier.tiny_models import TinyBackbone, make_backbone
from tests.commands.folders.places import Downloads, add_recogniser, make_root, picture
from tests.storage.folders.test_label_file import opened


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery with the target mona and the recogniser family."""
    tiny: TinyBackbone = make_backbone(tmp_path_factory.mktemp("backbone"))
    root = make_root(tmp_path_factory.mktemp("label") / "root", tiny)
    add_recogniser(root, tiny)
    return root


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Downloads:
    shutil.copytree(template, tmp_path / "root")
    return Downloads(tmp_path / "root", tmp_path, red=2, blue=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, and no gallery anywhere near."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.png").write_bytes(picture(number, red=True))
    return folder


def label(folder: Path, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["label", str(folder), *words], input=typed, prog_name="crawl")


def labels(folder: Path) -> dict[str, str]:
    return {path: one.label for path, one in read_labels(label_file_of(folder)).items()}


def test_lines_from_a_person_become_a_table_and_the_same_command_goes_on(folder: Path, tmp_path: Path) -> None:
    words = ("--root", str(tmp_path / "nowhere"), "--json")
    first = label(folder, *words, typed="+bart\n-\n!\n")
    answer = json.loads(first.stdout)
    assert (first.exit_code, answer["exit"], answer["written"], answer["open"][0]["count"]) == (3, 3, 2, 1)

    second = label(folder, *words, typed="bar\n")

    assert second.exit_code == 0
    assert labels(folder) == {"0.png": "bart", "1.png": "nobody", "2.png": "bart"}
    assert not (tmp_path / "nowhere").exists()


def test_proposals_come_from_a_recogniser_and_enter_takes_the_first(place: Downloads) -> None:
    done = label(place.pictures, "--with", "family", "--root", str(place.root), typed="\n\n\n")

    assert done.exit_code == 0
    assert labels(place.pictures) == {
        "red/0.png": "game/red",
        "red/1.png": "game/red",
        "blue/0.png": "game/blue",
    }


class Visitor:
    """Stands for the server: labels the first picture on the page, and ends as Ctrl-C does."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}

    async def __call__(self, page: ASGIApp, listening: socket.socket, started: Callable[[], None]) -> None:
        started()
        home = f"http://127.0.0.1:{port_of(listening)}"
        with TestClient(page, base_url=home) as browser:
            self.asked = browser.get("/api/questions/0").json()
            headers = {"origin": home, "x-review-token": browser.get("/api/start").json()["token"]}
            sent = {"number": 0, "label": "game/red", "seen": ""}
            assert browser.post("/api/labels", json=sent, headers=headers).status_code == 200
        raise KeyboardInterrupt


def test_the_page_asks_the_same_and_writes_the_same_table(
    place: Downloads, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    visitor = Visitor()
    options = LabelOptions(place.pictures, "family", page=True, port=0, open_browser=True)

    code = run(options, place.root, None, visitor)

    assert code == 3
    name = visitor.asked["question"]["name"]
    assert visitor.asked["question"]["proposed"][0][0] == f"game/{name.partition('/')[0]}"
    assert labels(place.pictures) == {name: "game/red"}
    assert len(shown) == 1
    assert "1 label written to" in capsys.readouterr().err


def test_a_port_that_another_program_has_is_refused_before_anything_is_read(folder: Path) -> None:
    with bind(0) as taken, pytest.raises(PortTaken, match="choose another with --port"):
        run(LabelOptions(folder, page=True, port=port_of(taken)), None, None)

    assert not label_file_of(folder).exists()


def test_one_person_labels_a_folder_at_a_time(folder: Path) -> None:
    with opened(label_file_of(folder)):
        done = label(folder, typed="+bart\n")

    assert (done.exit_code, labels(folder)) == (9, {})
    assert "another crawl label is at work there" in done.stderr


def test_what_cannot_be_labelled_is_refused_in_one_line(folder: Path, place: Downloads, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    root = ("--root", str(place.root))
    refused = [
        (label(tmp_path / "missing"), 2, "there is no folder"),
        (label(folder / "0.png"), 2, "there is no folder"),
        (label(tmp_path / "empty"), 2, "has no pictures"),
        (label(folder, "--port", "0"), 2, "add --page"),
        (label(folder, "--with", "mona", *root), 2, "mona"),
        (label(folder, "--with", "famly", *root), 2, "famly"),
    ]

    for done, code, words in refused:
        assert done.exit_code == code, done.stderr
        assert words in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
    assert not label_file_of(folder).exists()


@pytest.mark.parametrize("content", [b"my own notes", b"path,class\n1.png,bart\n"], ids=["notes", "another table"])
def test_a_table_of_somebody_else_is_left_alone(folder: Path, content: bytes) -> None:
    label_file_of(folder).write_bytes(content)

    done = label(folder, typed="+bart\n")

    assert done.exit_code == 2
    assert "is no table of labels of ours" in done.stderr
    assert label_file_of(folder).read_bytes() == content
