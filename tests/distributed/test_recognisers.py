"""A recogniser's network looks at a folder's pictures on workers as on this machine."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.embedding_judge import EmbeddingJudge
from classifier.errors import PackageError
from classifier.judge import JudgeSettings
from classifier.recognition.package import RecogniserPackage, load_recogniser
from storage.records import Look, ModelCard
from tests.classifier.tiny_models import TinyBackbone, png
from tests.commands.folders.places import Downloads, add_recogniser, make_root, picture
from tests.distributed.conftest import LIMIT_S, Crawled
from tests.distributed.processes import household
from tests.distributed.workers_here import WorkerHere, engine_here
from tests.faults import driver
from tests.faults.kills.grounds import REAL

SETTINGS = JudgeSettings()


def card_of(package: RecogniserPackage) -> ModelCard:
    return ModelCard("family", 1, package.hash, package.backbone_hash, 0.6)


@pytest.fixture
def package(tiny: TinyBackbone, tmp_path: Path) -> RecogniserPackage:
    root = make_root(tmp_path / "root", tiny)
    add_recogniser(root, tiny)
    return load_recogniser(root / "models" / "family" / "1")


def some_pictures() -> list[bytes]:
    """Of both kinds, one of extreme shape, which is looked at in windows too, and one that is none."""
    noise = np.random.default_rng(3).integers(0, 256, (40, 400, 3), dtype=np.uint8)
    both = [picture(number, red=red) for number in range(8) for red in (True, False)]
    return [*both, png(Image.fromarray(noise)), b"no picture"]


async def test_embeddings_from_workers_are_those_of_this_machine(package: RecogniserPackage) -> None:
    pictures, workers = some_pictures(), [WorkerHere(), WorkerHere()]

    async with EmbeddingJudge(package, SETTINGS) as judge:
        here = await asyncio.gather(*map(judge.look, pictures))
    async with engine_here(workers) as engine, engine.embedding_judge(card_of(package), package, SETTINGS) as far:
        there: list[Look] = await asyncio.gather(*map(far.look, pictures))
        recalled = await far.recall(there[0].embeddings)
        assert far.device.startswith("cpu (") and far.device.endswith(" by 2 Ray workers")

    assert there == here
    assert there[-2].windows and there[-1].fault
    assert recalled.embeddings == here[0].embeddings
    assert sum(worker.pictures for worker in workers) == len(pictures)


async def test_a_recogniser_that_is_not_the_registered_one_is_refused_by_the_worker(package: RecogniserPackage) -> None:
    card = ModelCard("family", 1, "0" * 64, package.backbone_hash, 0.6)

    async with engine_here([WorkerHere()]) as engine:
        with pytest.raises(PackageError, match="on here: "):
            await engine.embedding_judge(card, package, SETTINGS).__aenter__()


@pytest.mark.slow
def test_a_folder_is_sorted_by_names_on_a_cluster(crawled: Crawled, tiny: TinyBackbone) -> None:
    place = Downloads(crawled.root("here"), crawled.folder, red=60, blue=80)
    add_recogniser(place.root, tiny)
    shutil.copytree(place.root, crawled.folder / "far")
    lists: dict[str, str] = {}

    with household() as house:
        for name, engine in (("here", "local"), ("far", "ray")):
            to, root = crawled.folder / f"{name}-list", crawled.folder / name
            words = ["classify", str(place.pictures), "--with", "family", "--to", str(to), "--root", str(root)]
            ended = driver.run(
                [*words, "--engine", engine], program=REAL, environment=house.environment, limit_s=LIMIT_S
            )
            assert ended.code == 0, ended.output
            assert ("looking at pictures by" in ended.stderr) == (engine == "ray")
            lists[name] = (to / "classified.csv").read_text()
        left = house.left()

    assert lists["far"] == lists["here"]
    assert left == []
