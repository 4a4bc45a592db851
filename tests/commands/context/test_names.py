"""Names that come from outside, at every door of the command line."""

import asyncio
import json
import sqlite3
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from classifier.errors import PackageError
from classifier.head import Head
from classifier.package.package import BackboneFiles, Canary, PackageParts, write_package
from classifier.pictures.preprocessing import Preprocessing
from commands.app import app
from commands.context.archive_protocol import CommandArchive, open_archive
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import load_workspace
from commands.crawling.model_choice import models_in_force
from commands.crawling.model_request import ModelRequest
from commands.errors import UsageRefused
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard, Target

WIDTH = 4


def crawl(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--root", str(root)], prog_name="crawl")


def package(folder: Path, threshold: float = 0.5) -> ModelCard:
    """A package whose network nobody will ever load."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    keras = folder.parent / "net.keras"
    keras.write_bytes(b"weights")
    parts = PackageParts(
        target="mona",
        backbone=BackboneFiles("small", keras, {}, Preprocessing(96), WIDTH),
        head=Head(np.ones(WIDTH, np.float32), -4.0),
        threshold=threshold,
        canaries=[Canary(b"png", np.zeros(WIDTH, np.float32))],
    )
    facts = write_package(folder, parts)
    keras.unlink()
    return ModelCard("mona", 1, facts.hash, facts.backbone_hash, threshold)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A gallery with one target and its model."""

    async def fill() -> None:
        card = package(tmp_path / "gallery-data" / "models" / "mona" / "1")
        async with Archive.open(tmp_path / "gallery-data", ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)")])
            await archive.register_model(card, {"round": 0}, activate=True)

    asyncio.run(fill())
    return tmp_path / "gallery-data"


NO_NAMES = [
    "../../../x",
    "..",
    ".",
    "",
    "/x",
    "a/b",
    "a\x1b[31mb",
    "a\nb",
    "con",
    "MONA",
    "a" * 5000,
    7,
    None,
    ["mona"],
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_package_that_names_no_target_is_refused_and_nothing_is_written(tmp_path: Path, name: object) -> None:
    source = tmp_path / "from elsewhere" / "1"
    package(source)
    manifest = json.loads((source / "manifest.json").read_bytes())
    (source / "manifest.json").write_text(json.dumps(manifest | {"target": name}), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))

    done = crawl(tmp_path / "deep" / "down" / "here", "models", "import", str(source))

    assert done.exit_code == 10, done.stderr
    assert "names no target" in done.stderr and done.stderr.rstrip("\n").replace("\n", " ").isprintable()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../../../x", "..", "mona/../../x", "a\x1bb", "mona/1/../1"])
@pytest.mark.parametrize(
    "words",
    [("models", "show"), ("models", "activate"), ("models", "rollback"), ("evaluate",), ("rescore",), ("train",)],
)
def test_a_name_that_is_none_is_not_known_to_any_command(root: Path, words: tuple[str, ...], name: str) -> None:
    done = crawl(root, *words, name)

    assert done.exit_code == 2, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.replace("\n", " ").isprintable()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE target SET name = '../../x'", ("train", "mona")),
        ("UPDATE target SET tag = 'a,b'", ("evaluate", "mona")),
        ("UPDATE model SET target = '../../x'", ("models", "list")),
        ("UPDATE model SET target = '../../x'", ("models", "show", "../../x/1")),
    ],
)
def test_a_row_whose_name_leads_elsewhere_is_called_damage(root: Path, change: str, words: tuple[str, ...]) -> None:
    connection = sqlite3.connect(root / "crawl.db")
    with connection:
        connection.execute(change)
    connection.close()

    done = crawl(root, *words)

    assert done.exit_code == 8, done.stderr
    assert "cannot" in done.stderr and "backup" in done.stderr


def model_request(root: Path, archive: CommandArchive, *, dry_run: bool = False) -> ModelRequest:
    workspace = load_workspace(root, None)
    targets = (Target("mona", "mona_(genshin_impact)"),)
    connected: Any = None  # nobody is asked for anything
    return ModelRequest(
        workspace, ThresholdGoal(), "genshin_impact", targets, connected, archive, dry_run=dry_run, quiet=True
    )


async def imported(root: Path, *numbers: int) -> None:
    """A gallery with models that were imported and never put in force."""
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        for number in numbers:
            card = package(root / "models" / "mona" / str(number), threshold=0.5 + number / 10)
            await archive.register_model(replace(card, number=number), {"imported": True}, activate=False)


def active(root: Path) -> list[str]:
    with open_reader(root) as reader:
        return [model.card.name for model in reader.models() if model.active]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_crawl_uses_the_model_that_was_imported_and_says_so(
    tmp_path: Path, dry_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    await imported(tmp_path / "root", 1)

    async with AsyncExitStack() as stack:
        archive = await open_archive(stack, load_workspace(tmp_path / "root", None), dry_run=dry_run)
        models = await models_in_force(model_request(tmp_path / "root", archive, dry_run=dry_run))

    assert models["mona"].card.name == "mona/1" and models["mona"].active
    assert active(tmp_path / "root") == ([] if dry_run else ["mona/1"])
    assert "mona/1 was imported for mona and is put in force" in capsys.readouterr().err


async def test_a_crawl_does_not_choose_between_models_that_were_imported(tmp_path: Path) -> None:
    await imported(tmp_path / "root", 1, 2)

    async with AsyncExitStack() as stack:
        archive = await open_archive(stack, load_workspace(tmp_path / "root", None), dry_run=False)
        with pytest.raises(UsageRefused, match="crawl models activate mona/2"):
            await models_in_force(model_request(tmp_path / "root", archive))


async def test_an_imported_model_whose_files_were_altered_is_not_put_in_force(tmp_path: Path) -> None:
    await imported(tmp_path / "root", 1)
    (tmp_path / "root" / "models" / "mona" / "1" / "backbone.keras").write_bytes(b"other")

    async with AsyncExitStack() as stack:
        archive = await open_archive(stack, load_workspace(tmp_path / "root", None), dry_run=False)
        with pytest.raises(PackageError):
            await models_in_force(model_request(tmp_path / "root", archive))

    assert active(tmp_path / "root") == []
