"""Which model judges: the one in force, the only one that was imported, or none yet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from classifier.errors import PackageError
from classifier.references.folder import ReferenceFolder
from commands.context.archive_protocol import CommandArchive
from commands.context.connection import Connected
from commands.context.settings import Settings
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.crawling.first_model import FirstRound
from commands.crawling.model_choice import learned_judge, models_in_force
from commands.crawling.model_request import ModelRequest
from commands.crawling.model_sources import ModelSources
from commands.crawling.takeover import Takeover
from commands.errors import UsageRefused
from storage.archive_records import RegisteredModel
from storage.records import JudgeStats, ModelCard, Target
from tests.commands.measured_gallery import write_model
from tests.crawler.crew_fakes import LONG_AGO, MONA


@dataclass(slots=True)
class Models:
    """An archive that knows models, and nothing else."""

    here: list[RegisteredModel] = field(default_factory=list)
    active: RegisteredModel | None = None
    others: Mapping[str, RegisteredModel] = field(default_factory=dict)  # targets that have a model of their own

    async def active_model(self, target: str) -> RegisteredModel | None:
        return self.others.get(target, self.active)

    async def models(self, target: str) -> list[RegisteredModel]:
        return [self.others[target]] if target in self.others else self.here

    async def activate_model(self, target: str, number: int) -> RegisteredModel:
        self.active = next(one for one in self.here if one.card.number == number)
        return self.active


def registered(card: ModelCard) -> RegisteredModel:
    return RegisteredModel(card, active=False, registered_at=LONG_AGO, facts={}, parent=None, round=None)


def request(root: Path, models: Models, *, dry_run: bool = False, quiet: bool = True) -> ModelRequest:
    return ModelRequest(
        workspace=Workspace(root, "demo", Settings()),
        goal=ThresholdGoal(),
        tag="genshin_impact",
        targets=(MONA,),
        connected=cast(Connected, None),
        archive=cast(CommandArchive, models),
        dry_run=dry_run,
        quiet=quiet,
    )


async def test_the_only_model_that_was_imported_comes_into_force_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = Models([registered(write_model(tmp_path / "root"))])

    found = await models_in_force(request(tmp_path / "root", models))

    assert found == {"mona": models.here[0]} == {"mona": models.active}
    assert "mona/1 was imported for mona and is put in force now" in capsys.readouterr().err


async def test_an_imported_model_whose_files_were_altered_does_not_come_into_force(tmp_path: Path) -> None:
    models = Models([registered(write_model(tmp_path / "root"))])
    (tmp_path / "root" / "models" / "mona" / "1" / "head.npz").write_bytes(b"nonsense")

    with pytest.raises(PackageError, match=r"head\.npz"):
        await models_in_force(request(tmp_path / "root", models))

    assert models.active is None


async def test_of_several_imported_models_a_person_chooses(tmp_path: Path) -> None:
    models = Models([registered(ModelCard("mona", number, "hash", "network", 0.5)) for number in (1, 2)])

    with pytest.raises(UsageRefused, match=r"mona/1, mona/2 are registered for mona, .*crawl models activate mona/2"):
        await models_in_force(request(tmp_path, models))


async def test_a_target_without_models_has_none(tmp_path: Path) -> None:
    assert await models_in_force(request(tmp_path, Models())) == {}


async def test_a_dry_run_without_a_model_says_what_the_real_run_would_learn(tmp_path: Path) -> None:
    with pytest.raises(UsageRefused, match="no model for mona yet: the real run would first learn one"):
        async with learned_judge(request(tmp_path, Models(), dry_run=True)):
            pytest.fail("it began")


# --- the judge that a crawl gets -------------------------------------------------------------------------------------


@dataclass
class OpenJudge:
    """A judge with cards and no processes."""

    models: Mapping[str, ModelCard]
    folders: Mapping[str, Path]
    settings: object
    tagger: None = None
    opened: bool = False

    async def __aenter__(self) -> OpenJudge:
        self.opened = True
        return self

    async def __aexit__(self, *error: object) -> None:
        self.opened = False

    def stats(self) -> JudgeStats:
        return JudgeStats(0, 0, 0.0, 0, "cpu", "stub")


@dataclass
class Learning(ModelSources):
    """Stands for everything that learns a model: notes what it was asked for, and gives what it is to give."""

    gives: dict[str, RegisteredModel] = field(default_factory=dict)
    heads: dict[str, RegisteredModel] = field(default_factory=dict)
    by_references: dict[str, RegisteredModel] = field(default_factory=dict)
    rounds: list[tuple[str, ...]] = field(default_factory=list)  # targets of each round 0 that was opened
    learned: int = 0  # rounds whose first step was taken
    beside: list[tuple[str, ...]] = field(default_factory=list)  # targets of each network that is trained beside
    judges: list[OpenJudge] = field(default_factory=list)

    def judge(self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path], settings: object) -> Any:
        self.judges.append(OpenJudge(cards, folders, settings))
        return self.judges[-1]

    async def second_heads(self, request: ModelRequest, missing: Sequence[Target]) -> Mapping[str, RegisteredModel]:
        return self.heads

    async def from_references(self, request: ModelRequest, folder: Path) -> Mapping[str, RegisteredModel]:
        return self.by_references

    @asynccontextmanager
    async def first_round(
        self, request: ModelRequest, targets: Sequence[Target], references: ReferenceFolder | None
    ) -> AsyncIterator[FirstRound]:
        self.rounds.append(tuple(target.name for target in targets))
        yield FirstRound(request, tuple(targets), cast(Any, None), Path())

    async def learn_first(self, round_: FirstRound) -> Mapping[str, RegisteredModel]:
        self.learned += 1
        return self.gives

    def train_beside(self, round_: FirstRound, *given: object) -> None:
        assert self.judges[-1].opened  # the network is compared with a judge that works
        self.beside.append(tuple(target.name for target in round_.targets))


@pytest.fixture
def learning() -> Learning:
    return Learning()


async def test_the_model_in_force_judges_at_its_threshold_and_nothing_is_learned(
    tmp_path: Path, learning: Learning, capsys: pytest.CaptureFixture[str]
) -> None:
    active = registered(write_model(tmp_path / "root", threshold=0.7))

    async with learned_judge(request(tmp_path / "root", Models([active], active), quiet=False), learning) as judge:
        assert judge.models["mona"].threshold == 0.7
        assert learning.judges[0].opened

    assert learning.judges[0].folders == {"mona": tmp_path / "root" / "models" / "mona" / "1"}
    assert not learning.judges[0].opened
    assert (learning.rounds, learning.beside) == ([], [])
    assert capsys.readouterr().err == "model mona/1: keeps from 0.700 up, scoring on cpu\n"


async def test_a_threshold_by_hand_holds_for_the_run(tmp_path: Path, learning: Learning) -> None:
    active = registered(write_model(tmp_path / "root", threshold=0.7))
    asked = replace(request(tmp_path / "root", Models([active], active)), goal=ThresholdGoal(threshold=0.4))

    async with learned_judge(asked, learning) as judge:
        assert judge.models["mona"].threshold == 0.4


@pytest.mark.parametrize("way", ["heads", "by_references", "gives"])
async def test_a_model_that_is_missing_is_learned_in_the_cheapest_way_that_gives_one(
    way: str, tmp_path: Path, learning: Learning
) -> None:
    setattr(learning, way, {"mona": registered(write_model(tmp_path / "root"))})
    asked = replace(request(tmp_path / "root", Models()), references=tmp_path if way == "by_references" else None)

    async with learned_judge(asked, learning) as judge:
        assert judge.models["mona"].name == "mona/1"

    by_round_zero = way == "gives"
    assert (learning.rounds, learning.learned) == ([("mona",)] if by_round_zero else [], int(by_round_zero))
    assert learning.beside == []  # this crawl has no room for a takeover


async def test_the_network_of_a_first_model_is_trained_beside_the_crawl(tmp_path: Path, learning: Learning) -> None:
    learning.gives = {"mona": registered(write_model(tmp_path / "root"))}

    asked = replace(request(tmp_path / "root", Models()), takeover=Takeover())

    async with learned_judge(asked, learning):
        assert learning.beside == [("mona",)]


@pytest.mark.parametrize(
    ("steps", "awaits"),
    [([], False), (["first"], True), (["first", "network"], False)],
    ids=["no steps", "first only", "both"],
)
async def test_a_network_that_an_earlier_run_did_not_come_to_train_is_trained_beside_this_one(
    steps: list[str], awaits: bool, tmp_path: Path, learning: Learning
) -> None:
    active = registered(write_model(tmp_path / "root"))
    first = replace(active, active=True, facts={"step": steps[0]} if steps else {})
    later = [replace(first, active=False, facts={"step": step}) for step in steps[1:]]

    asked = replace(request(tmp_path / "root", Models([first, *later], first)), takeover=Takeover())

    async with learned_judge(asked, learning):
        pass

    assert learning.rounds == learning.beside == ([("mona",)] if awaits else [])
    assert learning.learned == 0  # its first model is in force already


async def test_of_several_that_await_a_network_those_with_references_wait_for_a_run_of_their_own(
    tmp_path: Path, learning: Learning
) -> None:
    lisa, keqing = Target("lisa", "lisa_(genshin_impact)"), Target("keqing", "keqing_(genshin_impact)")
    active = registered(write_model(tmp_path / "root"))
    by_tags = replace(active, active=True, facts={"step": "first"})
    by_references = replace(by_tags, facts={"step": "first", "references": "pictures"})
    archive = Models([by_tags], by_tags, others={"keqing": by_references})
    asked = replace(request(tmp_path / "root", archive), targets=(MONA, lisa, keqing), takeover=Takeover())

    async with learned_judge(asked, learning):
        assert learning.beside == [("mona", "lisa")]
