"""A compressed model takes its parent's place only where held-out pictures say that it lost next to nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rounds.evaluation.compression import Compression, Scored, measured

pytestmark = pytest.mark.no_gallery

FIGURES: dict[str, Any] = {
    **{"how": "int8", "parent": "mona/3", "margin": 0.01, "held_out": 200, "positives": 20},
    **{"old_precision": 0.98, "new_precision": 0.975, "alike": 199, "pictures": 1000, "all_alike": 990},
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"new_precision": 0.99}, ""),
        ({"new_precision": 0.969}, "its average precision fell by 0.0110, more than 0.01 (--set margin=…)"),
        ({"new_precision": 0.969, "margin": 0.02}, ""),
        ({"new_precision": math.nan}, "its average precision fell by nan, more than 0.01 (--set margin=…)"),
        ({"positives": 4}, "4 held-out pictures of the target prove nothing"),
        ({"parent_in_force": False}, "mona/3 is not in force itself"),
    ],
    ids=["as good", "better", "worse", "worse within a wider margin", "unknown", "unproven", "parent not in force"],
)
def test_it_is_refused_where_it_lost_more_than_the_margin_or_proves_nothing(change: dict[str, Any], why: str) -> None:
    assert Compression(**{**FIGURES, **change}).refusal == why


def test_it_says_what_it_lost_and_how_often_both_decide_alike() -> None:
    words = Compression(**FIGURES).words()

    assert "compressed (int8) from mona/3: average precision 0.9750, 0.9800 before, on 200 held-out pictures" in words
    assert "decides as before on 99.5% of those and on 99.0% of all 1000" in words
    assert "none of them showing it" in Compression(**{**FIGURES, "positives": 0, "held_out": 0}).words()
    assert Compression(**{**FIGURES, "old_precision": math.nan}).to_json()["old_precision"] is None


def test_pictures_alone_are_ranked_and_everything_decides() -> None:
    truth, held_out = np.array([True, False, True, False]), np.array([True, True, False, False])
    alone = np.array([0.2, 0.9, 0.5, 0.5])
    before = Scored(np.array([0.9, 0.1, 0.9, 0.1]), np.array([0.9, 0.1, 0.5, 0.5]), 0.5)
    after = Scored(np.array([0.8, 0.7, 0.8, 0.1]), alone, 0.75)

    figures = measured(before, after, truth, held_out)

    assert (figures["held_out"], figures["positives"], figures["pictures"]) == (2, 1, 4)
    assert (figures["old_precision"], figures["new_precision"]) == (1.0, 0.5)
    assert (figures["alike"], figures["all_alike"]) == (2, 4)


def test_without_held_out_pictures_nothing_is_known() -> None:
    scored = Scored(np.array([0.5]), np.array([0.5]), 0.5)

    figures = measured(scored, scored, np.array([True]), np.array([False]))

    assert math.isnan(figures["old_precision"])
