"""A gallery that an older program left: every command upgrades it, and where nothing can be written says so."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from migrations import HEAD
from storage.archive import Archive
from storage.errors import DatabaseOlder
from storage.reader import Reader
from tests.crawler.crew_fakes import CARD, MONA
from tests.storage.samples import NO_RESERVE, schema_at

COMMANDS = [
    ["status"],
    ["query", "keep:mona"],
    ["verify"],
    ["verify", "--set-aside"],
    ["tags"],
    ["report"],
    ["models"],
    ["evaluate", "mona"],
    ["train", "mona"],
    ["rescore", "mona"],
    ["relabel", "keep", "1"],
    ["apply"],
    ["trash", "list"],
    ["export", "kohya", "out", "--keep", "mona"],
    ["similar", "1"],
]


async def _fill(root: Path) -> None:
    async with Archive.open(root, NO_RESERVE) as archive:
        await archive.save_targets("demo", [MONA])
        await archive.register_model(CARD, {"round": 0}, activate=True)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    root = tmp_path / "gallery-data"
    asyncio.run(_fill(root))
    schema_at(root / "crawl.db", "0009", back=True)
    return root


def crawl(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--root", str(root), *words])


def schema(root: Path) -> str:
    with closing(sqlite3.connect(root / "crawl.db")) as connection:
        (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(version)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_whichever_command_comes_by_upgrades_an_older_gallery(
    words: list[str], older: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    answer = crawl(older, *words)

    assert answer.exit_code not in (1, 8), answer.stderr
    assert "database upgraded from schema 0009; backup: " in answer.stderr, answer.stderr
    assert schema(older) == HEAD
    assert len(list((older / "backups").iterdir())) == 1


def test_where_nothing_can_be_written_it_stays_and_the_line_says_why(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and really(path, mode))

    answer = crawl(older, "status")

    assert answer.exit_code == 8
    assert "nothing can be written there; copy the gallery" in answer.stderr
    assert schema(older) == "0009"
    assert not (older / "backups").exists()


def test_the_storage_itself_upgrades_nothing(older: Path) -> None:
    with pytest.raises(DatabaseOlder, match="older schema 0009"):
        Reader.open(older)

    assert schema(older) == "0009"


def test_the_doctor_leaves_it_as_it_is(older: Path) -> None:
    answer = crawl(older, "doctor", "--site", "demo", "--json")

    assert "older schema 0009" in answer.stdout
    assert schema(older) == "0009"
