"""What a crawl shows while it works."""

import asyncio

import pytest

from commands.terminal.crawl_progress import _line
from crawler.crew import Crew, Job
from crawler.decisions import Policy
from crawler.run import Run
from crawler.tally import Tally
from tests.crawler.crew_fakes import MONA, Eye, Files, Memory, Posts


@pytest.mark.parametrize(
    ("limit", "shown"), [(None, "listed 200 of 1446 "), (700, "listed 200 of 700 "), (9000, "listed 200 of 1446 ")]
)
async def test_a_limit_bounds_what_is_expected_to_come(limit: int | None, shown: str) -> None:
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
    crew = Crew(Posts([]), Files(), Eye(), Memory(), note=lambda post, error: None)
    run = Run(job, crew, Tally(listed=200, expected=1446), asyncio.Event())

    assert shown in _line(run, 10.0)
