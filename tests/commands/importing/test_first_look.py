"""What was imported is decided at once by the models in force, and kept from the files that are here."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from classifier.progress import unreported
from commands.context.settings import Settings
from commands.context.workspace import Workspace
from commands.importing.first_look import FirstLook, look_at_arrivals
from storage.archive import Archive, open_reader
from storage.archive_records import Label
from storage.moves.arrivals import Arrival
from storage.records import JudgeStats, LabelValue, Look, ModelCard, PostTags
from tests.commands.importing.test_import import picture
from tests.commands.measured_gallery import write_model
from tests.crawler.crew_fakes import MONA
from tests.storage.samples import NO_RESERVE, make_post, relabel


class RedJudge:
    """Keeps pictures of at least a hundred red."""

    looked: int = 0

    def __init__(self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path], settings: object) -> None:
        self.models = cards

    async def __aenter__(self) -> RedJudge:
        return self

    async def __aexit__(self, *error: object) -> None:
        pass

    async def look(self, picture: bytes) -> Look:
        RedJudge.looked += 1
        red: Any = Image.open(io.BytesIO(picture)).getpixel((0, 0))
        return Look({"mona": 0.9 if red[0] >= 100 else 0.001}, {"network": b"\0\0"}, 40, 30, "png")

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        raise AssertionError("nothing is stored")

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        raise AssertionError("nothing is looked into")

    def stats(self) -> JudgeStats:
        return JudgeStats(0, 0, 0.0, 0, "cpu", "red")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "root", "demo", Settings())


async def taken(archive: Archive, folder: Path, number: int, **changes: Any) -> None:
    """A picture whose red is the post's number."""
    content = picture(number)
    path = folder / f"{number}.png"
    path.write_bytes(content)
    md5 = hashlib.md5(content).hexdigest()
    await archive.arrivals.take(Arrival(path, (md5,), "png", 40, 30), link=False)
    await archive.arrivals.file_posts([make_post(number, content, **({"ext": "png", "tags": PostTags()} | changes))], 1)


async def test_every_new_picture_is_decided_once_and_what_is_kept_needs_no_site(
    workspace: Workspace, tmp_path: Path
) -> None:
    card = write_model(workspace.root)
    async with Archive.open(workspace.root, NO_RESERVE) as archive:
        await archive.save_targets("demo", [MONA])
        await archive.register_model(card, {}, activate=True)
        for number in (50, 120, 200):
            await taken(archive, tmp_path, number)
        await taken(archive, tmp_path, 60, tags=PostTags(character=(MONA.tag,)))
        await taken(archive, tmp_path, 70, site="hydrus")
        await relabel(archive, [Label(200, "demo", "mona", LabelValue.DELETE, "me", "click-1")])

        first = await look_at_arrivals(archive, workspace, 1, unreported, RedJudge)
        again = await look_at_arrivals(archive, workspace, 1, unreported, RedJudge)

    assert (first.models, first.looked, again.looked) == (("mona/1",), 5, 0)
    assert first.values == {"keep": 1, "delete": 3, "undecided": 1}  # 60 is tagged, and does not look like it
    assert [path.name.partition("_")[0] for path in (workspace.root / "gallery/mona").iterdir()] == ["120"]
    with open_reader(workspace.root) as reader:
        assert [target.name for target in reader.targets("hydrus")] == ["mona"]
        decided = reader.sql("SELECT site, post_id, decision FROM results ORDER BY post_id").rows
    assert decided[1:3] == [("demo", 60, "undecided"), ("hydrus", 70, "delete")]


async def test_without_a_model_in_force_nothing_is_opened(workspace: Workspace, tmp_path: Path) -> None:
    async with Archive.open(workspace.root, NO_RESERVE) as archive:
        await taken(archive, tmp_path, 120)

        assert await look_at_arrivals(archive, workspace, 1, unreported, RedJudge) == FirstLook()


async def test_a_picture_that_is_gone_again_is_left_to_verify(workspace: Workspace, tmp_path: Path) -> None:
    card = write_model(workspace.root)
    async with Archive.open(workspace.root, NO_RESERVE) as archive:
        await archive.save_targets("demo", [MONA])
        await archive.register_model(card, {}, activate=True)
        await taken(archive, tmp_path, 120)
        for path in workspace.root.glob("renditions/*/*/*"):
            path.unlink()

        assert (await look_at_arrivals(archive, workspace, 1, unreported, RedJudge)).looked == 0
