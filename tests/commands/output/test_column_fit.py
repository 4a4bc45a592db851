"""Tables on narrow screens stay readable."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from commands.output.column_fit import filled, fitting

WHY = "tagged, but the others of that tag look different (26% likely)"
COLUMNS = {
    "post_id": ["4", "158"],
    "asked": ["tag-error", "disagreement"],
    "why": [WHY, "the model says 29%, a second opinion 6%"],
    "tags_character": ["mona_(genshin_impact)", "keqing_(genshin_impact)"],
}
LEAST = {"why": 24, "tags_character": 16}


def drawn(columns: dict[str, list[str]], width: int, expendable: tuple[str, ...]) -> tuple[str, list[str]]:
    kept, gone = fitting(columns, width, LEAST, expendable)
    stream = io.StringIO()
    Console(file=stream, width=width).print(filled(Table(box=None), kept, width, LEAST))
    return stream.getvalue(), list(gone)


@pytest.mark.parametrize(
    ("width", "gone"), [(120, []), (80, []), (60, ["tags_character"]), (44, ["tags_character", "asked"])]
)
def test_a_narrow_screen_loses_the_least_important_columns_and_cuts_no_word(width: int, gone: list[str]) -> None:
    shown, left_out = drawn(COLUMNS, width, ("tags_character", "asked"))

    assert left_out == gone
    assert "…" not in shown
    assert len(shown.splitlines()) <= 7  # a heading, and hardly three lines a row
    assert max(map(len, shown.splitlines())) <= width


def test_columns_that_were_asked_for_stay_however_narrow_the_screen() -> None:
    shown, left_out = drawn(COLUMNS, 50, ())

    assert left_out == []
    assert "post_id" in shown
    assert "158" in shown
    assert "…" not in shown
