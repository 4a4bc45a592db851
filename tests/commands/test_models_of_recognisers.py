"""The list of models says from which limits on a recogniser says a name: all three of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.records import ModelCard


def listed(root: Path, limits: dict[str, float], *words: str) -> Result:
    """The list of a gallery with one recogniser that has these limits."""
    measured = {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95}, "pictures": 40}
    metrics: dict[str, Any] = {"limits": limits, "named": 0.9, "right_of_named": 0.8, "out_of_fold": measured}
    facts = {"kind": "recogniser", "classes": ["bart", "lisa"], "metrics": metrics}
    card = ModelCard("family", 1, "0" * 64, "1" * 64, limits["top"])

    async def register() -> None:
        async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
            await archive.register_model(card, facts, activate=True)

    asyncio.run(register())
    return CliRunner().invoke(app, ["models", "--root", str(root), *words], env={"COLUMNS": "160"})


@pytest.mark.parametrize(
    ("limits", "cell", "words"),
    [
        (
            {"top": 0.0, "gap": 0.12, "deviation": 0.05},
            "limits, below",
            "says a name from a gap to the second of 0.12 and a deviation of 0.05 on",
        ),
        ({"top": 0.0, "gap": 0.0, "deviation": 0.0}, "none", "answers with the likeliest class, however sure it is"),
    ],
    ids=["limits", "none"],
)
def test_all_limits_are_shown(tmp_path: Path, limits: dict[str, float], cell: str, words: str) -> None:
    done = listed(tmp_path / "root", limits)

    assert cell in done.stdout
    assert words in done.stderr


def test_a_program_reads_them_too(tmp_path: Path) -> None:
    limits = {"top": 0.6, "gap": 0.1, "deviation": 0.0}

    assert json.loads(listed(tmp_path / "root", limits, "--json").stdout)["models"][0]["limits"] == limits
