"""`crawl train NAME --from DIR` in one process: what is read first, what is reported, when posts are decided again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from classifier.pictures.preprocessing import Preprocessing
from commands.context.network_choice import NetworkChoice
from commands.context.settings import Settings
from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.terminal.machine_formats import finish, one_reply, owe_object
from commands.terminal.streams import OUTPUT
from commands.training.from_folder import FolderTools, train_from_folder
from rounds.errors import TooLittleToLearn
from rounds.rescoring.rescore import Rescoring
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard, Target
from tests.crawler.crew_fakes import MONA
from tests.rounds.test_folder_round import BLUE, LEARNS, LIKES_RED, RED, Decoder, embed, painted


class InProcess(Decoder):
    """Decoders without processes of their own."""

    def __init__(self, preprocessings: object) -> None:
        pass

    async def __aenter__(self) -> InProcess:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass


@dataclass
class SmallTools:
    """Small pictures and a learning process that pretends."""

    again: list[str] = field(default_factory=list)  # models by which posts were decided again

    def tools(self) -> FolderTools:
        network = NetworkChoice("small", Preprocessing(8), None, may_download=False)
        command = (sys.executable, "-c", LEARNS, json.dumps(LIKES_RED))
        return FolderTools(lambda *given: network, InProcess, command, embed, self.look_again)

    async def look_again(
        self, archive: object, workspace: object, target: Target, card: ModelCard, report: object
    ) -> Rescoring:
        self.again.append(card.name)
        return Rescoring(9, 4)


@pytest.fixture
def small() -> SmallTools:
    return SmallTools()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return painted(tmp_path / "pictures", {"mona": (40, RED), "keqing": (50, BLUE), "other": (30, BLUE)})


def trained(
    root: Path, options: TrainOptions, small: SmallTools, capsys: pytest.CaptureFixture[str]
) -> tuple[int, Mapping[str, Any], str]:
    """The exit code, the JSON, and what people read."""
    capsys.readouterr()
    with one_reply():
        owe_object()
        code = asyncio.run(train_from_folder(options, Workspace(root, "demo", Settings()), small.tools()))
        finish(code)
    OUTPUT.flush()
    shown = capsys.readouterr()
    return code, json.loads(shown.out), shown.err


def test_a_folder_teaches_the_first_model_and_says_what_it_was_learned_from(
    tmp_path: Path, pictures: Path, small: SmallTools, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "mona" / "0000.jpg").write_bytes(b"\xff\xd8\xff broken")
    (pictures / "keqing" / "notes.txt").write_text("no picture")

    code, record, words = trained(tmp_path / "root", TrainOptions("mona", source=pictures, as_json=True), small, capsys)

    assert (code, record["model"], record["activated"], record["rescored"]) == (0, "mona/1", True, 0)
    assert (record["from"], record["meant"], record["learned_from"]) == (str(pictures), ["mona"], 119)
    assert record["classes"] == {"keqing": 50, "mona": 40, "other": 30}
    assert [one["file"] for one in record["left_out"]] == ["keqing/notes.txt", "mona/0000.jpg"]
    assert f"{pictures}: 40 pictures in mona, 80 in 2 other classes" in words
    assert "left out, truncated: 1 file (mona/0000.jpg)" in words
    assert small.again == []  # no post is known of it
    with open_reader(tmp_path / "root") as reader:
        active = reader.active_model("mona")
        assert active is not None
        assert (active.facts["how"], active.facts["tag"]) == ("folder", "mona")


def test_posts_of_a_target_that_was_crawled_are_decided_again_by_each_model_in_force(
    tmp_path: Path, pictures: Path, small: SmallTools, capsys: pytest.CaptureFixture[str]
) -> None:
    async def crawled() -> None:
        async with Archive.open(tmp_path / "root", ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.save_targets("demo", [MONA])

    asyncio.run(crawled())
    options = TrainOptions("mona", source=pictures, as_json=True, quiet=True)

    _, first, silence = trained(tmp_path / "root", options, small, capsys)
    _, second, _ = trained(tmp_path / "root", replace(options, force=True), small, capsys)

    assert (first["model"], first["rescored"], silence) == ("mona/1", 9, "")
    assert (second["model"], second["activated"]) == ("mona/2", True)
    assert second["metrics"]["compared"]["old"] == "mona/1"
    assert small.again == ["mona/1", "mona/2"]


def test_too_few_pictures_are_refused_before_a_gallery_is_made(
    tmp_path: Path, small: SmallTools, capsys: pytest.CaptureFixture[str]
) -> None:
    few = painted(tmp_path / "few", {"mona": (3, RED), "keqing": (2, BLUE)})

    with pytest.raises(TooLittleToLearn, match="has 3 that show it"):
        trained(tmp_path / "root", TrainOptions("mona", source=few), small, capsys)

    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (TrainOptions(None, source=Path("pictures")), "name a target and a folder"),
        (TrainOptions("mona"), "name a target and a folder"),
        (
            TrainOptions("モナ", source=Path("pictures")),
            "'モナ' cannot name a folder of models; give the name in",
        ),
    ],
)
def test_a_folder_needs_a_target_whose_name_can_name_its_models(
    tmp_path: Path, options: TrainOptions, message: str, small: SmallTools, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageRefused, match=message):
        trained(tmp_path / "root", options, small, capsys)
