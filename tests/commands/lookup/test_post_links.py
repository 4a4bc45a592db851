"""Every command refuses a root in which a link stands for something of the gallery: one line, exit 7."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from storage.archive import Archive
from storage.archive_records import ArchiveSettings

COMMANDS = {
    "crawl": ["--tag", "x", "--keep", "mona"],
    "crawl --dry-run": ["--tag", "x", "--keep", "mona", "--dry-run"],
    "query": ["query", "mona"],
    "status": ["status"],
    "verify": ["verify"],
    "relabel": ["relabel", "keep", "1"],
    "apply": ["apply", "--yes"],
    "trash list": ["trash", "list"],
    "trash purge": ["trash", "purge", "--older-than", "30d", "--yes"],
    "models list": ["models", "list"],
    "train": ["train", "mona"],
    "evaluate": ["evaluate", "mona"],
    "rescore": ["rescore", "mona"],
    "doctor": ["doctor", "--site", "demo"],
}


@pytest.mark.fault("F12")
@pytest.mark.parametrize("name", ["crawl.db", "crawl.log", "models", "backups", "gallery"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_link_in_the_root_is_refused_in_one_line(tmp_path: Path, command: str, name: str) -> None:
    root, victim = tmp_path / "gallery-data", tmp_path / "victim"
    Archive.open(root, ArchiveSettings(reserve_bytes=0)).close()
    if (root / name).exists():
        (root / name).rename(victim)
    elif name.endswith("s"):
        victim.mkdir()
    else:
        victim.write_bytes(b"precious")
    (root / name).symlink_to(victim)
    before = victim.read_bytes() if victim.is_file() else sorted(victim.iterdir())

    ended = CliRunner().invoke(app, [*COMMANDS[command], "--root", str(root)])

    assert ended.exit_code == 7, ended.output
    words = " ".join(ended.output.split())
    assert words.count("is a link where a") == 1, ended.output
    assert command == "doctor" or f"{root / name}: is a link" in words, ended.output
    assert "Traceback" not in ended.output
    assert before == (victim.read_bytes() if victim.is_file() else sorted(victim.iterdir()))
