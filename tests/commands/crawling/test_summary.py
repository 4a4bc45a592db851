import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from commands.crawling.demo_truth import compare
from commands.crawling.run_summary import _difference, posts_unaccounted_for
from commands.crawling.summary import Summary, Truth, size
from commands.crawling.takeover import Succession
from commands.output.expectations import Expected
from crawler.tally import Ended, KeptAs, Outcome, Tally
from storage.archive_records import ListingTally
from storage.reader import JudgedPost
from storage.records import Target
from tests.crawler.crew_fakes import MONA

# What outside tools rely on; adding is allowed, renaming is not.
CONTRACT = {
    "run", "site", "tag", "targets", "listed", "scored", "kept", "deleted", "undecided", "failed", "gone", "hidden",
    "gaps", "requests", "bytes_listing", "bytes_renditions", "bytes_originals", "seconds", "images_per_second",
    "device_busy", "model", "threshold", "exit",
}  # fmt: skip


def summary(tally: Tally, **more: object) -> Summary:
    facts: dict[str, object] = {
        "run": 1,
        "site": "demo",
        "tag": "genshin_impact",
        "targets": ("mona",),
        "tally": tally,
        "requests": 9,
        "bytes_listing": 10,
        "bytes_renditions": 200,
        "bytes_originals": 0,
        "device_busy": 0.5,
        "device": "cpu (litert)",
        "models": ("mona/1",),
        "thresholds": (0.7,),
        "exit": 0,
        "seconds": 2.0,
    }
    return Summary(**(facts | more))  # type: ignore[arg-type]  # a record of mixed values


def test_the_json_of_a_run_has_every_promised_key() -> None:
    record = summary(Tally()).to_json()

    assert set(record) >= CONTRACT
    assert (record["model"], record["threshold"]) == ("mona/1", 0.7)


def test_several_targets_have_a_model_each() -> None:
    record = summary(Tally(), models=("mona/1", "fischl/2"), thresholds=(0.7, 0.8)).to_json()

    assert (record["model"], record["threshold"]) == (["mona/1", "fischl/2"], [0.7, 0.8])


def test_saved_bytes_are_what_was_not_fetched() -> None:
    tally = Tally()
    tally.bytes_if_all = 1000

    assert summary(tally, bytes_originals=300).bytes_saved == 500


def test_outcomes_are_counted_with_their_reasons() -> None:
    tally = Tally()
    tally.end(Ended(Outcome.KEPT))
    tally.end(Ended(Outcome.UNDECIDED, "undecodable"))

    assert tally.finished == 2
    assert summary(tally).to_json()["undecided"] == 1
    assert tally.reasons[Outcome.UNDECIDED] == {"undecodable": 1}


def test_the_truth_is_compared_for_all_posts_and_for_untagged_ones() -> None:
    truth = {str(n): {"characters": [MONA.tag] if n <= 3 else ["someone_else"], "hidden": []} for n in range(1, 6)}
    judged = [
        JudgedPost(1, True, True, "keep"),
        JudgedPost(2, True, False, "keep"),
        JudgedPost(3, False, False, "delete"),
        JudgedPost(4, True, False, "keep"),
        JudgedPost(5, False, False, "delete"),
        JudgedPost(99, True, False, "keep"),
    ]

    counts = compare(MONA, judged, truth)

    assert counts == Truth("mona", 2, 1, 1, 1, 1, 1)
    assert counts.precision == pytest.approx(2 / 3)
    assert (counts.untagged_precision, counts.untagged_recall) == (0.5, 0.5)


def test_a_variant_shows_the_target_too() -> None:
    target = Target("mona", "mona", ("mona_(swimsuit)",))
    truth = {"1": {"characters": ["mona_(swimsuit)"], "hidden": []}}

    assert compare(target, [JudgedPost(1, True, False, "keep")], truth).untagged_right == 1


def test_nothing_to_compare_is_no_figure() -> None:
    assert Truth("mona", 0, 0, 0, 0, 0, 0).precision is None


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB")])
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert size(count) == text


# --- what people read, and what programs are given of the rare things -----------------------------------------------


def shown(one: Summary) -> dict[str, str]:
    """The closing table: name -> value."""
    console = Console(file=io.StringIO(), width=300, color_system=None)
    console.print(one.to_table())
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is a StringIO
    cells = [line.split("  ", 1) for line in lines[1:] if line.strip()]
    return {name: value.strip() for name, value in cells if name}


