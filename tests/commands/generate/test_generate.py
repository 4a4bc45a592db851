"""`crawl generate`: what is read, refused and said; the generator's process only pretends, and remembers."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from classifier.generator.package import LearnedFrom, write_generator
from classifier.pictures.preprocessing import Pixels, Preprocessing, prepare
from commands.app import app
from commands.generate.trainer import GeneratorTools

FACTS: dict[str, Any] = {
    "name": "faces",
    "experiment": "best",
    "settings": [],
    "classes": ["blue", "red"],
    "told": 2,
    "noise": 3,
    "pictures": {"from": "faces", "by_class": {"blue": 30, "red": 30}, "train": 48, "validation": 6, "test": 6},
    "training": {
        "steps": 9, "epochs": 1.5, "kept_step": 6, "seconds": 60.0, "ended": "all steps are done", "resumed": False,
        "measurements": [], "curve": [],
    },
    "quality": {
        "distance": {"value": 0.5, "error": 0.01}, "of_training": {"value": 0.001, "error": 0.01}, "precision": 0.5,
        "recall": 0.25, "near_copies": 0.02, "near_copies_of_unseen": 0.01, "copies_by_hash": 0.0,
        "painted": 50, "real": 30,
    },
}  # fmt: skip
TRAINS = """
import json, pathlib, sys
print(json.dumps({"stage": "training", "share": 0.5, "words": "step 5 of 9"}))
folder = pathlib.Path(sys.argv[3])
assert (folder / "pictures.npy").is_file() and (folder / "job.json").is_file()
(folder / "package").mkdir()
print(json.dumps({"done": {**json.loads(sys.argv[1]), "hash": "0" * 64, "folder": str(folder / "package")}}))
"""
PAINTS = """
import json, sys
order = json.loads(sys.argv[2])
open(order["folder"] + "/order.json", "w").write(sys.argv[2])
print(json.dumps({"done": {"count": order["count"], "written": 1, "near_copies": 0, "sheet": "s.png"}}))
"""
FAILS = """
import json
print(json.dumps({"error": "DeviceError", "message": "no memory"}))
"""


@dataclass
class Decoded:
    pixels: tuple[Pixels, ...]
    hash: int


class InProcess:
    """Decoders without processes of their own."""

    def __init__(self, preprocessings: Sequence[Preprocessing]) -> None:
        (self._preprocessing,) = preprocessings

    async def __aenter__(self) -> InProcess:
        return self

    async def __aexit__(self, *error: object) -> None: ...

    async def decode(self, picture: bytes) -> Decoded:
        prepared = prepare(picture, self._preprocessing)
        return Decoded((prepared.pixels,), prepared.hash)


class _Network:
    """Something that saves itself."""

    def save(self, path: Path) -> None:
        path.write_bytes(b"network")


def crawl(*words: object, script: str = "", arguments: tuple[str, ...] = ()) -> Result:
    tools = GeneratorTools(InProcess, (sys.executable, "-c", script, *arguments))
    return CliRunner().invoke(app, [*map(str, words)], prog_name="crawl", obj=tools)


def trains(*words: object) -> Result:
    return crawl("generate", "train", *words, script=TRAINS, arguments=(json.dumps(FACTS),))


def faces(folder: Path, count: int = 60, classes: tuple[str, ...] = ("blue", "red")) -> Path:
    for number in range(count):
        place = folder / classes[number % len(classes)] if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_generator_lands_beside_and_its_figures_are_said(tmp_path: Path) -> None:
    folder = faces(tmp_path / "faces")
    (folder / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")

    done = trains("--from", "faces")

    assert done.exit_code == 0, done.output
    assert (tmp_path / "faces-generator-best").is_dir() and not (tmp_path / "faces-generator-best.training").exists()
    assert "faces: 61 pictures of 2 classes" in done.stderr
    assert "left out, undecodable: 1 file (red/broken.jpg)" in done.stderr
    for words in ("48 learned from, 6 chose, 6 unseen", "9 steps, 1.5 epochs", "weights of step 6", "0.5000 ± 0.0100"):
        assert words in done.stdout
    assert "2.0% by features (of unseen pictures 1.0%), 0.0% by hash" in done.stdout


def test_json_has_the_figures_and_the_training(tmp_path: Path) -> None:
    faces(tmp_path / "flat", classes=())

    done = trains("--from", "flat", "--experiment", "4", "--to", "models/four", "--json")

    record = json.loads(done.stdout)
    assert (record["exit"], record["folder"]) == (0, str(tmp_path / "models" / "four"))
    assert record["quality"]["precision"] == 0.5 and "curve" not in record["training"]
    assert (tmp_path / "models" / "four").is_dir()


def test_a_training_that_failed_stays_and_only_the_same_goes_on(tmp_path: Path) -> None:
    faces(tmp_path / "faces")

    failed = crawl("generate", "train", "--from", "faces", script=FAILS)
    other = trains("--from", "faces", "--set", "filters=8")
    another = trains("--from", "faces", "--experiment", "4", "--to", "faces-generator-best")
    (tmp_path / "faces" / "red" / "1.png").unlink()
    fewer = trains("--from", "faces")

    assert failed.exit_code == 10 and "no memory" in failed.stderr
    for refused, said in ((other, "filters=64"), (another, "experiment best"), (fewer, "other pictures (60 of them)")):
        assert refused.exit_code == 2
        assert f"was begun with {said}" in " ".join(refused.stderr.split())
    faces(tmp_path / "faces")
    assert trains("--from", "faces").exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--experiment", "5"), "there are 1, 2, 3, 4, best"),
        (("--set", "filtres=3"), "did you mean 'filters'?"),
        (("--from", "nowhere"), "cannot read the folder nowhere"),
        (("--from", "few"), "found 3 pictures (at least 50)"),
        (("--from", "empty"), "empty has no pictures"),
        (("--to", "taken"), "exists already"),
        (("--to", "file/model"), "is not a folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_trained_is_refused_in_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    faces(tmp_path / "faces", 50)
    faces(tmp_path / "few", 3)
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")

    done = trains(*(words if "--from" in words else ("--from", "faces", *words)))

    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("*.training"))


def test_pictures_that_cannot_be_decoded_may_leave_too_few(tmp_path: Path) -> None:
    faces(tmp_path / "faces", 40)
    for number in range(20):
        (tmp_path / "faces" / "red" / f"b{number}.jpg").write_bytes(b"\xff\xd8\xff broken" + bytes([number]))

    done = trains("--from", "faces")

    assert done.exit_code == 2 and "found 40 pictures (at least 50)" in " ".join(done.stderr.split())
    assert not list(tmp_path.glob("*.training"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    learned = LearnedFrom(("0" * 32,), np.array([1], np.uint64))
    write_generator(tmp_path / "model", _Network(), learned, FACTS, lambda work: None)
    return tmp_path / "model"


def paints(*words: object) -> Result:
    return crawl("generate", "samples", *words, script=PAINTS)


def test_samples_are_ordered_as_they_were_asked_for(model: Path, tmp_path: Path) -> None:
    done = paints(model, "--count", 3, "--to", "to", "--seed", 7, "--class", "red")

    order = json.loads((tmp_path / "to" / "order.json").read_text())
    assert (order["count"], order["seed"], order["label"], order["folder"]) == (3, 7, "red", str(tmp_path / "to"))
    assert done.exit_code == 0 and "3, 2 of them were there" in done.stdout
    assert json.loads(paints(model, "--count", 1, "--to", "to", "--json").stdout)["synthetic"] is True


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("model", "--count", "0"), 2, "--count"),
        (("model", "--count", "3", "--class", "rad"), 2, "did you mean 'red'?"),
        (("model", "--count", "3", "--class", "xyz"), 2, "it knows blue, red"),
        (("nowhere", "--count", "3"), 10, "nowhere is missing; name the folder of a generator"),
        (("other", "--count", "3"), 2, "a model that judges pictures, not a generator"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_painted_is_refused_in_one_line(
    model: Path, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    shutil.copytree(model, tmp_path / "other")
    (tmp_path / "other" / "manifest.json").write_text('{"kind": "recogniser"}')

    done = paints(*words, "--to", "to")

    assert (done.exit_code, said in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert not (tmp_path / "to").exists()


def test_a_generator_without_classes_is_asked_for_none(tmp_path: Path) -> None:
    learned = LearnedFrom((), np.zeros(0, np.uint64))
    write_generator(tmp_path / "plain", _Network(), learned, FACTS | {"told": 0}, lambda work: None)

    done = paints("plain", "--count", 1, "--to", "to", "--class", "red")

    assert done.exit_code == 2 and "was told no classes" in " ".join(done.stderr.split())


def test_a_process_that_says_nothing_is_a_failure_of_the_model(model: Path) -> None:
    silent = crawl("generate", "samples", model, "--count", 1, "--to", "to", script="")
    disk = 'import json; print(json.dumps({"error": "OSError", "message": "/x: No space left on device"}))'

    assert silent.exit_code == 10 and "no message" in " ".join(silent.stderr.split())
    full = crawl("generate", "samples", model, "--count", 1, "--to", "to", script=disk)
    assert full.exit_code == 7 and "No space left" in full.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--synthetic", "model"), 2, "give their folder, --from DIR"),
        (("--synthetic", "model", "--from", "faces", "--classes"), 2, "can fill no class of the folder"),
        (("--synthetic", "nowhere", "--from", "faces", "--classes"), 10, "nowhere is missing"),
        (("--fill-to", "200", "--from", "faces"), 2, "name a generator, --synthetic MODEL"),
        (("--synthetic", "model", "--from", "faces"), 2, "can fill no class of the folder"),
        (("--synthetic", "nowhere", "--from", "faces"), 10, "nowhere is missing"),
    ],
    ids=["no-folder", "classes-unknown", "classes-no-model", "fill-alone", "unknown-classes", "no-model"],
)
def test_a_training_with_painted_pictures_is_refused_before_it_begins(
    model: Path, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    faces(tmp_path / "faces", 120, ("mona", "other"))

    done = crawl("--root", "root", "train", "mona", "--network", "small", *words)

    assert (done.exit_code, said in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert not (tmp_path / "root").exists()
