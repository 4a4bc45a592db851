"""The gallery's own estimate agrees with the truth, whatever else was asked."""

from __future__ import annotations

import numpy as np
from rounds_evidence import answered, scene, truly

from rounds.asking import Reason, questions
from rounds.estimating import estimates

THRESHOLD = 0.5


def test_without_random_answers_nothing_is_claimed() -> None:
    found = estimates(scene().evidence, THRESHOLD, np.array([], dtype=np.int64))

    assert found.answers == 0
    assert found.words() == "no answers to the random sample yet"


def test_the_truth_lies_in_the_interval_after_rounds_of_questions() -> None:
    inside, claims = 0, 0
    for seed in range(20):
        world = scene(600, seed=seed)
        evidence, drawn = world.evidence, []
        for _ in range(3):
            asked = questions(evidence, THRESHOLD, size=50, seed=seed)
            drawn += [question.row for question in asked if question.reason is Reason.RANDOM]
            evidence = answered(evidence, truly(world, [question.row for question in asked]))
        found = estimates(evidence, THRESHOLD, np.array(drawn), seed=seed)
        machine = evidence.tagged | (evidence.scores >= THRESHOLD)
        labels = np.array(evidence.labels)
        kept = (labels == "keep") | (machine & (labels != "delete"))
        right = (kept & world.truth).sum()
        for estimate, true in ((found.precision, right / kept.sum()), (found.recall, right / world.truth.sum())):
            claims += 1
            inside += estimate.low - 1e-9 <= true <= estimate.high + 1e-9

    assert inside / claims >= 0.88


def test_a_picture_that_a_person_is_unsure_of_counts_for_neither_side() -> None:
    world = scene(200)
    evidence = answered(world.evidence, {0: "unsure", 1: "keep"})

    assert estimates(evidence, THRESHOLD, np.array([0, 1])).answers == 1
