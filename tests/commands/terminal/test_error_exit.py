"""An error that was raised on purpose has a documented exit code; any other is a bug."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import classifier.errors
import crawler.errors
import review.errors
import rounds.errors
import storage.errors
from commands.errors import DemoRefused, SettingsError
from commands.terminal.error_exit import describe, exit_code_of
from commands.terminal.exit_codes import ExitCode
from storage.run_error import DocumentedError, RunError

ROOMS = ("classifier", "commands", "crawler", "review", "rounds", "storage")
DOCUMENTED = Path(__file__).parents[3] / "docs/exit-codes.md"


class Foreign(Exception):
    """A library's error that happens to carry the attribute."""

    exit_code = 4


def kinds(of: type[DocumentedError] = DocumentedError) -> Iterator[type[DocumentedError]]:
    """Every family of errors that the program raises on purpose."""
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_every_error_raised_on_purpose_ends_with_a_code_that_is_documented() -> None:
    rows = {int(code) for code in re.findall(r"^\| (\d+) \|", DOCUMENTED.read_text("utf-8"), re.MULTILINE)}
    ours = [kind for kind in kinds() if kind.__module__.split(".")[0] in ROOMS]  # tests have fakes of their own

    assert {kind.__module__.split(".")[0] for kind in ours} == {*ROOMS}
    assert {kind.exit_code for kind in ours} <= rows


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (storage.errors.RefusedFile("x"), ExitCode.OPEN),
        (crawler.errors.TransientError("x"), ExitCode.OPEN),
        (crawler.errors.AccessError("x"), ExitCode.ACCESS),
        (rounds.errors.LearningFailed("x"), ExitCode.MODEL),
        (review.errors.PortTaken("x"), ExitCode.REFUSED),
        (SettingsError("x"), ExitCode.REFUSED),
        (DemoRefused("x"), ExitCode.REFUSED),
        (RunError("x"), ExitCode.BUG),
    ],
)
def test_an_error_raised_on_purpose_ends_the_program_with_its_own_code(error: Exception, code: ExitCode) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    "error", [Foreign("x"), classifier.errors.PictureFault("truncated"), review.errors.BadRequest("x")]
)
def test_an_error_of_another_family_is_a_bug_whatever_attributes_it_has(error: Exception) -> None:
    assert exit_code_of(error) is ExitCode.BUG
    assert describe(error).startswith("unexpected error, a bug:")
