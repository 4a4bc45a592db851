"""What help promises is so."""

import re
from itertools import groupby

import pytest
import typer
from typer.testing import CliRunner

from commands.app import app


def shown(*command: str) -> str:
    words = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output.split()
    return " ".join(words)


def test_help_does_not_deny_what_a_setting_may_allow_to_be_downloaded() -> None:
    assert "Nothing is downloaded" not in shown("train")
    assert "published weights of a network are, but only where the setting download_weights allows it" in shown("train")


def test_help_of_rescoring_is_no_promise_of_a_preview() -> None:
    assert "would hold" not in shown("rescore")
    assert "What is decided holds at once" in shown("rescore")


COMMANDS = ([], *([name] for name in typer.main.get_command(app).commands))  # type: ignore[attr-defined]  # a group


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_switch_is_shown_without_a_value(command: list[str]) -> None:
    assert not re.search(r"<[a-z]", shown(*command)), "a type of the program's, such as <bool> or <int range>"
    assert "--help" in shown(*command)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_paragraphs_of_help_fill_the_screen(command: list[str]) -> None:
    screen = {"COLUMNS": "500", "TERM": "dumb"}
    lines = CliRunner().invoke(app, [*command, "--help"], env=screen).output.partition("╭")[0].splitlines()
    paragraphs = [len(list(its)) for words, its in groupby(lines, key=lambda line: bool(line.strip())) if words]

    assert set(paragraphs) == {1}
