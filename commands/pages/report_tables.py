"""A gallery's report as tables: what each question is answered, of each target and of the gallery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from commands.output.column_fit import filled, fitting
from commands.terminal import tables
from commands.terminal.console import printable
from storage.reader import Reader, Rows
from storage.reports.canned_questions import QUESTIONS, CannedQuestion, answer

LISTS = ("found_untagged", "doubtful", "corrections")  # questions whose answers are posts to look at
_ROWS = 8  # of a table on a screen
_OURS = "version_id"  # a column that only the page needs


@dataclass(frozen=True, slots=True)
class Report:
    """All answers."""

    targets: Mapping[str, Mapping[str, Rows]]  # by target, by the question's name
    gallery: Mapping[str, Rows]  # by the question's name

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "targets": {name: _records(answers) for name, answers in self.targets.items()},
            "gallery": _records(self.gallery),
        }


def report_of(reader: Reader, targets: Sequence[str]) -> Report:
    """Ask everything."""
    return Report(
        {name: {one.name: _asked(reader, one, name) for one in QUESTIONS if one.by_target} for name in targets},
        {one.name: _asked(reader, one) for one in QUESTIONS if not one.by_target},
    )


def titles() -> Mapping[str, CannedQuestion]:
    """The questions by name."""
    return {one.name: one for one in QUESTIONS}


def screen_of(report: Report) -> RenderableType:
    """The tables for people; posts are only counted."""
    parts: list[RenderableType] = []
    for target, answers in report.targets.items():
        parts.append(Text(printable(target), style="bold underline"))
        for name, rows in answers.items():
            parts += _table(name, rows, leave_out="target")
    for name, rows in report.gallery.items():
        parts += _table(name, rows)
    return Group(*parts)


def cell(value: Any) -> str:
    """A value for people."""
    if value is None:
        return ""
    text = str(value)
    return text[:16] if text[10:11] == " " and text[4:5] == "-" and text[13:14] == ":" else text  # a moment: minutes do


def _asked(reader: Reader, question: CannedQuestion, target: str = "") -> Rows:
    return reader.ask(lambda c: answer(c, question, target))


def _records(answers: Mapping[str, Rows]) -> dict[str, Any]:
    return {
        name: [{column: value for column, value in record.items() if column != _OURS} for record in rows.mappings()]
        for name, rows in answers.items()
    }


def _table(name: str, rows: Rows, *, leave_out: str = "") -> Iterator[RenderableType]:
    title = titles()[name].title
    if name in LISTS or not rows.rows:
        yield Text(f"{title}: {len(rows.rows)}{' or more' if len(rows.rows) == MOST else ''}")
        return
    kept = [place for place, column in enumerate(rows.columns) if column != leave_out]
    cells = {rows.columns[place]: [cell(row[place]) for row in rows.rows[:_ROWS]] for place in kept}
    columns, _ = fitting(cells, tables.screen_width(), {}, tuple(reversed(list(cells)[1:])))
    yield Text(title, style="bold")
    yield filled(tables.list_table(), columns, tables.screen_width(), {})
    if len(rows.rows) > _ROWS:
        yield Text(f"{len(rows.rows) - _ROWS} more rows: --json or --html DIR has them\n")


MOST = 1000  # rows of an answer
