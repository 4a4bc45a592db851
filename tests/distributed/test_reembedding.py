"""After a new network the stored pictures are looked at again by the engine that is asked for, with equal results."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from classifier.progress import unreported
from commands.app import app
from commands.context.settings import RaySettings, Settings
from commands.context.workspace import Workspace
from commands.training.embedding_refresh import OpenJudge, look_at_all_again
from distributed.errors import ClusterLost
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard
from tests.classifier.tiny_models import TinyBackbone, png
from tests.commands.folders.places import make_root
from tests.commands.measured_gallery import fill
from tests.crawler.crew_fakes import MONA
from tests.distributed.conftest import LIMIT_S, Crawled, digest
from tests.distributed.processes import household
from tests.distributed.test_losses import three_nodes
from tests.distributed.workers_here import WorkerHere, engine_here
from tests.faults import driver
from tests.faults.kills.grounds import REAL

POSTS = 24
NOBODY_LISTENS = "127.0.0.1:1"


def spots(number: int, *, red: bool) -> bytes:
    """A picture like no other, red or blue on the whole."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    pixels[..., 2 if red else 0] //= 4
    return png(Image.fromarray(pixels).resize((48, 48), Image.Resampling.NEAREST))


async def looked_again(root: Path, card: ModelCard, settings: Settings, make: OpenJudge | None) -> int:
    """Look at all stored pictures by the model; gives their number."""
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        done = await look_at_all_again(archive, Workspace(root, "demo", settings), MONA, card, unreported, make)
    return done.posts


def active_card(root: Path) -> ModelCard:
    with open_reader(root) as reader:
        model = reader.active_model("mona")
    assert model is not None
    return model.card


def seen(root: Path) -> Sequence[tuple[object, ...]]:
    """Every picture's vectors, scores and decisions."""
    with open_reader(root) as reader:
        vectors = reader.sql("SELECT version_id, backbone_id, hex(vector) FROM embedding ORDER BY 1, 2").rows
        results = reader.sql("SELECT post_id, decision, model, score FROM results ORDER BY post_id").rows
    return [*vectors, *results]


async def test_workers_look_at_stored_pictures_again_as_this_machine_does(tiny: TinyBackbone, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    await fill(here, posts=POSTS)
    await asyncio.to_thread(make_root, here, tiny, 2)
    shutil.copytree(here, there)
    before, card, workers = seen(here), active_card(here), [WorkerHere(), WorkerHere()]

    done = await looked_again(here, card, Settings(), None)
    async with engine_here(workers) as engine:
        by_workers = await looked_again(there, card, Settings(), engine.judge)

    assert done == by_workers == sum(worker.pictures for worker in workers) == POSTS
    assert all(worker.pictures for worker in workers)
    assert digest(there) == digest(here)
    assert seen(there) == seen(here) != before


async def test_a_cluster_that_is_gone_after_learning_leaves_the_model_in_force(template: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(template, tmp_path / "root"))
    settings = replace(Settings(), engine="ray", ray=RaySettings(address=NOBODY_LISTENS))

    with pytest.raises(ClusterLost, match=f"the Ray cluster {NOBODY_LISTENS} cannot be reached"):
        await looked_again(root, active_card(root), settings, None)

    assert active_card(root).number == 1


@pytest.mark.parametrize(
    "work", [["train", "mona", "--network", "small"], ["models", "compress", "mona", "--how", "distil"]]
)
def test_a_cluster_that_is_missing_is_said_before_a_network_is_trained(
    work: list[str], tiny: TinyBackbone, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    asyncio.run(fill(root, posts=4))
    make_root(root, tiny, 2)
    words = [*work, "--root", str(root), "--engine", "ray"]

    ended = CliRunner().invoke(app, words, env={"CRAWL_RAY_ADDRESS": NOBODY_LISTENS})

    assert ended.exit_code == 2
    assert f"the Ray cluster {NOBODY_LISTENS} cannot be reached" in ended.stderr
    assert "Traceback" not in ended.output


@pytest.mark.parametrize("action", ["list", "activate"])
def test_an_engine_is_for_compression_alone(action: str, template: Path) -> None:
    ended = CliRunner().invoke(app, ["models", action, "mona", "--root", str(template), "--engine", "ray"])

    assert ended.exit_code == 2
    assert f"--engine belongs to crawl models compress, not to crawl models {action}" in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_round_with_a_new_network_looks_at_stored_pictures_again_on_three_nodes(crawled: Crawled) -> None:
    root, pictures = crawled.root("root"), crawled.folder / "pictures"
    for number in range(160):
        file = pictures / ("others" if number % 2 else "mona") / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(spots(number, red=number % 2 == 0))
    assert crawled.crawl(root).code == 0
    words = ["train", "mona", "--from", str(pictures), "--network", "small", "--force", "--root", str(root)]

    with household() as house, three_nodes(house) as cluster:
        environment = {"CRAWL_ROUND_ZERO_MINUTES": "0.5", **cluster.environment}
        ended = driver.run([*words, "--engine", "ray"], program=REAL, environment=environment, limit_s=LIMIT_S)

    assert "looking again 0% looking at pictures by 3 workers of the Ray cluster" in ended.stderr, ended.output
    assert active_card(root).number == 2
    here = Path(shutil.copytree(root, crawled.folder / "here"))
    refreshed = seen(root)
    asyncio.run(looked_again(here, active_card(here), Settings(), None))
    assert seen(here) == refreshed, "nothing was left to look at"
