"""What a crawl shows while it works."""

import asyncio
import io
from dataclasses import dataclass, replace

import pytest
from rich.console import Console

from commands.terminal.crawl_progress import Rhythm, _line, _Rate, progress
from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.run import Run
from crawler.tally import Outcome, Tally
from storage.records import JudgeStats
from tests.crawler.crew_fakes import MONA, Eye, Files, Memory, Posts


@dataclass(slots=True)
class BusyEye(Eye):
    """A judge whose device and whose tagger have computed for so long."""

    tagger: str = ""

    def stats(self) -> JudgeStats:
        return replace(Eye.stats(self), device_busy_s=2.5, tagger=self.tagger, tagger_busy_s=5.0)


def run_of(tally: Tally, limit: int | None = None, tagger: str = "", doing: str = "") -> Run:
    job = Job(
        run_id=1,
        site="demo",
        query="genshin_impact",
        targets=(MONA,),
        policy=Policy(),
        score_on="720x720",
        wants=lambda post: True,
        limit=limit,
    )
    crew = Crew(Posts([]), Files(), BusyEye(tagger=tagger), Memory(), note=lambda post, error: None)
    run = Run(job, crew, tally, asyncio.Event())
    run.doing = doing
    return run


def counted(expected: int | None = 1446) -> Tally:
    tally = Tally(listed=200, expected=expected)
    tally.scored = 150
    tally.outcomes.update({Outcome.KEPT: 40, Outcome.DELETED: 100, Outcome.UNDECIDED: 5, Outcome.FAILED: 1})
    return tally


AT_EVERY_TURN = Rhythm(live_s=0.0, line_s=0.0)


class Screen:
    """Standard error, as a terminal or as a log."""

    def __init__(self, *, terminal: bool) -> None:
        self.text = io.StringIO()
        self.console = Console(file=self.text, force_terminal=terminal, width=300, color_system=None, highlight=False)

    async def shows(self, words: str) -> None:
        while words not in self.text.getvalue():  # noqa: ASYNC110  # the loop's turns are what is waited for
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("limit", "shown"), [(None, "listed 200 of 1446 "), (700, "listed 200 of 700 "), (9000, "listed 200 of 1446 ")]
)
async def test_a_limit_bounds_what_is_expected_to_come(limit: int | None, shown: str) -> None:
    assert shown in _line(run_of(Tally(listed=200, expected=1446), limit), 10.0)


async def test_the_time_left_is_what_is_not_finished_at_the_rate() -> None:
    finished = counted().finished

    assert f"· {(1446 - finished) // 60}:{(1446 - finished) % 60:02d} left" in _line(run_of(counted()), 1.0)
    assert "time left unknown" in _line(run_of(counted()), 0.0)
    assert "time left unknown" in _line(run_of(counted(expected=None)), 1.0)


def test_the_rate_is_that_of_the_last_seconds() -> None:
    times = iter((0.0, 5.0, 20.0))
    rate = _Rate(lambda: next(times))

    shown = [rate(0), rate(10), rate(40)]

    assert shown == [0.0, 2.0, 2.0]  # none of one moment; 10 in 5 s; 30 in the 15 s since
    assert rate.seen == [(5.0, 10), (20.0, 40)]


async def test_a_log_gets_whole_lines() -> None:
    log, run = Screen(terminal=False), run_of(counted(), doing="waiting for the site")

    async with progress(run, quiet=False, console=log.console, rhythm=AT_EVERY_TURN):
        await asyncio.wait_for(log.shows("\n"), 60)

    line = log.text.getvalue().splitlines()[0]
    assert line.startswith("listed 200 of 1446 · scored 150 · kept 40 · deleted 100 · undecided 5 · failed 1 · ")
    assert line.endswith(" · queue 0/400 · time left unknown · waiting for the site")


@pytest.mark.parametrize(
    ("tagger", "device"), [("", "% busy  "), ("own", "% busy, tagger ")], ids=["without a tagger", "with one"]
)
async def test_a_person_gets_a_display_of_the_same_counts(tagger: str, device: str) -> None:
    terminal = Screen(terminal=True)
    run = run_of(counted(), tagger=tagger, doing="waiting for the site")

    async with progress(run, quiet=False, console=terminal.console, rhythm=AT_EVERY_TURN):
        run.tally.scored = 151
        await asyncio.wait_for(terminal.shows("scored 151"), 60)

    shown = terminal.text.getvalue()
    for words in ("listed 200 of 1446", "kept 40", "deleted 100", "failed 1", "queue 0/400", "waiting for the site"):
        assert words in shown
    assert device in shown


async def test_with_quiet_nothing_is_shown() -> None:
    log = Screen(terminal=False)

    async with progress(run_of(counted()), quiet=True, console=log.console, rhythm=AT_EVERY_TURN):
        for _ in range(5):
            await asyncio.sleep(0)

    assert log.text.getvalue() == ""
