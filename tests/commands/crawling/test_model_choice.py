"""Which model judges: the one in force, the only one that was imported, or none yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from classifier.errors import PackageError
from commands.context.archive_protocol import CommandArchive
from commands.context.connection import Connected
from commands.context.settings import Settings
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace
from commands.crawling.model_choice import learned_judge, models_in_force
from commands.crawling.model_request import ModelRequest
from commands.errors import UsageRefused
from storage.archive_records import RegisteredModel
from storage.records import ModelCard
from tests.commands.measured_gallery import write_model
from tests.crawler.crew_fakes import LONG_AGO, MONA


@dataclass(slots=True)
class Models:
    """An archive that knows models, and nothing else."""

    here: list[RegisteredModel] = field(default_factory=list)
    active: RegisteredModel | None = None

    async def active_model(self, target: str) -> RegisteredModel | None:
        return self.active

    async def models(self, target: str) -> list[RegisteredModel]:
        return self.here

    async def activate_model(self, target: str, number: int) -> RegisteredModel:
        self.active = next(one for one in self.here if one.card.number == number)
        return self.active


def registered(card: ModelCard) -> RegisteredModel:
    return RegisteredModel(card, active=False, registered_at=LONG_AGO, facts={}, parent=None, round=None)


def request(root: Path, models: Models, *, dry_run: bool = False) -> ModelRequest:
    return ModelRequest(
        workspace=Workspace(root, "demo", Settings()),
        goal=ThresholdGoal(),
        tag="genshin_impact",
        targets=(MONA,),
        connected=cast(Connected, None),
        archive=cast(CommandArchive, models),
        dry_run=dry_run,
        quiet=True,
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