def test_a_run_that_went_well_shows_no_row_for_what_did_not_happen() -> None:
    tally = Tally(listed=1)
    tally.end(Ended(Outcome.KEPT, kept_as=KeptAs.TAGGED))

    rows = shown(summary(tally))

    assert not {"gone", "left open", "gaps", "refused rows", "tagger", "decided by"} & rows.keys()
    assert rows["kept"] == "1 (1 tagged with the target)"
    assert rows["deleted"] == "0 (originals never downloaded)"
    assert list(summary(tally).still_open()) and all(count == 0 for _, count, _ in summary(tally).still_open())


def test_whatever_a_run_left_open_is_in_the_table_with_what_to_do_and_in_the_object() -> None:
    tally = Tally(listed=10, known=3, gaps=2, refused=1)
    tally.end(Ended(Outcome.FAILED, "timeout"))
    tally.end(Ended(Outcome.GONE, "no file"))
    one = summary(tally, refusals=((5, "too few pictures"),), unaccounted=4, scored_originals=True)

    rows = shown(one)

    assert rows["listed"] == "10 posts, 3 decided before"
    assert rows["failed"] == "1 (1 timeout)"
    assert rows["gone"] == "1 (1 no file)"
    assert rows["left open"] == "8 listed posts not processed; run again"
    assert rows["gaps"] == "2 id ranges not listed; run again"
    assert rows["refused rows"] == "1 row of the site's answers not valid"
    assert rows["deleted"] == "0 (to the trash)"
    assert list(one.still_open()) == [
        ("posts", 1, "timeout"),
        ("posts", 8, "listed and not looked at"),
        ("posts", 5, "too few pictures"),
        ("id ranges", 2, "could not be listed"),
        ("rows", 1, "no valid posts in the site's answers"),
        ("posts", 4, "counted by the site and not shown by the walk"),
    ]


def test_a_tagger_a_takeover_and_the_truth_are_shown_where_there_are_any() -> None:
    tally = Tally(decided_again=3)
    tally.decided_by.update({"mona/1": 5, "mona/2": 7})
    one = summary(
        tally,
        models=("mona/2",),
        tagger="own",
        tagger_busy=0.25,
        successions=(Succession("mona", "mona/1"),),
        expected=(Expected("mona", 0.9, 0.8, (0.85, 0.95)),),
        truths=(Truth("mona", 2, 1, 1, 1, 1, 1),),
    )

    rows, record = shown(one), one.to_json()

    assert rows["tagger"] == "own, 25% busy"
    assert rows["decided by"] == "mona/1 5, mona/2 7, 3 of them again"
    assert rows["expected, mona"] == "precision 0.900 (0.85–0.95), recall 0.800, of posts without its tag"
    assert rows["truth, mona"] == "precision 0.667 · recall 0.667 (counted by the demo)"
    assert (record["tagger"], record["tagger_busy"], record["decided_again"]) == ("own", 0.25, 3)
    assert [row["target"] for row in record["takeover"]] == [row["target"] for row in record["truth"]] == ["mona"]
    assert record["expected"][0]["precision_low"] == 0.85 and record["expected"][0]["recall_low"] is None
    assert one.every_model() == ("mona/2", "mona/1")


def run_with(walk: ListingTally | None) -> Any:
    return SimpleNamespace(walk=walk)


def walked(listed: int, counted: int | None, refused: int = 0, gaps: int = 0) -> ListingTally:
    return ListingTally(listed, 0, refused, gaps, counted)


@pytest.mark.parametrize(
    ("walk", "unaccounted", "words"),
    [
        (None, 0, None),  # it did not come to its end
        (walked(700, None), 0, None),  # the site does not count
        (walked(700, 700), 0, None),
        (walked(698, 700), 0, "the walk showed 698: a site's stored count may lag behind"),
        (walked(997, 1000), 0, "the walk showed 997: a site's stored count may lag behind"),  # 0.5 %
        (walked(690, 700, refused=10), 0, "10 rows refused as invalid; a site's stored count may lag behind"),
        (walked(650, 700, gaps=1), 50, "the site counts 700 posts, the walk showed 650: 1 id range not listed"),
        (walked(650, 700), 50, "no known reason for the difference; run again, and report it if it persists"),
    ],
)
def test_posts_that_a_site_counts_and_does_not_show_are_explained_or_open(
    walk: ListingTally | None, unaccounted: int, words: str | None
) -> None:
    found = _difference(run_with(walk))

    assert posts_unaccounted_for(run_with(walk)) == unaccounted
    assert found is None if words is None else words in str(found)
