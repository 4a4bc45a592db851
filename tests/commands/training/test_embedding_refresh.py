"""Stored pictures are looked at again by a model with another network, and their posts decided again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classifier.progress import unreported
from commands.context.settings import Settings
from commands.context.workspace import Workspace
from commands.training.embedding_refresh import look_at_all_again
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from storage.records import JudgeStats, Look, ModelCard
from tests.commands.measured_gallery import fill
from tests.crawler.crew_fakes import MONA

POSTS = 12
NEW = ModelCard("mona", 2, "new-model", "new-network", 0.5)


class RedJudge:
    """A judge that keeps the pictures of the posts up to five, whose number is their red."""

    opened_with: tuple[Mapping[str, ModelCard], Mapping[str, Path]]

    def __init__(self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path], settings: object) -> None:
        self.models = cards
        RedJudge.opened_with = (cards, folders)

    async def __aenter__(self) -> RedJudge:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def look(self, picture: bytes) -> Look:
        pixel: Any = Image.open(io.BytesIO(picture)).getpixel((0, 0))
        return Look({"mona": 0.9 if pixel[0] <= 5 else 0.1}, {"new-network": b"\0\0"}, 20, 15, "png")

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        raise AssertionError("stored embeddings are of another network")

    def stats(self) -> JudgeStats:
        return JudgeStats(0, 0, 0.0, 0, "cpu", "red")


@pytest.mark.parametrize(("trust_tags", "kept"), [(False, 5), (True, 7)])  # 4, 8 and 12 are tagged
async def test_every_stored_picture_is_decided_by_the_model_in_force(
    trust_tags: bool, kept: int, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    await fill(root, posts=POSTS)
    workspace = Workspace(root, "demo", replace(Settings(), scoring=replace(Settings().scoring, trust_tags=trust_tags)))

    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        await archive.register_model(NEW, {}, activate=True)
        done = await look_at_all_again(archive, workspace, MONA, NEW, unreported, RedJudge)
        again = await look_at_all_again(archive, workspace, MONA, NEW, unreported, RedJudge)

    assert (done.posts, done.kept) == (POSTS, kept)
    assert (again.posts, again.kept) == (0, 0)  # nothing is left that another model has decided
    assert RedJudge.opened_with == ({"mona": NEW}, {"mona": root / "models" / "mona" / "2"})
    with open_reader(root) as reader:
        found = reader.query("decision:keep target:mona").rows
        models = reader.sql("SELECT DISTINCT model FROM results").rows
    assert (len(found), list(models)) == (kept, [("mona/2",)])
