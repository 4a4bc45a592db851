"""Votes over a second: what begins, what goes on, and where it ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from classifier.recognition.certainty import Limits
from classifier.recognition.class_head import ClassHead
from classifier.recognition.recogniser import Recogniser
from classifier.video.timeline import Appearance, NameRule, RecogniserRule, ThresholdRule, Timeline

MONA = ThresholdRule("mona", 0.5)


def seen(rule: NameRule, looks: Sequence[float | tuple[float, ...]], step_s: float = 0.2) -> list[Appearance]:
    """The appearances of looks that are so far apart."""
    timeline = Timeline(rule)
    found = [
        one for number, look in enumerate(looks) for one in timeline.add(number * step_s, np.atleast_1d(np.array(look)))
    ]
    return [*found, *timeline.finish(len(looks) * step_s)]


def spans(appearances: Sequence[Appearance]) -> list[tuple[str, float, float]]:
    return [(one.name, round(one.start_s, 3), round(one.end_s, 3)) for one in appearances]


def test_an_appearance_reaches_from_its_first_look_to_the_one_after_its_last() -> None:
    (one,) = seen(MONA, [0.1] * 10 + [0.9] * 10 + [0.1] * 10)

    assert spans([one]) == [("mona", 2.0, 4.0)]
    assert 2.0 <= one.best_s < 4.0
    assert 0.5 < one.confidence <= 0.9


def test_one_look_that_is_wrong_neither_makes_an_appearance_nor_ends_one() -> None:
    assert seen(MONA, [0.1] * 10 + [0.95] + [0.1] * 10) == []
    assert spans(seen(MONA, [0.9] * 10 + [0.05] + [0.9] * 10)) == [("mona", 0.0, 4.2)]


def test_a_probability_that_trembles_at_the_threshold_is_one_appearance() -> None:
    trembling = [0.52 if number % 12 < 6 else 0.48 for number in range(120)]

    assert len(seen(MONA, trembling)) == 1


def test_what_lasts_to_the_end_ends_with_the_video_and_nothing_is_nothing() -> None:
    assert spans(seen(MONA, [0.9] * 6)) == [("mona", 0.0, 1.2)]
    assert seen(MONA, []) == []
    assert seen(MONA, [math.nan] * 5) == []


def test_a_recogniser_changes_over_from_one_name_to_the_next_and_holds_a_name_that_stays_likeliest() -> None:
    head = ClassHead(("a", "b", "c"), np.zeros((2, 3)), np.zeros(3))
    rule = RecogniserRule(Recogniser(head, Limits(0.6, 0.0, 0.0)))
    a, weak, b, nobody = (0.9, 0.05, 0.05), (0.45, 0.3, 0.25), (0.1, 0.8, 0.1), (0.34, 0.33, 0.33)

    found = seen(rule, [a] * 5 + [weak] * 5 + [a] * 5 + [b] * 8 + [nobody] * 12)

    assert [one.name for one in found] == ["a", "b"]
    assert spans(found)[0][2] <= spans(found)[1][1] == 3.0
    assert spans(found)[1][2] == 4.6


def test_a_name_that_only_the_average_says_is_nobody_s_and_appearances_do_not_overlap() -> None:
    head = ClassHead(("a", "b", "c"), np.zeros((2, 3)), np.zeros(3))
    rule = RecogniserRule(Recogniser(head, Limits(0.0, 0.0, 0.0)))
    a, c, between = (0.6, 0.4, 0.0), (0.0, 0.4, 0.6), (0.45, 0.1, 0.45)

    found = seen(rule, [a] * 6 + [between] + [c] * 6)

    assert [one.name for one in found] == ["a", "c"]
    assert all(one.end_s <= other.start_s for one, other in itertools.pairwise(found))


def test_an_hour_leaves_no_more_behind_than_its_last_second() -> None:
    timeline = Timeline(MONA)

    for number in range(18_000):
        list(timeline.add(number * 0.2, np.array([0.1])))

    assert len(timeline._window) < 12
