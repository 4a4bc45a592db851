"""What a shell offers while a command is being typed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from storage.archive import Archive
from storage.records import Target
from tests.storage.samples import CARD, NO_RESERVE, new_gallery


def offered(typed: str) -> list[str]:
    """What bash is offered after these words; a trailing blank begins a new word."""
    words = typed.split()
    at = len(words) if typed.endswith(" ") else len(words) - 1
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(at), "_CRAWL_COMPLETE": "complete_bash"}
    return CliRunner().invoke(app, [], prog_name="crawl", env=asked).stdout.split()


async def fill(root: Path) -> None:
    async with Archive.open(new_gallery(root), NO_RESERVE) as archive:
        await archive.save_targets("demo", [Target("mona", "mona_(genshin_impact)"), Target("fischl", "fischl")])
        await archive.register_model(CARD, {}, activate=True)
        await archive.register_model(replace(CARD, number=2, hash="c" * 64), {}, activate=False)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("completion") / "root"
    asyncio.run(fill(root))
    return root


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("crawl query --format j", ["json", "jsonl"]),
        ("crawl relabel ", ["keep", "delete", "unsure", "clear"]),
        ("crawl trash p", ["purge"]),
        ("crawl models r", ["rollback"]),
        ("crawl train --how h", ["head"]),
        ("crawl train --network s", ["simpsons_cnn", "small"]),
        ("crawl train --network mona_c", ["mona_cnn"]),
        ("crawl train --network mona_cnn --set wid", ["width="]),
        ("crawl networks s", ["show"]),
        ("crawl --rating g,", ["g,s", "g,q", "g,e"]),
        ("crawl --score-on 7", ["720x720"]),
        ("crawl --site da", ["danbooru"]),
    ],
)
def test_fixed_words_are_completed(typed: str, expected: list[str]) -> None:
    assert offered(typed) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("crawl --root {root} --keep m", ["mona"]),
        ("crawl relabel --root {root} --keep ", ["fischl", "mona"]),
        ("crawl --root {root} train f", ["fischl"]),
        ("crawl evaluate --root {root} mona/", ["mona/1", "mona/2"]),
        ("crawl trash --root {root} --model ", ["mona/1", "mona/2"]),
    ],
)
def test_names_of_the_gallery_are_completed(root: Path, typed: str, expected: list[str]) -> None:
    assert offered(typed.format(root=root)) == expected


def test_own_sites_are_completed(tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text('[sites.mybooru]\nurl = "https://booru.example"\n')

    assert offered(f"crawl --config {config} --site my") == ["mybooru"]


@pytest.mark.parametrize("typed", ["crawl --root /nowhere --keep ", "crawl --config /nowhere.toml evaluate "])
def test_where_there_is_nothing_to_offer_nothing_is_printed(typed: str) -> None:
    assert offered(typed) == []
