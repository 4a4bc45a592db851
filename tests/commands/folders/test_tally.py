"""Counts of a pass stay small however many pictures there are, and figures of truth have intervals."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from commands.folders.summary import FolderSummary
from commands.folders.tally import FolderTally, Times
from commands.folders.truth import TruthTally
from crawler.folder_pipeline import Classified, Ruled, Verdict
from crawler.sources.local_files import LocalFile
from storage.records import DecidedBy


def one(number: int, verdict: Verdict, score: float, *, looked: bool = True) -> Classified:
    path = Path(f"/x/{number}.jpg")
    ruled = Ruled(verdict, DecidedBy.SCORE, f"{score} and so on", score, "mona" if verdict is Verdict.KEPT else "")
    return Classified(LocalFile(path, path.name), ruled, looked=looked, seconds=0.01 * (number % 3) + 0.001)


def test_of_many_pictures_only_the_doubtful_are_remembered() -> None:
    tally = FolderTally()
    for number in range(5000):
        tally.add(one(number, Verdict.KEPT, 0.5 + number / 10_000, looked=number % 2 == 0))
        tally.add(one(number, Verdict.REJECTED, number / 10_001))

    kept, rejected = tally.shown(Verdict.KEPT), tally.shown(Verdict.REJECTED)
    assert [path.stem for _, path in kept] == [str(number) for number in range(24)]
    assert [path.stem for _, path in rejected] == [str(number) for number in range(4999, 4975, -1)]
    assert kept[0][0] == 0.5
    assert (tally.pictures, tally.known, len(tally.times.bins)) == (10_000, 2500, 3)


def test_reasons_are_counted_and_only_some_files_named() -> None:
    tally = FolderTally()
    for number in range(7):
        tally.add(one(number, Verdict.FAILED, 0.0))

    assert tally.failed.lines("failed") == [
        "failed, 0.0 and so on: 7 (0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, …)",
    ]


def test_the_mode_is_the_middle_of_the_fullest_hundredth() -> None:
    times = Times()
    for seconds in (0.012, 0.018, 0.041, 0.3):
        times.add(seconds)

    assert times.mode_s == pytest.approx(0.015)
    assert (times.least_s, times.most_s) == (0.012, 0.3)


def test_truth_has_the_figures_of_its_counts() -> None:
    truth = TruthTally(pictures=5342, of_target=825, found=805, missed=141, wrong=121)

    record = truth.to_json()

    assert record["errors"] == 262
    assert record["class_accuracy"] == pytest.approx(0.8291, abs=1e-4)
    assert record["precision"]["value"] == pytest.approx(684 / 805)
    assert record["recall"]["low"] < record["recall"]["value"] < record["recall"]["high"]
    assert truth.f1.value == pytest.approx(2 * 684 / (805 + 825))
    assert truth.f1.low < truth.f1.value < truth.f1.high


def test_truth_of_nothing_is_not_measured() -> None:
    assert TruthTally().to_json()["f1"] == {"value": None, "low": None, "high": None}
    assert math.isnan(TruthTally().recall.value)
    lines = FolderSummary("mona", "mona/1", 0.5).report(TruthTally())
    assert "accuracy of mona not measured" in [" ".join(line.split()) for line in lines]
