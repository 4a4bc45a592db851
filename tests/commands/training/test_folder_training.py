"""`crawl train NAME --from DIR` in one process: what is read first, what is reported, when posts are decided again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
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
from commands.training import from_folder
from commands.training.from_folder import train_from_folder
from crawler.decisions import Policy
from rounds.errors import TooLittleToLearn
from rounds.folder_round import FolderSettings, FolderTask
from rounds.rescore import Rescoring
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


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Small pictures and a learning process that pretends; models by which posts were decided again."""
    decided: list[str] = []

    async def look_at_all_again(
        archive: object, workspace: object, target: Target, card: ModelCard, policy: Policy, report: object
    ) -> Rescoring:
        decided.append(card.name)
        return Rescoring(9, 4)

    network = NetworkChoice("small", Preprocessing(8), None, may_download=False)
    command = (sys.executable, "-c", LEARNS, json.dumps(LIKES_RED))
    monkeypatch.setattr(from_folder, "chosen_network", lambda *given: network)
    monkeypatch.setattr(from_folder, "Decoders", InProcess)
    monkeypatch.setattr(from_folder, "FolderSettings", partial(FolderSettings, command=command))
    monkeypatch.setattr(from_folder, "FolderTask", partial(FolderTask, embed=embed))
    monkeypatch.setattr(from_folder, "look_at_all_again", look_at_all_again)
    return decided


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return painted(tmp_path / "pictures", {"mona": (40, RED), "keqing": (50, BLUE), "other": (30, BLUE)})


def trained(
    root: Path, options: TrainOptions, capsys: pytest.CaptureFixture[str]
) -> tuple[int, Mapping[str, Any], str]:
    """The exit code, the JSON, and what people read."""
    capsys.readouterr()
    with one_reply():
        owe_object()
        code = asyncio.run(train_from_folder(options, Workspace(root, "demo", Settings())))
        finish(code)
    OUTPUT.flush()
    shown = capsys.readouterr()
    return code, json.loads(shown.out), shown.err


def test_a_folder_teaches_the_first_model_and_says_what_it_was_learned_from(
    tmp_path: Path, pictures: Path, again: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "mona" / "0000.jpg").write_bytes(b"\xff\xd8\xff broken")
    (pictures / "keqing" / "notes.txt").write_text("no picture")

    code, record, words = trained(tmp_path / "root", TrainOptions("mona", source=pictures, as_json=True), capsys)

    assert (code, record["model"], record["activated"], record["rescored"]) == (0, "mona/1", True, 0)
    assert (record["from"], record["meant"], record["learned_from"]) == (str(pictures), ["mona"], 119)
    assert record["classes"] == {"keqing": 50, "mona": 40, "other": 30}
    assert [one["file"] for one in record["left_out"]] == ["keqing/notes.txt", "mona/0000.jpg"]
    assert f"{pictures}: 40 pictures in mona, 80 in 2 other classes" in words
    assert "left out, truncated: 1 file (mona/0000.jpg)" in words
    assert again == []  # no post is known of it
    with open_reader(tmp_path / "root") as reader:
        active = reader.active_model("mona")
        assert active is not None
        assert (active.facts["how"], active.facts["tag"]) == ("folder", "mona")


def test_posts_of_a_target_that_was_crawled_are_decided_again_by_each_model_in_force(
    tmp_path: Path, pictures: Path, again: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async def crawled() -> None:
        async with Archive.open(tmp_path / "root", ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.save_targets("demo", [MONA])

    asyncio.run(crawled())
    options = TrainOptions("mona", source=pictures, as_json=True, quiet=True)

    _, first, silence = trained(tmp_path / "root", options, capsys)
    _, second, _ = trained(tmp_path / "root", replace(options, force=True), capsys)

    assert (first["model"], first["rescored"], silence) == ("mona/1", 9, "")
    assert (second["model"], second["activated"]) == ("mona/2", True)
    assert second["metrics"]["compared"]["old"] == "mona/1"
    assert again == ["mona/1", "mona/2"]


def test_too_few_pictures_are_refused_before_a_gallery_is_made(
    tmp_path: Path, again: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    few = painted(tmp_path / "few", {"mona": (3, RED), "keqing": (2, BLUE)})

    with pytest.raises(TooLittleToLearn, match="has 3 that show it"):
        trained(tmp_path / "root", TrainOptions("mona", source=few), capsys)

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
    tmp_path: Path, options: TrainOptions, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageRefused, match=message):
        trained(tmp_path / "root", options, capsys)
