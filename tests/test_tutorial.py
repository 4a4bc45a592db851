"""The tutorial's commands are commands of this program, with options that they have."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.app import app
from commands.context.settings import load_settings

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
LINES = [*re.findall(r"^    \$ (crawl .+)$", PAGE, re.MULTILINE), *re.findall(r"`(crawl [^`]+)`", PAGE)]


def parsed(words: list[str]) -> int:
    """The exit code of a command that is parsed and shows its help instead of being carried out."""
    return CliRunner().invoke(app, [*words, "--help"]).exit_code


@pytest.mark.parametrize("line", dict.fromkeys(LINES))
def test_every_command_is_one_of_the_program_with_these_options(line: str) -> None:
    assert parsed(shlex.split(line)[1:]) == 0


def test_a_command_or_an_option_that_there_is_not_would_be_noticed() -> None:
    assert parsed(["trian", "mona"]) == parsed(["train", "mona", "--forec"]) == 2


def test_the_tutorial_goes_through_the_whole_loop() -> None:
    steps = [line.split()[1] for line in LINES]

    for step in ("--tag", "status", "query", "review", "relabel", "train", "models", "apply"):
        assert step in steps


def test_its_settings_are_settings(tmp_path: Path) -> None:
    file = tmp_path / "crawl.toml"
    file.write_text(
        re.sub("^    ", "", PAGE.partition("`crawl.toml` there:\n\n")[2].partition("\n\nThe")[0], flags=re.M)
    )

    settings = load_settings(file, {})

    assert (settings.site, settings.round_zero.renditions) == ("demo", 150)
