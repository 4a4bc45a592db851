"""A trained network takes over from the untrained one only where it agrees better with tags that it never saw."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from classifier.metrics.quality import Estimate
from classifier.training import step_agreement
from classifier.training.backbone_training import TrainingSummary
from classifier.training.pipeline import Learned, LearnedTarget, TargetSpec
from classifier.training.splits import Split

_ROWS = 60
_SHOWS = np.arange(_ROWS) % 3 == 0


def _learned(noise: float, *, refusal: str = "", recall: float = 0.8, steps: int = 600) -> Learned:
    scores = _SHOWS + noise * np.random.default_rng(1).normal(size=_ROWS)
    head: Any = SimpleNamespace(
        forecast=SimpleNamespace(recall=Estimate(recall, 0.0, 1.0)), refusal=refusal, scores=scores
    )
    target = LearnedTarget(spec=TargetSpec("mona", "mona"), learned=head, shows=_SHOWS, unlabelled=0)
    rows: npt.NDArray[np.int64] = np.arange(_ROWS, dtype=np.int64)
    embedded: Any = SimpleNamespace(training=TrainingSummary(steps, 600, 1.0, 1.0, 0.0, 0))
    return Learned(embedded=embedded, characters=(), targets=(target,), split=Split(rows[:20], rows[20:50], rows[50:]))


@pytest.mark.parametrize(("before", "after", "better"), [(0.9, 0.2, True), (0.2, 0.9, False), (0.3, 0.3, False)])
def test_the_better_ranking_of_unseen_tagged_pictures_wins(
    before: float, after: float, better: bool, tmp_path: Path
) -> None:
    step_agreement.remember(tmp_path, _learned(before))

    found = step_agreement.agreements(tmp_path, _learned(after))["mona"]

    assert found.better is better
    assert "on 40 tagged pictures that it never saw" in found.why


@pytest.mark.parametrize(("recall", "better"), [(0.95, True), (0.81, False)])
def test_where_both_rank_alike_the_one_that_expects_to_find_more_wins(
    recall: float, better: bool, tmp_path: Path
) -> None:
    step_agreement.remember(tmp_path, _learned(0.0))

    found = step_agreement.agreements(tmp_path, _learned(0.0, recall=recall))["mona"]

    assert found.better is better
    assert f"expected recall {recall:.2f} against 0.80" in found.why


def test_a_network_that_may_not_decide_never_takes_over(tmp_path: Path) -> None:
    step_agreement.remember(tmp_path, _learned(0.9))

    found = step_agreement.agreements(tmp_path, _learned(0.1, refusal="too few pictures"))["mona"]

    assert found.to_json() == {"better": False, "why": "it may not decide: too few pictures"}


def test_a_network_that_was_trained_too_briefly_never_takes_over(tmp_path: Path) -> None:
    step_agreement.remember(tmp_path, _learned(0.9))

    found = step_agreement.agreements(tmp_path, _learned(0.1, steps=150))["mona"]

    assert not found.better
    assert "trained for only 25% of its steps" in found.why


def test_without_a_first_model_nothing_is_compared(tmp_path: Path) -> None:
    assert step_agreement.agreements(tmp_path, _learned(0.1)) == {}
