"""What a run shows while it works: a live display for people, plain lines for logs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from commands.terminal.console import messages
from crawler.run import Run
from crawler.tally import Outcome

RATE_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often progress is shown, in seconds."""

    live_s: float = 0.25  # on a terminal
    line_s: float = 5.0  # in a log


@dataclass(slots=True)
class _Rate:
    """Posts a second over the last few seconds."""

    clock: Callable[[], float] = time.monotonic
    seen: list[tuple[float, int]] = field(default_factory=list)

    def __call__(self, finished: int) -> float:
        now = self.clock()
        self.seen.append((now, finished))
        while len(self.seen) > 2 and self.seen[0][0] < now - RATE_WINDOW_S:
            self.seen.pop(0)
        (then, before), (_, after) = self.seen[0], self.seen[-1]
        return (after - before) / (now - then) if now > then else 0.0


@asynccontextmanager
async def progress(
    run: Run, *, quiet: bool, console: Console | None = None, rhythm: Rhythm = Rhythm()
) -> AsyncIterator[None]:
    """Show the run's progress while the block runs.

    Args:
        run: the run.
        quiet: nothing is shown.
        console: where; None: standard error.
        rhythm: how often.
    """
    if quiet:
        yield
        return
    console = console or messages()
    show = _live(run, console, rhythm.live_s) if console.is_terminal else _lines(run, console, rhythm.line_s)
    task = asyncio.create_task(show)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _lines(run: Run, console: Console, every_s: float) -> None:
    rate = _Rate()
    while True:
        await asyncio.sleep(every_s)
        console.print(_line(run, rate(run.tally.finished)), markup=False)


async def _live(run: Run, console: Console, every_s: float) -> None:
    rate = _Rate()
    with Live(_panel(run, 0.0), console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(every_s)
            live.update(_panel(run, rate(run.tally.finished)), refresh=True)


def _line(run: Run, rate: float) -> str:
    tally = run.tally
    return (
        f"listed {tally.listed}{_of(_total(run))} · scored {tally.scored} · kept {tally.outcomes[Outcome.KEPT]} · "
        f"deleted {tally.outcomes[Outcome.DELETED]} · undecided {tally.outcomes[Outcome.UNDECIDED]} · "
        f"failed {tally.outcomes[Outcome.FAILED]} · {rate:.1f} posts/s · device {busy_share(run):.0%} busy · "
        f"queue {run.queue.qsize()}/{run.queue.maxsize} · {_eta(run, rate)}" + (f" · {run.doing}" if run.doing else "")
    )


def _panel(run: Run, rate: float) -> RenderableType:
    tally = run.tally
    counts = Table.grid(padding=(0, 2))
    counts.add_row(
        Text(f"listed {tally.listed}{_of(_total(run))}"),
        Text(f"scored {tally.scored}"),
        Text(f"kept {tally.outcomes[Outcome.KEPT]}", style="green"),
        Text(f"deleted {tally.outcomes[Outcome.DELETED]}", style="red"),
        Text(f"undecided {tally.outcomes[Outcome.UNDECIDED]}", style="yellow"),
        Text(f"failed {tally.outcomes[Outcome.FAILED]}"),
    )
    rates = Table.grid(padding=(0, 2))
    rates.add_row(
        Text(f"{rate:.1f} posts/s"),
        Text(f"device {busy_share(run):.0%} busy{_tagger(run)}"),
        Text(f"queue {run.queue.qsize()}/{run.queue.maxsize}"),
        Text(f"in flight {tally.in_flight}"),
        Text(_eta(run, rate)),
        *([Text(run.doing, style="cyan")] if run.doing else []),
    )
    total = _total(run)
    bar = Table.grid(expand=True)  # a bar on its own does not end its line
    bar.add_row(ProgressBar(total=total, completed=min(tally.finished, total or tally.finished), pulse=total is None))
    return Group(bar, counts, rates)


def busy_share(run: Run) -> float:
    """Share of the run's time in which the device computed, 0..1."""
    return min(1.0, run.crew.judge.stats().device_busy_s / max(run.tally.seconds, 1e-9))


def tagger_share(run: Run) -> float | None:
    """Share of the run's time in which the user's own tagger computed, 0..1; None where there is none."""
    stats = run.crew.judge.stats()
    return min(1.0, stats.tagger_busy_s / max(run.tally.seconds, 1e-9)) if stats.tagger else None


def _tagger(run: Run) -> str:
    share = tagger_share(run)
    return "" if share is None else f", tagger {share:.0%}"


def _total(run: Run) -> int | None:
    bounds = [n for n in (run.tally.expected, run.job.limit) if n is not None]
    return min(bounds) if bounds else None


def _of(expected: int | None) -> str:
    return "" if expected is None else f" of {expected}"


def _eta(run: Run, rate: float) -> str:
    total = _total(run)
    if total is None or rate <= 0.0:
        return "time left unknown"
    left = max(0, total - run.tally.finished) / rate
    return f"{int(left // 60)}:{int(left % 60):02d} left"
