"""A network is trained beside a crawl, and takes over when it is better: with a learning process that pretends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import numpy as np
import psutil
import pytest

from classifier.errors import DeviceError
from classifier.head import Head
from classifier.judge import JudgeSettings
from classifier.package.package import BackboneFiles, Canary, PackageParts, load_package, write_package
from classifier.pictures.preprocessing import Preprocessing
from classifier.training.pipeline import TrainingPlan
from commands.context.connection import Connected
from commands.context.settings import Settings
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.crawling.first_model import FirstRound
from commands.crawling.model_request import ModelRequest
from commands.crawling.network_beside import NetworkBeside, awaiting_network
from commands.crawling.takeover import State, Takeover
from crawler.switching_judge import SwitchingJudge
from rounds.round_zero import Gathered, RoundSettings
from rounds.training_job import TrainingTask
from storage.archive import Archive
from storage.archive_records import RegisteredModel
from storage.files.paths import model_folder, models_folder, target_models
from storage.records import JudgeStats, Look, ModelCard, Target
from tests.storage.samples import NO_RESERVE, new_gallery

MONA = Target("mona", "mona_(genshin_impact)")
WIDTH = 4
PRETENDS = """
import json, os, pathlib, shutil, sys
folder, ready = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[1])
job = json.loads((folder / "job.json").read_text())
(ready / "niceness").write_text(str(os.nice(0)))
(ready / "job.json").write_text(json.dumps(job))
if (ready / "slow").exists():
    print(json.dumps({"stage": "training", "share": 0.5, "words": str(os.getpid())}), flush=True)
    sys.stdin.read()
