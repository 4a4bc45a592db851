"""Progress of something that takes long, shown as it suits the reader: a person at a terminal, a log, a program."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from classifier.progress import ProgressCallback, unreported
from commands.terminal.console import messages, printable, say
from commands.terminal.machine_formats import print_json_line

_LINE_EVERY_S = 10.0


@asynccontextmanager
async def reporting(*, quiet: bool, as_lines_of_json: bool = False) -> AsyncIterator[ProgressCallback]:
    """How progress is shown: not at all, as a bar a stage, as a line now and then, or as JSON on standard output."""
    console = messages()
    if as_lines_of_json:
        yield _report_json
    elif quiet:
        yield unreported
    elif console.is_terminal:
        with _progress(console) as bars:
            yield _Bars(bars).report
    else:
        yield _Lines().report


_ROOMY = 100  # columns of a terminal from which a bar may be long


def _progress(console: Console) -> Progress:
    """A line a stage; where the terminal is narrow the bar is short, and the words give way before the stage does."""
    bar = BarColumn(bar_width=40 if console.width >= _ROOMY else 12)
    stage = TextColumn("{task.description}")
    return Progress(stage, bar, TimeElapsedColumn(), _Words(), console=console, transient=True)


class _Words(ProgressColumn):
    """A stage's words, cut to the room that is left."""

    def __init__(self) -> None:
        super().__init__(table_column=Column(no_wrap=False))  # rich takes room from such columns first

    def render(self, task: Task) -> Text:
        return Text(task.fields["words"], no_wrap=True, overflow="ellipsis")


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def report(self, stage: str, share: float, words: str) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=1.0, words="")
        self._bars.update(self._tasks[stage], completed=share, words=printable(words))


class _Lines:
    def __init__(self) -> None:
        self._stage = ""
        self._said = 0.0

    def report(self, stage: str, share: float, words: str) -> None:
        now = time.monotonic()
        if stage == self._stage and now - self._said < _LINE_EVERY_S:
            return
        self._stage, self._said = stage, now
        say(f"{stage} {share:.0%} {words}")


def _report_json(stage: str, share: float, words: str) -> None:
    print_json_line({"stage": stage, "share": round(share, 4), "words": words})
