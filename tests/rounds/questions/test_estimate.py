"""The gallery's own estimate agrees with the truth, whatever else was asked."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.estimate import counted_strata, estimates, predicted_by
from rounds.questions.queue import Reason, questions
from rounds.questions.random_sample import next_at_random
from storage.evidence import Evidence
from tests.rounds.evidence import Scene, answered, scene, truly

RULE = DecisionRule(0.5)


def test_without_random_answers_nothing_is_claimed() -> None:
    found = estimates(scene().evidence, RULE, np.array([], dtype=np.int64))

    assert found.answers == 0
    assert found.words() == "no answers to the random sample yet"


def test_the_truth_lies_in_the_interval_after_rounds_of_questions() -> None:
    inside, claims = 0, 0
    for seed in range(8):
        world = scene(600, seed=seed)
        evidence, sample_rows = world.evidence, []
        for _ in range(3):
            asked = questions(evidence, RULE, size=50, seed=seed)
            sample_rows += [question.row for question in asked if question.reason is Reason.RANDOM]
            evidence = answered(evidence, truly(world, [question.row for question in asked]))
        found = estimates(evidence, RULE, np.array(sample_rows), seed=seed)
        machine = RULE.kept(evidence)
        labels = np.array(evidence.labels)
        kept = (labels == "keep") | (machine & (labels != "delete"))
        right = (kept & world.truth).sum()
        for estimate, true in ((found.precision, right / kept.sum()), (found.recall, right / world.truth.sum())):
            claims += 1
            inside += estimate.low - 1e-9 <= true <= estimate.high + 1e-9

    assert inside / claims >= 0.93


def test_a_picture_that_a_person_is_unsure_of_counts_for_neither_side() -> None:
    world = scene(200)
    evidence = answered(world.evidence, {0: "unsure", 1: "keep"})

    assert estimates(evidence, RULE, np.array([0, 1])).answers == 1


def drawn_answers(world: Scene, count: int, rule: DecisionRule = RULE) -> tuple[Evidence, np.ndarray]:
    """A person who knows the truth answers the first random questions."""
    evidence = world.evidence
    everything = np.ones(len(evidence), dtype=bool)
    rows = list(itertools.islice(next_at_random(evidence, rule.kept(evidence), everything, 0), count))
    return answered(evidence, truly(world, rows)), np.array(rows)


def test_seven_random_answers_that_confirm_the_scores_give_a_useful_interval() -> None:
    evidence, rows = drawn_answers(scene(2000, wrong=0.0, seed=3), 7)

    found = estimates(evidence, RULE, rows)

    assert found.answers == 7
    assert found.precision.value > 0.9 and found.precision.low > 0.7
    assert found.recall.value > 0.8 and found.recall.low > 0.4


def test_predictions_that_the_answers_contradict_are_not_believed() -> None:
    world = scene(2000, wrong=0.0, seed=8)
    lying = replace(world.evidence, scores=np.full(2000, 0.999))  # everything is kept, and nearly all of it is wrong
    evidence, rows = drawn_answers(replace(world, evidence=lying), 20)

    found = estimates(evidence, RULE, rows)

    assert found.precision.low <= world.truth.mean() <= found.precision.high
    assert found.precision.value < 0.5


def test_many_answers_decide_alone_whatever_the_scores_predict() -> None:
    world = scene(2000, wrong=0.0, seed=5)
    modest = replace(world.evidence, scores=0.5 + 0.1 * (world.evidence.scores - 0.5))
    evidence, rows = drawn_answers(replace(world, evidence=modest), 1000)
    machine = RULE.kept(evidence)
    labels = np.array(evidence.labels)
    kept = (labels == "keep") | (machine & (labels != "delete"))

    found = estimates(evidence, RULE, rows)

    assert found.precision.low <= (kept & world.truth).sum() / kept.sum() <= found.precision.high
    assert found.precision.high - found.precision.low < 0.1


def test_a_gallery_that_is_answered_as_a_whole_has_no_sampling_error() -> None:
    evidence, rows = drawn_answers(scene(150, seed=6), 150)

    found = estimates(evidence, RULE, rows)

    assert found.precision.low == found.precision.high == 1
    assert found.recall.low == found.recall.high == 1


def test_a_tag_is_worth_more_than_the_score_that_it_comes_with() -> None:
    evidence = scene(1000, wrong=0.0, seed=7).evidence
    doubtful = replace(evidence, scores=np.where(evidence.tagged, 0.2, evidence.scores))

    predicted = predicted_by(doubtful)

    assert (predicted[evidence.tagged] > 0.7).all()
    np.testing.assert_allclose(predicted[~evidence.tagged], evidence.scores[~evidence.tagged], atol=1e-6)


def test_pictures_that_scores_miss_among_tagged_ones_are_expected_among_the_others_too() -> None:
    world = scene(2000, wrong=0.0, seed=9)
    unseen = world.truth & (np.arange(2000) % 3 == 0)  # another costume
    blind, _ = drawn_answers(
        replace(world, evidence=replace(world.evidence, scores=np.where(unseen, 1e-4, world.evidence.scores))), 0
    )

    missed = counted_strata(blind, RULE, np.array([], dtype=np.int64))[3]

    assert missed.predicted * missed.open > 0.5 * (unseen & ~blind.tagged).sum()


def test_pictures_whose_tag_is_doubted_are_not_counted_as_kept() -> None:
    world = scene(2000, wrong=0.0, seed=11)
    liars = np.flatnonzero(world.evidence.named & ~world.truth)[:200]
    tagged = world.evidence.tagged.copy()
    tagged[liars] = True
    scores = np.where(world.truth, 0.99, 0.01)
    scores[liars] = 0.0005  # the model is sure, so they are undecided; kept, they would halve the precision
    evidence, rows = drawn_answers(replace(world, evidence=replace(world.evidence, tagged=tagged, scores=scores)), 60)

    strata = counted_strata(evidence, RULE, rows)
    found = estimates(evidence, RULE, rows)

    assert [one.size for one in strata] == [
        int((tagged & world.truth).sum()), int((~tagged & world.truth).sum()), 0, int((~world.truth).sum())
    ]  # fmt: skip
    assert found.precision.low > 0.9 and found.precision.high == 1


def test_scores_of_a_model_that_may_not_decide_keep_nothing() -> None:
    world = scene(2000, wrong=0.0, seed=12)
    refusing = DecisionRule(0.5, decides=False)
    evidence, rows = drawn_answers(world, 60, refusing)
    labels = np.array(evidence.labels)
    kept = (labels == "keep") | (evidence.tagged & (labels != "delete"))
    recall = (kept & world.truth).sum() / world.truth.sum()

    strata = counted_strata(evidence, refusing, rows)
    found = estimates(evidence, refusing, rows)

    assert [one.size for one in strata if one.kept] == [int(evidence.tagged.sum()), 0]
    assert recall < 0.8
    assert found.recall.low <= recall <= found.recall.high < 0.95