(folder / "packages").mkdir()
shutil.copytree(ready / "package", folder / "packages" / "0")
done = json.loads((ready / "done.json").read_text()) | {"folder": str(folder / "packages" / "0"), "target": "mona"}
print(json.dumps({"done": {"targets": [done], "taught": {}, "classes": []}}), flush=True)
"""


def package(folder: Path, number: int, *, precision: float, test: Sequence[str] = ("a", "b")) -> Mapping[str, Any]:
    """A package whose network nobody will load; gives what a learning process says of it."""
    weights = folder.parent / "net.keras"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights %d" % number)
    metrics = {"test": {"average_precision": {"value": precision}}}
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles("small", weights, {}, Preprocessing(8), WIDTH),
        head=Head(np.ones(WIDTH, np.float32), -1.0),
        threshold=0.5,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
        snapshot={"parts": {"test": list(test)}},
        metrics=metrics,
    )
    written = write_package(folder, parts)
    weights.unlink()
    hashes = {"hash": written.hash, "backbone_hash": written.backbone_hash}
    return {**hashes, "threshold": 0.5, "metrics": metrics, "report": "fine"}


@dataclass
class Stub:
    """A judge with cards and no processes."""

    cards: Mapping[str, ModelCard]
    fails: bool = False
    opened: bool = False

    @property
    def models(self) -> Mapping[str, ModelCard]:
        return self.cards

    async def __aenter__(self) -> Stub:
        if self.fails:
            raise DeviceError("its check pictures do not score as they should")
        self.opened = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.opened = False

    async def look(self, picture: bytes) -> Look:
        return Look({"mona": 0.9})

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        return Look({"mona": 0.9})

    def stats(self) -> JudgeStats:
        return JudgeStats(0, 0, 0.0, 0, "cpu", "stub")


@dataclass(slots=True)
class Listening(Takeover):
    """Keeps what the learning process says."""

    messages: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def report(self, stage: str, share: float, words: str) -> None:
        Takeover.report(self, stage, share, words)
        self.messages.put_nowait(words)


@dataclass
class Scene:
    """A gallery with a first model in force, and the second step of its round."""

    archive: Archive
    beside: NetworkBeside
    takeover: Listening
    judge: SwitchingJudge
    ready: Path
    successors: list[Stub] = field(default_factory=list)
    fails: bool = False

    def make(self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path], settings: object) -> Stub:
        self.successors.append(Stub(cards, self.fails))
        return self.successors[-1]

    def add_to_done(self, **more: Any) -> None:
        """What the learning process says besides."""
        file = self.ready / "done.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | more))

    async def to_the_end(self) -> State:
        self.beside.begin()
        assert self.takeover._work is not None
        await self.takeover._work
        return self.takeover.successions[0].state

    async def in_force(self) -> str:
        active = await self.archive.active_model("mona")
        assert active is not None
        return active.card.name

    async def registered(self) -> Mapping[str, RegisteredModel]:
        return {model.card.name: model for model in await self.archive.models("mona")}


@contextlib.asynccontextmanager
async def scene(folder: Path, *, new: float = 0.99, test: Sequence[str] = ("a", "b")) -> AsyncIterator[Scene]:
    root, ready, work = new_gallery(folder / "root"), folder / "ready", folder / "work"
    ready.mkdir()
    work.mkdir()
    done = package(ready / "package", 2, precision=new, test=test)
    (ready / "done.json").write_text(json.dumps(done))
    first = model_folder(models_folder(root), ModelCard("mona", 1, "", "", 0.5).named)
    made = package(first, 1, precision=0.9)
    card = ModelCard("mona", 1, made["hash"], made["backbone_hash"], 0.5)
    takeover = Listening()
    async with Archive.open(root, NO_RESERVE) as archive, SwitchingJudge(Stub({"mona": card})) as judge:
        await archive.register_model(card, {"round": 0, "step": "first"}, activate=True)
        workspace = Workspace(root, "demo", Settings())
        request = ModelRequest(
            workspace, ThresholdGoal(), "genshin_impact", (MONA,), cast(Connected, None), archive, False, True, takeover
        )
        command = (sys.executable, "-c", PRETENDS, str(ready))
        settings = RoundSettings(preprocessing=Preprocessing(8), command=command)
        gathered = Gathered(work, TrainingTask([], [], TrainingPlan(), {}), settings)
        round_ = FirstRound(request, (MONA,), settings, work, gathered=gathered)
        made_scene = Scene(archive, cast(NetworkBeside, None), takeover, judge, ready)
        made_scene.beside = NetworkBeside(round_, judge, takeover, JudgeSettings(), made_scene.make)
        try:
            yield made_scene
        finally:
            await takeover.cancel()


async def test_a_better_network_is_put_in_force_and_the_crawl_looks_with_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        assert await here.to_the_end() is State.TOOK_OVER

        assert await here.in_force() == "mona/2"
        assert here.judge.models["mona"].name == "mona/2"
        assert here.successors[0].opened
        facts = (await here.registered())["mona/2"].facts
        assert (facts["step"], facts["compared"]["before"], facts["compared"]["better"]) == ("network", "mona/1", True)
        assert "0.990 against 0.900 on 2 pictures" in facts["compared"]["why"]
        assert load_package(target_models(models_folder(here.archive.root), "mona") / "2").target == "mona"


@pytest.mark.parametrize(
    ("new", "test", "why"), [(0.901, ("a", "b"), "0.901 against 0.900"), (0.99, ("a", "c"), "different pictures")]
)
async def test_a_network_that_is_not_measured_to_be_better_is_only_registered(
    new: float, test: Sequence[str], why: str, tmp_path: Path
) -> None:
    async with scene(tmp_path, new=new, test=test) as here:
        assert await here.to_the_end() is State.NOT_BETTER

        assert await here.in_force() == "mona/1"
        assert here.judge.models["mona"].name == "mona/1"
        assert why in (await here.registered())["mona/2"].facts["compared"]["why"]


async def test_what_the_learning_process_says_of_the_comparison_holds(tmp_path: Path) -> None:
    async with scene(tmp_path, new=0.99) as here:
        here.add_to_done(compared={"better": False, "why": "its out-of-fold scores agree less with the tags"})

        assert await here.to_the_end() is State.NOT_BETTER

        assert "agree less with the tags" in here.takeover.successions[0].words()


async def test_the_network_is_trained_as_the_second_step_and_gives_way_to_the_crawl(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        await here.to_the_end()

        job = json.loads((here.ready / "job.json").read_text())
        assert (job["step"], job["plan"]["recipe"]["time_budget_s"]) == ("network", RoundSettings().time_budget_s)
        assert int((here.ready / "niceness").read_text()) >= 10


async def test_a_network_that_cannot_be_loaded_here_leaves_the_first_model_in_force(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        here.fails = True

        assert await here.to_the_end() is State.FAILED

        assert await here.in_force() == "mona/1"
        assert here.judge.models["mona"].name == "mona/1"
        assert "check pictures" in here.takeover.successions[0].words()


async def test_a_learning_process_that_dies_ends_nothing_but_itself(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        (here.ready / "done.json").unlink()

        assert await here.to_the_end() is State.FAILED

        assert list(await here.registered()) == ["mona/1"]


async def test_ending_the_run_ends_the_learning_process(tmp_path: Path) -> None:
    async with scene(tmp_path) as here:
        (here.ready / "slow").touch()
        here.beside.begin()
        child = psutil.Process(int(await here.takeover.messages.get()))

        await here.takeover.cancel()

        assert not child.is_running()
        assert here.takeover.successions[0].state is State.STOPPED
        assert await here.in_force() == "mona/1"


def registered(number: int, step: str | None, *, active: bool) -> RegisteredModel:
    facts = {"round": 0} | ({} if step is None else {"step": step})
    card = ModelCard("mona", number, str(number), "b", 0.5)
    return RegisteredModel(card, active, None, facts, None, 0)  # type: ignore[arg-type] # nobody asks when


@pytest.mark.parametrize(
    ("models", "awaits"),
    [
        ([registered(1, "first", active=True)], True),  # a run that was stopped, killed, or limited
        ([registered(1, "first", active=True), registered(2, "network", active=False)], False),  # it was no better
        ([registered(1, "first", active=False), registered(2, "network", active=True)], False),
        ([registered(1, "first", active=False), registered(2, None, active=True)], False),  # a round came after it
        ([registered(1, None, active=True)], False),
        ([], False),
    ],
)
def test_the_next_crawl_trains_a_network_that_was_never_trained(models: list[RegisteredModel], awaits: bool) -> None:
    assert awaiting_network([MONA], {"mona": models}) == ((MONA,) if awaits else ())
