import pytest

from commands.crawling.demo_truth import compare
from commands.crawling.summary import Summary, Truth, size
from crawler.tally import Ended, Outcome, Tally
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
