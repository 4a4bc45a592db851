"""`crawl status` on what the learning loop leaves: how good the gallery is so far, and at which threshold it stands."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from review.gallery_service import GalleryReviewService
from review.service import LabelAnswer
from tests.commands.measured_gallery import fill

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path / "root", posts=120))
    return tmp_path / "root"


def crawl(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--root", str(root)])


def status(root: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(crawl(root, "status", "--json").stdout)
    return record


def answer(root: Path, count: int, why: str) -> None:
    """As the page does it, by a person who knows that every fourth post shows her."""
    with GalleryReviewService(root, "me") as service:
        asked = service.pictures("mona", service.queue("mona", random_only=True).ids[:count])
        answers = [
            LabelAnswer(one.id, "keep" if one.post_id % 4 == 0 else "delete", f"answer-{one.id:06d}", 0, why)
            for one in asked
        ]
        service.answer("mona", answers)


def loaded_by_status(root: Path) -> set[str]:
    program = (
        "import sys, json; from pathlib import Path; from commands import status; "
        f"status.run(Path({str(root)!r}), None, as_json=True); print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_answers_to_the_random_sample_measure_the_gallery_so_far(root: Path) -> None:
    answer(root, 40, "random")

    shown, record = " ".join(crawl(root, "status").stdout.replace("│", " ").split()), status(root)["so_far"]["mona"]

    assert record["answers"] == 40
    assert 0 < record["precision"]["low"] <= record["precision"]["value"] <= record["precision"]["high"] <= 1
    figures = (f"{record[name]['value']:.2f} ({record[name]['low']:.2f} to " for name in ("precision", "recall"))
    precision, recall = figures
    assert f"so far, mona precision {precision}" in shown
    assert f"recall {recall}" in shown
    assert "from 40 answers to the random sample" in shown
    assert not loaded_by_status(root) & {"tensorflow", "keras"}


def test_other_answers_show_nothing_of_the_gallery_and_cost_no_time(root: Path) -> None:
    answer(root, 10, "threshold")

    assert status(root)["so_far"] == {}
    assert "so far" not in crawl(root, "status").stdout
    assert not [name for name in loaded_by_status(root) if name.split(".")[0] in ("rounds", "classifier")]


def test_posts_that_are_decided_at_another_threshold_are_shown_until_they_no_longer_are(root: Path) -> None:
    before = status(root)["other_thresholds"]
    asked = crawl(root, "rescore", "mona", "--threshold", "0.8")

    between = status(root)["other_thresholds"]
    shown = " ".join(crawl(root, "status").stdout.replace("│", " ").split())
    crawl(root, "rescore", "mona")

    assert before == status(root)["other_thresholds"] == []
    assert [(one["model"], one["own"], one["threshold"]) for one in between] == [("mona/1", 0.5, 0.8)]
    assert between[0]["posts"] > 0
    assert "are decided at 0.800, as was asked for, not at mona/1's own 0.500" in shown
    assert "crawl rescore mona restores it" in asked.stderr
