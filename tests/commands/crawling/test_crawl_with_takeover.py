"""A crawl whose first model is followed by a better one in the middle: what it ends in, and what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from commands.crawling.takeover import State, Succession, Takeover
from commands.terminal.exit_codes import ExitCode
from commands.terminal.signals import StopRequest
from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.pipeline import crawl
from crawler.run import Run
from crawler.tally import Tally
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site
from tests.crawler.crew_fakes import MONA as TARGET
from tests.crawler.crew_fakes import Eye, Files, Memory, Posts, post

MAIN = ("--tag", SERIES, "--keep", "mona", "--json", "--quiet")


@contextlib.contextmanager
def dozen(folder: Path) -> Iterator[SmallSite]:
    """Twelve posts, every third bright, and settings that let a network be trained beside."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CRAWL_ROUND_ZERO_NETWORK_BESIDE", "true")
        with small_site(folder, monkeypatch) as site:
            site.misbehaviour = "succeeded"
            site.gallery.add_tag(MONA, "character")
            site.gallery.add_alias("mona", MONA)
            for number in range(1, 13):
                site.post(10 * number, *([MONA] if number % 4 == 0 else []), bright=number % 3 == 0)
            yield site


def crawled(site: SmallSite, *words: str) -> dict[str, Any]:
    ended = site.crawl(*MAIN, *words)
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@dataclass(frozen=True)
class Whole:
    """A run that is over: what it printed, and what it left."""

    site: SmallSite
    record: dict[str, Any]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with dozen(tmp_path_factory.mktemp("takeover")) as site:
        yield Whole(site, crawled(site))


WANTED = {30, 40, 60, 80, 90, 120}  # bright or tagged


def test_the_run_ends_as_if_the_better_model_had_decided_everything(whole: Whole) -> None:
    record, rows = whole.record, whole.site.rows("post_id, decision, place, model")

    assert {model for *_, model in rows} == {"mona/1"}
    assert {number for number, decision, *_ in rows if decision == "keep"} == WANTED
    assert (record["listed"], record["kept"], record["deleted"]) == (12, 6, 6)
    assert {number for number, _, place, _ in rows if place == "gallery"} > WANTED  # the rest waits for `crawl apply`


def test_the_summary_and_the_runs_row_say_which_model_decided_what(whole: Whole) -> None:
    record = whole.record

    assert record["model"] == "mona/1"
    assert record["decided_by"] == {"mona/1": 12}
    assert record["decided_again"] >= 5
    (one,) = record["takeover"]
    assert (one["before"], one["model"], one["state"]) == ("mona/2", "mona/1", "took over")
    assert any("mona/1 took over from mona/2" in note for note in record["notes"])
    assert any("kept by the first model" in note and "crawl apply" in note for note in record["notes"])
    with whole.site.reader() as reader:
        models, counts = reader.sql("SELECT models, counts FROM run").rows[0]
    assert json.loads(models) == ["mona/1"]
    assert json.loads(counts)["decided_by"] == {"mona/1": 12}


def test_nothing_is_fetched_twice(whole: Whole) -> None:
    with whole.site.reader() as reader:
        twice = reader.sql("SELECT version_id FROM attempt GROUP BY version_id, kind HAVING count(*) > 1").rows

    assert list(twice) == []


def test_a_run_with_a_limit_is_a_trial_and_waits_for_no_network(tmp_path: Path) -> None:
    with dozen(tmp_path) as site:
        record = crawled(site, "--limit", "12")

    assert "takeover" not in record
    assert record["decided_by"] == {"mona/2": 12}


def fakes() -> Run:
    job = Job(
        run_id=1, site="demo", query="genshin_impact", targets=(TARGET,), policy=Policy(), score_on="720x720",
        wants=lambda post: True,
    )  # fmt: skip
    return Run(job, Crew(Posts([post(1)]), Files(), Eye(), Memory(), lambda *_: None), Tally(), asyncio.Event())


async def test_a_stop_request_ends_the_waiting_for_the_network() -> None:
    run, takeover, stop = fakes(), Takeover(), StopRequest()
    run.stop = stop.event
    ended = asyncio.Event()

    async def train() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    takeover.begin([Succession("mona", "mona/1")], train())
    takeover.attach(run)
    await crawl(run)
    waiting = asyncio.create_task(takeover.finish(run))
    await asyncio.sleep(0)
    takeover.report("training", 0.25, "")
    assert run.doing == "network: training 25%"

    with stop.finishing_first():
        stop.ask(ExitCode.INTERRUPTED, waiting)
    await waiting

    assert ended.is_set()
    assert takeover.successions[0].state is State.STOPPED
    assert "the next crawl without --limit" in takeover.successions[0].words()


async def test_what_ends_the_training_for_a_reason_of_the_galleries_ends_the_run() -> None:
    run, takeover = fakes(), Takeover()

    async def train() -> None:
        raise ZeroDivisionError("a bug")

    takeover.begin([Succession("mona", "mona/1")], train())
    takeover.attach(run)
    await crawl(run)

    with pytest.raises(ZeroDivisionError):
        await takeover.finish(run)
