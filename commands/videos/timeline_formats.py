"""A timeline for people and programs: table, JSON, CSV, WebVTT."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from classifier.video.timeline import Appearance
from commands.terminal.console import printable
from commands.terminal.machine_formats import as_csv
from commands.terminal.tables import list_table

COLUMNS = ("name", "start_s", "end_s", "confidence", "looks", "best_s")


def to_table(appearances: Sequence[Appearance]) -> RenderableType:
    """A row an appearance."""
    table = list_table()
    for name in ("from", "to", "who", "confidence"):
        table.add_column(name, justify="left" if name == "who" else "right")
    for one in appearances:
        times = clock(one.start_s), clock(one.end_s)
        table.add_row(*times, Text(printable(one.name)), f"{one.confidence:.2f}")
    return table


def to_json(appearances: Sequence[Appearance]) -> list[dict[str, Any]]:
    """An object an appearance."""
    return [dict(zip(COLUMNS, _values(one), strict=True)) for one in appearances]


def to_csv(appearances: Sequence[Appearance]) -> str:
    """A row an appearance."""
    return as_csv(COLUMNS, [_values(one) for one in appearances])


def to_vtt(appearances: Sequence[Appearance], note: str) -> str:
    """Subtitles that say who is seen, for any player."""
    cues = [
        f"{clock(one.start_s)} --> {clock(max(one.end_s, one.start_s + 0.001))}\n{_cue(one)}\n"
        for one in sorted(appearances, key=lambda one: (one.start_s, one.end_s))
    ]
    return "\n".join([f"WEBVTT\n\nNOTE {_plain(note)}\n", *cues])


def seconds_of(appearances: Sequence[Appearance]) -> dict[str, float]:
    """How long each name is seen, the longest first."""
    total: Counter[str] = Counter()
    for one in appearances:
        total[one.name] += one.end_s - one.start_s  # type: ignore[assignment] # a counter of seconds
    return {name: round(seconds, 3) for name, seconds in total.most_common()}


def clock(seconds: float) -> str:
    """`01:02:03.450`, as WebVTT writes times."""
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest / 1000:06.3f}"


def _values(one: Appearance) -> tuple[str, float, float, float, int, float]:
    times = round(one.start_s, 3), round(one.end_s, 3), round(one.confidence, 4)
    return one.name, *times, one.looks, round(one.best_s, 3)


def _cue(one: Appearance) -> str:
    return f"{_plain(one.name)} {one.confidence:.2f}"


def _plain(text: str) -> str:
    return html.escape(printable(text), quote=False)
