"""A model that may not decide: what a crawl does with it, says of it, and how it ends."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from classifier.metrics.forecast import Forecast
from classifier.metrics.quality import Estimate
from commands.output.expectations import expected_of
from commands.output.refusals import refusal_words, refused_code
from commands.terminal.exit_codes import ExitCode, worst
from storage.archive_records import RegisteredModel
from storage.records import ModelCard
from tests.commands.small_site import MONA, SERIES, SmallSite, small_site
from tests.faults.stubs.judge import REFUSAL, REFUSING

OTHER = "fischl_(genshin_impact)"
JOB = ("--tag", SERIES, "--keep", "mona")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallSite]:
    """Two tagged posts, two that name nobody and one that names somebody else; the even ones are bright."""
    with small_site(tmp_path, monkeypatch) as found:
        found.gallery.add_tag(MONA, "character")
        found.gallery.add_tag(OTHER, "character")
        for number, tags in enumerate([(MONA,), (MONA,), (), (), (OTHER,)], start=1):
            found.post(number, *tags, bright=number % 2 == 0)
        yield found


def test_a_crawl_with_a_model_that_refuses_deletes_nothing_and_says_what_helps(site: SmallSite) -> None:
    site.misbehaviour = REFUSING

    result = site.crawl(*JOB, "--json")

    assert result.exit_code == ExitCode.UNDECIDED == 13
    summary = json.loads(result.stdout)
    assert (summary["kept"], summary["undecided"], summary["deleted"], summary["exit"]) == (2, 3, 0, 13)
    assert summary["kept_tagged"] == {"target": 2, "nobody": 0, "others": 0}
    assert {"what": "posts", "count": 3, "why": REFUSAL} in summary["open"]
    assert "crawl train mona --references DIR" in result.stderr
    assert {row[1] for row in site.rows("decision, reason") if row[0] == "undecided"} == {
        "model refused: only 9 pictures show it"
    }
    assert all(row[0] is not None for row in site.rows("score"))


def test_once_a_model_decides_the_posts_that_were_left_are_decided_without_a_download(site: SmallSite) -> None:
    site.misbehaviour = REFUSING
    site.crawl(*JOB)
    site.misbehaviour = "honest"

    result = site.crawl(*JOB, "--json")

    summary = json.loads(result.stdout)
    assert (result.exit_code, summary["kept"], summary["deleted"], summary["undecided"]) == (0, 3, 2, 0)
    assert summary["bytes_renditions"] == 0
    assert summary["kept_tagged"] == {"target": 2, "nobody": 1, "others": 0}


def test_the_summary_counts_what_was_kept_by_what_its_tags_say(site: SmallSite) -> None:
    result = site.crawl(*JOB)

    assert result.exit_code == 0
    assert "3 (2 tagged with the target, 1 without a character tag)" in " ".join(result.stdout.split())


CARD = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5)


def test_a_refusal_hides_no_other_trouble() -> None:
    refusing = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5, (), REFUSAL)

    assert (refused_code([CARD]), refused_code([CARD, refusing])) == (0, 13)
    assert refusal_words(CARD) == "" and refusal_words(refusing).startswith(f"mona/1 may not decide: {REFUSAL}.")
    assert [worst([13, other]) for other in (0, 3, 7, 10, 130)] == [13, 3, 7, 10, 130]


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"precision": 0.956, "recall": 0.88}, "precision 0.956, recall 0.880"),
        (
            {"precision": 0.956, "recall": 0.88, "precision_interval": [0.931, 0.972], "recall_interval": [0.8, None]},
            "precision 0.956 (0.93–0.97), recall 0.880",
        ),
        ({"precision": None, "recall": 0.88}, None),
        ({}, None),
        ("none", None),
    ],
)
def test_the_expected_figures_are_one_pair_with_limits_where_they_are_known(figures: object, words: str | None) -> None:
    model = RegisteredModel(CARD, True, datetime(2026, 1, 2, tzinfo=UTC), {"metrics": {"expected": figures}}, None, 0)

    found = expected_of(model, 0.5)

    assert (found and found.words()) == words
    assert expected_of(model, 0.7) is None  # another threshold has other figures


def test_the_limits_that_a_round_forecasts_are_those_that_a_run_shows() -> None:
    made = Forecast(0.5, Estimate(0.96, 0.93, 0.98), Estimate(0.9, 0.85, 0.94), reached=True, posts=900, kept=80)
    facts = {"metrics": {"expected": json.loads(json.dumps(made.to_json()))}}

    found = expected_of(RegisteredModel(CARD, True, datetime(2026, 1, 2, tzinfo=UTC), facts, None, 0), 0.5)

    assert found is not None
    assert found.words() == "precision 0.960 (0.93–0.98), recall 0.900 (0.85–0.94)"
