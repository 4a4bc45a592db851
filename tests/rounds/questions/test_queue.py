"""The questions: useful ones, each with its reason, none twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.queue import Inquiry, Mix, Reason, questions
from rounds.questions.random_sample import next_at_random
from tests.rounds.evidence import answered, scene, truly

pytestmark = pytest.mark.no_gallery

THRESHOLD = 0.5
RULE, REFUSING = DecisionRule(THRESHOLD), DecisionRule(THRESHOLD, decides=False)


def test_every_reason_has_its_turn_in_any_first_part_of_the_queue() -> None:
    asked = questions(scene().evidence, RULE, size=50)

    counts = Counter(question.reason for question in asked)
    assert len(asked) == 50
    assert set(counts) == set(Reason)
    assert counts[Reason.THRESHOLD] == 17
    assert {question.reason for question in asked[:12]} == set(Reason)


def test_no_picture_is_asked_twice_nor_again_once_it_is_answered() -> None:
    world = scene()
    first = [question.row for question in questions(world.evidence, RULE, size=60)]

    second = [q.row for q in questions(answered(world.evidence, truly(world, first)), RULE, size=60)]

    assert len(set(first)) == 60
    assert not set(first) & set(second)


def test_wrong_tags_of_both_directions_are_among_the_first_questions() -> None:
    world = scene()
    both = Mix({Reason.TAG_ERROR: 1, Reason.MISSING_TAG: 1})

    asked = questions(world.evidence, RULE, size=40, mix=both)

    found = {question.row for question in asked}
    wrongly = set(np.flatnonzero(world.evidence.tagged & ~world.truth).tolist())
    assert wrongly
    assert len(found & wrongly) >= 0.8 * len(wrongly)


def test_tagged_pictures_next_to_the_threshold_are_asked_about_where_their_score_decides() -> None:
    world, by_threshold = scene(), Mix({Reason.THRESHOLD: 1})

    trusted, not_trusted = (
        [
            question.row
            for question in questions(
                world.evidence, DecisionRule(THRESHOLD, trust_tags=trust), size=60, mix=by_threshold
            )
            if question.reason is Reason.THRESHOLD
        ]
        for trust in (True, False)
    )

    assert not world.evidence.tagged[trusted].any()
    assert world.evidence.tagged[not_trusted].any()


def test_near_duplicates_are_asked_about_once() -> None:
    world = scene(300)
    vectors = world.evidence.vectors.copy()
    vectors[10:60] = vectors[10]
    scores = world.evidence.scores.copy()
    scores[10:60] = THRESHOLD
    evidence = replace(
        world.evidence, vectors=vectors, scores=scores, tagged=np.zeros(300, bool), labels=["keep"] + [""] * 299
    )

    asked = questions(evidence, RULE, size=10, mix=Mix({Reason.THRESHOLD: 1}))

    assert sum(10 <= question.row < 60 for question in asked) == 1


def test_copies_are_asked_about_once_however_the_network_sees_them() -> None:
    world = scene(300)
    hashes = world.evidence.look_hashes.copy()
    hashes[10:60] = 0xABCDEF12345678
    hashes[20:60] ^= np.uint64(0b101)
    evidence = replace(world.evidence, look_hashes=hashes, tagged=np.zeros(300, bool))

    asked = questions(evidence, RULE, size=250, mix=Mix({Reason.THRESHOLD: 1}))
    first = next(question.row for question in asked if 10 <= question.row < 60)
    again = questions(answered(evidence, {first: "keep"}), RULE, size=250, mix=Mix({Reason.THRESHOLD: 1}))

    assert sum(10 <= question.row < 60 for question in asked) == 1
    assert not any(10 <= question.row < 60 for question in again)
    assert len(asked) == 250


def test_a_wrong_tag_is_asked_about_although_a_copy_of_the_picture_was_answered() -> None:
    world = scene()
    wrong = np.flatnonzero(world.evidence.tagged & ~world.truth).tolist()
    pixels = list(world.evidence.pixel_hashes)
    pixels[wrong[0]] = pixels[wrong[1]] = "the same pixels"
    evidence = answered(replace(world.evidence, pixel_hashes=pixels), {wrong[0]: "delete"})

    asked = questions(evidence, RULE, size=40, mix=Mix({Reason.TAG_ERROR: 1}))

    assert wrong[1] in {question.row for question in asked}


def test_the_random_ranks_stay_the_same_while_the_gallery_grows() -> None:
    world = scene(400)
    open_, kept = np.ones(400, bool), world.evidence.tagged
    small = world.evidence

    before = list(next_at_random(small, kept, open_, 7))
    grown = scene(400)
    after = list(next_at_random(grown.evidence, kept, open_, 7))

    assert before == after
    assert sorted(before) == list(range(400))


def test_a_gallery_without_any_model_or_tag_still_has_questions() -> None:
    world = scene(50)
    blank = replace(world.evidence, scores=np.full(50, np.nan), tagged=np.zeros(50, bool), named=np.zeros(50, bool))

    assert len(questions(blank, RULE, size=10)) == 10


def test_every_question_gives_its_reason_in_words() -> None:
    asked = questions(scene().evidence, RULE, size=30)

    assert all(question.words and 0 <= question.chance <= 1 for question in asked)
    assert any("next to the threshold 0.50" in question.words for question in asked)


def test_tags_that_the_model_contradicts_beyond_doubt_are_asked_about_first() -> None:
    world = scene()
    doubted = np.flatnonzero(world.evidence.tagged)[[7, 3, 40]]
    scores = np.where(world.evidence.tagged, np.maximum(world.evidence.scores, 0.01), world.evidence.scores)
    scores[doubted] = [0.0004, 0.0001, 0.0015]
    evidence = replace(world.evidence, scores=scores)

    first = questions(evidence, RULE, size=10)
    sampled = questions(evidence, RULE, size=3, mix=Mix({Reason.RANDOM: 1}))
    of_a_model_that_refuses = Inquiry(evidence, REFUSING).questions(10)

    assert [one.row for one in first[:3]] == doubted[[1, 0, 2]].tolist()
    assert {one.reason for one in first[:3]} == {Reason.TAG_ERROR} != {one.reason for one in first[3:]}
    assert {one.reason for one in sampled} == {Reason.RANDOM}
    assert [one.row for one in of_a_model_that_refuses[:3]] != [one.row for one in first[:3]]


def test_a_doubted_tag_is_not_kept_and_still_is_no_missing_tag() -> None:
    world = scene(300)
    lying = np.flatnonzero(world.evidence.tagged)[:5]
    scores = world.evidence.scores.copy()
    scores[lying] = 0.0001

    asked = questions(replace(world.evidence, scores=scores), RULE, size=300, mix=Mix({Reason.MISSING_TAG: 1}))

    assert asked
    assert not any(world.evidence.tagged[question.row] for question in asked)


def test_a_score_of_a_model_that_may_not_decide_keeps_nothing_and_is_next_to_no_threshold() -> None:
    evidence = scene().evidence
    sure = np.flatnonzero(~evidence.tagged & (evidence.scores > 0.99)).tolist()

    missing = questions(evidence, REFUSING, size=len(evidence), mix=Mix({Reason.MISSING_TAG: 1}))
    nearest = questions(evidence, REFUSING, size=5, mix=Mix({Reason.THRESHOLD: 1}))

    assert sure[0] in {question.row for question in missing}
    assert all(question.words.startswith("not kept, but it looks like the target") for question in missing)
    assert all(question.words.endswith("by a model that may not decide yet") for question in nearest)
    assert len(nearest) == 5
