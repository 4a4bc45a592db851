"""A model from a folder of one's own pictures: what is trained on, what is compared, what comes into force."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.errors import PictureFault
from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, Package, PackageParts, load_package, write_package
from classifier.pictures.class_folders import ClassFolder, class_pictures
from classifier.pictures.preprocessing import Preprocessing
from rounds.errors import LearningFailed, TooLittleToLearn
from rounds.folder_round import (
    FolderModel,
    FolderSettings,
    FolderTask,
    InForce,
    finish_folder,
    in_force,
    model_from_folder,
)
from rounds.head_round import RoundOutcome
from storage.archive_records import RegisteredModel
from storage.records import ModelCard, Target
from tests.rounds.evidence import scene
from tests.rounds.test_head_round import NOW, MemoryArchive

MONA = Target("mona", "mona_(genshin_impact)", ("mona_(pact)_(genshin_impact)",))
RED, BLUE = (200, 10, 10), (10, 10, 200)
LIKES_RED, LIKES_BLUE = (40.0, 0.0, -40.0), (-40.0, 0.0, 40.0)  # weights of a head on mean colours

KEEPS_THE_JOB = """
import json, pathlib, shutil, sys
folder = pathlib.Path(sys.argv[1])
shutil.copy(folder / "job.json", folder.parent)
print(json.dumps({"error": "ValueError", "message": "no network today"}), flush=True)
"""
LEARNS = """
import json, pathlib, sys
import numpy
from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, write_package
from classifier.pictures.preprocessing import Preprocessing
folder, weights = pathlib.Path(sys.argv[2]), json.loads(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
pictures = numpy.load(folder / "pictures.npy", mmap_mode="r")
assert pictures.shape[1:] == (8, 8, 3)
md5s = [example["identity"]["md5"] for example in job["examples"]]
(folder / "net.keras").write_bytes(b"weights")
facts = write_package(folder / "packages" / "0", PackageParts(
    target="mona", backbone=BackboneFiles("small", folder / "net.keras", {}, Preprocessing(8), 3),
    head=Head(numpy.array(weights, numpy.float32), 0.0), threshold=0.5,
    canaries=[Canary(b"png", numpy.zeros(3, numpy.float32))],
    snapshot={**job["snapshot"], "parts": {"train": md5s[::2], "validation": md5s[1::4], "test": md5s[3::4]}}))
result = {"target": "mona", "folder": str(folder / "packages" / "0"), "hash": facts.hash,
        "backbone_hash": facts.backbone_hash, "threshold": 0.5, "metrics": {}, "report": "fine\\n"}
print(json.dumps({"done": {"targets": [result], "taught": {}, "classes": [MONA]}}), flush=True)
""".replace("MONA", repr(MONA.tag))


class Decoded:
    hash = 0  # no hash

    def __init__(self, colour: bytes) -> None:
        self.pixels = (np.zeros((8, 8, 3), np.uint8) + np.frombuffer(colour, np.uint8),)


class Decoder:
    async def decode(self, picture: bytes) -> Decoded:
        if picture.endswith(b"broken"):
            raise PictureFault("truncated")
        return Decoded(picture[3:6])


def embed(package: Package, pictures: np.ndarray) -> np.ndarray:
    """A network that sees the mean colour."""
    return (pictures.mean(axis=(1, 2)) / 255).astype(np.float16)


def painted(root: Path, classes: Mapping[str, tuple[int, tuple[int, int, int]]]) -> Path:
    """A folder with so many pictures of one colour a class; each is a file of its own."""
    for name, (count, colour) in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            content = b"\xff\xd8\xff" + bytes(colour) + f" {name} {number}".encode()
            (root / name / f"{number:04}.jpg").write_bytes(content)
    return root


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    classes = {"mona": (40, RED), "keqing": (50, BLUE), "other": (30, BLUE)}
    return painted(tmp_path / "my pictures", classes)


def listed(folder: Path) -> ClassFolder:
    return class_pictures(folder, ["mona"])


def settings(program: str = LEARNS, weights: tuple[float, ...] = LIKES_RED, **changes: Any) -> FolderSettings:
    words = (json.dumps(weights),) if program == LEARNS else ()
    command = (sys.executable, "-c", program, *words)
    return FolderSettings(backbone="small", preprocessing=Preprocessing(8), command=command, in_flight=4, **changes)


async def trained(
    folder: Path,
    root: Path,
    archive: MemoryArchive,
    how: FolderSettings,
    old: InForce | None = None,
    *,
    force: bool = False,
) -> tuple[FolderModel, RoundOutcome]:
    task = FolderTask(listed(folder), MONA, Decoder(), old, embed)
    async with model_from_folder(task, root / "models" / "mona", how) as model:
        outcome = await finish_folder(model, archive, root / "models", force=force, report=lambda *_: None)
    return model, outcome


def model_in_force(
    root: Path, archive: MemoryArchive, weights: tuple[float, ...], snapshot: Mapping[str, Any]
) -> InForce:
    root.mkdir(parents=True, exist_ok=True)
    (root / "net.keras").write_bytes(b"weights")
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles("small", root / "net.keras", {}, Preprocessing(8), 3),
        head=Head(np.array(weights, np.float32), 0.0),
        threshold=0.5,
        canaries=[Canary(b"png", np.zeros(3, np.float32))],
        snapshot=snapshot,
    )
    facts = write_package(root / "models" / "mona" / "1", parts)
    model = RegisteredModel(ModelCard("mona", 1, facts.hash, facts.backbone_hash, 0.5), True, NOW, {}, None, 0)
    archive.registered.append(model)
    package = load_package(root / "models" / "mona" / "1")
    return in_force(model, package, scene(20).evidence)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


async def job_of(folder: Path, tmp_path: Path, how: FolderSettings) -> dict[str, Any]:
    task = FolderTask(listed(folder), MONA, Decoder(), None, embed)
    with pytest.raises(LearningFailed, match="no network today"):
        async with model_from_folder(task, tmp_path / "models", how):
            pass
    found: dict[str, Any] = json.loads((tmp_path / "models" / "job.json").read_text())
    return found


async def test_the_first_model_is_numbered_one_in_force_and_the_pictures_stay_as_they_are(
    pictures: Path, tmp_path: Path
) -> None:
    archive, before = MemoryArchive(), contents(pictures)

    _, outcome = await trained(pictures, tmp_path, archive, settings())

    assert (outcome.card.name, outcome.activated, outcome.compared) == ("mona/1", True, None)
    assert archive.active == "mona/1"
    assert archive.registered[0].facts["tag"] == MONA.tag
    assert load_package(tmp_path / "models" / "mona" / "1").snapshot["from"] == "my pictures"
    assert [path.name for path in (tmp_path / "models" / "mona").iterdir()] == ["1"]  # the work folder is gone
    assert contents(pictures) == before


async def test_every_class_of_a_folder_is_a_class_of_the_network_but_other(pictures: Path, tmp_path: Path) -> None:
    (pictures / "labels.csv").write_text("path,class,group\nkeqing/0001.jpg,keqing,set of two\n")

    job = await job_of(pictures, tmp_path, settings(KEEPS_THE_JOB))

    by_md5 = {example["identity"]["md5"]: example for example in job["examples"]}

    def taught_of(name: str) -> dict[str, Any]:
        return dict(by_md5[hashlib.md5((pictures / name).read_bytes()).hexdigest()])

    assert taught_of("mona/0000.jpg")["characters"] == [MONA.tag]
    assert taught_of("keqing/0001.jpg")["characters"] == ["keqing"]
    assert taught_of("keqing/0001.jpg")["identity"]["set_key"] == "set of two"
    assert taught_of("other/0000.jpg")["characters"] == []
    assert all(example["labelled"] for example in job["examples"])
    assert len({example["identity"]["post_id"] for example in job["examples"]}) == len(job["examples"]) == 120


@pytest.mark.fault("M14")
async def test_pictures_that_cannot_be_decoded_are_left_out_by_name(pictures: Path, tmp_path: Path) -> None:
    (pictures / "keqing" / "cut.jpg").write_bytes(b"\xff\xd8\xff broken")

    model, _ = await trained(pictures, tmp_path, MemoryArchive(), settings())

    assert [(one.name, one.why) for one in model.undecodable] == [("keqing/cut.jpg", "truncated")]
    assert model.pictures == 120


async def test_of_too_many_pictures_a_third_shows_the_target(tmp_path: Path) -> None:
    folder = painted(tmp_path / "many", {"mona": (200, RED), "keqing": (400, BLUE)})

    job = await job_of(folder, tmp_path, settings(KEEPS_THE_JOB, pictures_at_most=300))

    shown = sum(MONA.tag in example["characters"] for example in job["examples"])
    assert (len(job["examples"]), shown) == (300, 100)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"mona": (20, RED), "keqing": (90, BLUE)}, "has 20 that show it .at least 30 needed. and 90 that do not"),
        ({"mona": (40, RED)}, r"has 40 that show it .* and 0 that do not .at least 60.*a folder called other"),
    ],
)
async def test_a_folder_with_too_few_pictures_is_refused_with_their_counts(
    tmp_path: Path, classes: dict[str, tuple[int, tuple[int, int, int]]], message: str
) -> None:
    folder = painted(tmp_path / "few", classes)

    with pytest.raises(TooLittleToLearn, match=message) as refused:
        await trained(folder, tmp_path, MemoryArchive(), settings())

    assert refused.value.exit_code == 2
    assert not (tmp_path / "models").exists()


@pytest.mark.fault("M16")
async def test_a_model_that_is_worse_than_the_one_in_force_waits_unless_forced(pictures: Path, tmp_path: Path) -> None:
    archive = MemoryArchive()
    old = model_in_force(tmp_path, archive, LIKES_RED, {})

    _, waits = await trained(pictures, tmp_path, archive, settings(weights=LIKES_BLUE), old)
    held = archive.active
    _, forced = await trained(pictures, tmp_path, archive, settings(weights=LIKES_BLUE), old, force=True)

    assert (waits.card.name, waits.activated, held) == ("mona/2", False, "mona/1")
    assert waits.compared is not None
    assert (waits.compared.old_errors, waits.compared.new_errors, waits.compared.pictures) == (0, 30, 30)
    assert "worse than mona/1" in waits.report
    assert (forced.card.name, forced.activated, archive.active) == ("mona/3", True, "mona/3")


async def test_a_better_model_comes_into_force_as_the_next_round(pictures: Path, tmp_path: Path) -> None:
    archive = MemoryArchive()
    old = model_in_force(tmp_path, archive, LIKES_BLUE, {})

    _, outcome = await trained(pictures, tmp_path, archive, settings(), old)

    assert (outcome.activated, archive.active) == (True, "mona/2")
    assert archive.registered[-1].facts["round"] == 1
    assert outcome.metrics["compared"]["new_errors"] == 0


async def test_no_picture_that_the_old_model_was_trained_on_is_compared_on(pictures: Path, tmp_path: Path) -> None:
    archive = MemoryArchive()
    md5s = [picture.md5 for picture in listed(pictures).pictures]
    old = model_in_force(tmp_path, archive, LIKES_RED, {"parts": {"train": md5s[:100], "validation": md5s[100:110]}})

    _, outcome = await trained(pictures, tmp_path, archive, settings(weights=LIKES_BLUE), old)
    everything = dataclasses.replace(old, learned_from=frozenset(md5s))
    _, without = await trained(pictures, tmp_path, archive, settings(weights=LIKES_BLUE), everything)

    assert outcome.compared is not None
    assert 0 < outcome.compared.pictures < 10
    assert without.compared is not None
    assert (without.compared.pictures, without.activated) == (0, True)
    assert "no held-out pictures to compare with mona/1" in without.report


async def test_a_recipe_is_asked_for_in_full_and_goes_on_where_the_same_training_was_interrupted(
    pictures: Path, tmp_path: Path
) -> None:
    how = settings(KEEPS_THE_JOB, recipe=("epochs=3",), logs=tmp_path / "logs")

    first = await job_of(pictures, tmp_path, how)
    again = await job_of(pictures, tmp_path, how)
    other = await job_of(pictures, tmp_path, dataclasses.replace(how, recipe=("epochs=4",)))

    assert first["recipe"]["settings"] == ["epochs=3"]
    assert first["recipe"]["checkpoints"] == again["recipe"]["checkpoints"] != other["recipe"]["checkpoints"]
    assert Path(first["recipe"]["checkpoints"]).parent == tmp_path / "models"
    assert Path(first["recipe"]["logs"]).parent == tmp_path / "logs"
    assert [one["identity"]["md5"] for one in first["examples"]] == [
        one["identity"]["md5"] for one in again["examples"]
    ]


async def test_checkpoints_are_gone_when_the_model_is_there(pictures: Path, tmp_path: Path) -> None:
    how = settings(recipe=("epochs=3",))
    kept = Path(
        (await job_of(pictures, tmp_path, dataclasses.replace(how, command=settings(KEEPS_THE_JOB).command)))["recipe"][
            "checkpoints"
        ]
    )
    place = tmp_path / "models" / "mona" / kept.name
    place.mkdir(parents=True)

    await trained(pictures, tmp_path, MemoryArchive(), how)

    assert not place.exists()


def test_a_head_of_a_round_was_trained_on_the_gallery_outside_of_its_test_split(tmp_path: Path) -> None:
    of_round = model_in_force(tmp_path / "a", MemoryArchive(), LIKES_RED, {"evidence": "abc"})
    of_tags = model_in_force(tmp_path / "b", MemoryArchive(), LIKES_RED, {})

    assert 0 < len(of_round.learned_from) < 20
    assert of_tags.learned_from == frozenset()
