"""What a smaller network is to answer: the parent's log odds, a person's labels, and what the parent sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from classifier.compression.job import ParentAnswers
from classifier.compression.soft_targets import soft_loss, soft_targets
from classifier.package.package import Package

TAG = "mona_(genshin_impact)"


def test_the_target_is_the_last_class_and_a_label_outweighs_the_parent(
    package: Package, answers: ParentAnswers
) -> None:
    targets = soft_targets(package, answers, TAG)

    scores = answers.scores[2:]
    assert targets.classes == (TAG,)
    assert targets.odds[:2, -1].tolist() == [5.0, -5.0]
    np.testing.assert_allclose(targets.odds[2:, -1], np.log(scores / (1 - scores)), rtol=1e-4)


def test_characters_that_the_parent_knows_are_learned_beside_the_target(
    package: Package, answers: ParentAnswers
) -> None:
    knowing = dataclasses.replace(package, classes=("keqing", TAG, "lisa"), backbone_name="fine_tuned-int8")

    targets = soft_targets(knowing, answers, TAG)

    assert targets.classes == ("keqing", "lisa", TAG)
    odds = np.clip(16 * answers.vectors.astype(np.float32)[:, [-3, -1]], -15, 15)
    np.testing.assert_allclose(targets.odds[:, :2], odds)


def test_directions_are_sums_of_the_embedding_of_length_one_in_the_mean(
    package: Package, answers: ParentAnswers
) -> None:
    targets = soft_targets(package, answers, TAG)

    vectors = answers.vectors.astype(np.float32)
    np.testing.assert_allclose((vectors - targets.centre) @ targets.basis, targets.directions, atol=1e-5)
    assert np.square(targets.directions[answers.train]).sum(axis=1).mean() == pytest.approx(1.0, rel=1e-3)
    assert targets.rows(np.array([3, 1])).columns.tolist() == targets.columns[[3, 1]].tolist()


def test_nothing_is_lost_where_all_is_answered_and_more_the_farther_it_is_off() -> None:
    wanted = np.array([[2.0, -3.0, 0.5]], np.float32)
    loss = soft_loss(2, temperature=2.0, features=3.0)

    def lost(*given: float) -> float:
        return float(np.asarray(loss(wanted, np.array([given], np.float32)))[0])

    assert lost(2.0, -3.0, 0.5) == pytest.approx(0.0, abs=1e-5)
    assert lost(2.0, -3.0, 1.5) == pytest.approx(3.0, rel=1e-4)
    assert 0 < lost(1.0, -3.0, 0.5) < lost(-2.0, -3.0, 0.5)
