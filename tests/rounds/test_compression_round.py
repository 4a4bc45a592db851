"""A compressed network gets a head of its own, and is compared with its parent before it may come into force."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from classifier.compression.job import read_compression_job
from classifier.compression.settings import settings_of
from classifier.package.package import load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from rounds.compression_round import CompressionPlan, compressed
from rounds.errors import LearningFailed
from rounds.head_round import Candidate, HeadRoundSettings, RoundOutcome, finish, learn_candidate
from rounds.network_round import TrainingPictures
from tests.classifier.tiny_models import SIZE, TinyBackbone, make_backbone, make_head, make_parts
from tests.rounds.evidence import Scene, answered, scene
from tests.rounds.test_head_round import MemoryArchive, first_model, snapshot

COPIES = """
import json, pathlib, shutil, sys
made, digest, folder = sys.argv[1:]
shutil.copy(pathlib.Path(folder) / "compression.json", pathlib.Path(folder).parent)
shutil.copy(pathlib.Path(folder) / "parent.npz", pathlib.Path(folder).parent)
shutil.copytree(made, pathlib.Path(folder) / "package")
print(json.dumps({"done": {"folder": folder + "/package", "hash": digest, "facts": {"words": "made smaller"}}}))
"""
FAILS = 'print(\'{"error": "DeviceError", "message": "too few parameters"}\')'
pytestmark = pytest.mark.filterwarnings("ignore")  # of TensorFlow, while the network is made


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyBackbone:
    return make_backbone(tmp_path_factory.mktemp("backbone"))


@dataclasses.dataclass
class Shown:
    """Pictures of a scene: those of the target are red, as far as one can see it."""

    world: Scene
    seen: Callable[[int], bool]

    def read(self, version: int) -> bytes:
        return f"{version} {int(self.seen(version - 1))}".encode()

    async def decode(self, picture: bytes) -> Any:
        version, red = (int(word) for word in picture.split())
        pixels = np.random.default_rng(version).integers(0, 60, (SIZE, SIZE, 3), dtype=np.uint8)
        pixels[:, :, 0] += np.uint8(150 * red)
        return SimpleNamespace(pixels=(pixels,))


def plan(made: Path, digest: str, how: str = "int8", *words: str, in_force: bool = True) -> CompressionPlan:
    return CompressionPlan(
        how=how,
        words=words,
        settings=settings_of(how, words),
        backbone="tiny",
        preprocessing=Preprocessing(SIZE),
        parent="mona/1",
        parent_in_force=in_force,
        command=(sys.executable, "-c", COPIES, str(made), digest),
    )


def made_of(tiny: TinyBackbone, folder: Path) -> tuple[Path, str]:
    """A compressed package, as the process leaves it."""
    files = dataclasses.replace(tiny.files, name="tiny-int8", keras=None)
    remembered = {"parts": {"train": ["learned"]}}
    facts = write_package(folder, make_parts(tiny, "mona", make_head(), backbone=files, snapshot=remembered))
    return folder, facts.hash


def candidate_of(root: Path, world: Scene, archive: MemoryArchive) -> Candidate:
    return learn_candidate(snapshot(root, world, first_model(root, archive)), HeadRoundSettings())


def compress(
    root: Path, candidate: Candidate, shown: Shown, plan: CompressionPlan, archive: MemoryArchive
) -> tuple[Candidate, RoundOutcome]:
    async def work() -> tuple[Candidate, RoundOutcome]:
        settings, models = HeadRoundSettings(), root / "models"
        pictures = TrainingPictures(shown.read, {}, shown)
        async with compressed(candidate, pictures, models / "mona", plan, settings, lambda *_: None) as made:
            return made, await finish(made, archive, models, settings)

    return asyncio.run(work())


def test_one_that_sees_as_well_comes_into_force_and_remembers_its_parent(tiny: TinyBackbone, tmp_path: Path) -> None:
    world, archive = scene(), MemoryArchive()
    candidate = candidate_of(tmp_path, world, archive)
    shown = Shown(world, lambda row: bool(world.truth[row]))

    made, outcome = compress(tmp_path, candidate, shown, plan(*made_of(tiny, tmp_path / "made")), archive)

    package = load_package(tmp_path / "models/mona/2")
    assert outcome.activated
    assert archive.active == "mona/2"
    assert archive.registered[-1].facts["how"] == "int8"
    assert archive.registered[-1].facts["parent"] == "mona/1"
    assert made.compression is not None
    assert made.compression.refusal == ""
    assert package.metrics["compression"]["facts"]["words"] == "made smaller"
    assert package.light_only
    assert package.threshold == made.learned.chosen.threshold
    assert "compressed (int8) from mona/1" in (package.report("report.txt") or b"").decode()
    assert not list((tmp_path / "models/mona").glob(".work*"))


def test_one_that_sees_less_is_kept_and_the_parent_stays_in_force(tiny: TinyBackbone, tmp_path: Path) -> None:
    world, archive = scene(), MemoryArchive()
    candidate = candidate_of(tmp_path, world, archive)
    blurred = Shown(world, lambda row: bool(world.truth[row]) != (row % 4 == 0))

    made, outcome = compress(tmp_path, candidate, blurred, plan(*made_of(tiny, tmp_path / "made")), archive)

    assert not outcome.activated
    assert archive.active == "mona/1"
    assert made.compression is not None
    assert "its average precision fell by" in made.compression.refusal
    assert (tmp_path / "models/mona/2/manifest.json").is_file()


def test_one_of_a_parent_that_is_not_in_force_is_kept_too(tiny: TinyBackbone, tmp_path: Path) -> None:
    world, archive = scene(), MemoryArchive()
    candidate = candidate_of(tmp_path, world, archive)
    asked = plan(*made_of(tiny, tmp_path / "made"), in_force=False)

    _, outcome = compress(tmp_path, candidate, Shown(world, lambda row: bool(world.truth[row])), asked, archive)

    assert not outcome.activated


@pytest.mark.parametrize("how", ["int8", "distil"])
def test_the_process_is_given_what_the_parent_says_and_what_people_say(
    how: str, tiny: TinyBackbone, tmp_path: Path
) -> None:
    world, archive = scene(), MemoryArchive()
    world = dataclasses.replace(world, evidence=answered(world.evidence, {4: "keep", 5: "delete"}))
    candidate = candidate_of(tmp_path, world, archive)
    shown = Shown(world, lambda row: bool(world.truth[row]))

    compress(tmp_path, candidate, shown, plan(*made_of(tiny, tmp_path / "made"), how), archive)

    job, answers = read_compression_job(tmp_path / "models/mona")
    before = candidate.snapshot.package
    assert (job.how, job.parent_hash) == (how, before.hash)
    assert sorted(answers.labels[answers.labels >= 0].tolist()) == [0, 1]
    np.testing.assert_allclose(answers.scores, before.head.probabilities(answers.vectors))
    assert (job.snapshot.get("earlier") == before.backbone_hash) == (how == "distil")
    assert bool(job.snapshot.get("parts", {}).get("train")) == (how == "distil")


def test_a_process_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    world, archive = scene(), MemoryArchive()
    candidate = candidate_of(tmp_path, world, archive)
    asked = dataclasses.replace(plan(tmp_path, "", "prune"), command=(sys.executable, "-c", FAILS))

    with pytest.raises(LearningFailed, match="too few parameters"):
        compress(tmp_path, candidate, Shown(world, lambda _: True), asked, archive)

    assert archive.active == "mona/1"
    assert [path.name for path in (tmp_path / "models/mona").iterdir()] == ["1"]
