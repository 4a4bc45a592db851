"""One queue for the page and the command, and the tags that are likely wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.queue import Inquiry, Reason
from rounds.questions.ranking import QUEUE_SIZE, Doubts, next_questions
from tests.rounds.evidence import answered, scene, truly

pytestmark = pytest.mark.no_gallery

THRESHOLD = 0.5
RULE = DecisionRule(THRESHOLD)


def test_a_shorter_queue_is_the_beginning_of_a_longer_one() -> None:
    inquiry = Inquiry(scene(400).evidence, RULE)

    assert inquiry.questions(20) == inquiry.questions(200)[:20]
    assert next_questions(inquiry) == inquiry.questions(QUEUE_SIZE)
    assert {one.reason for one in next_questions(inquiry, random_only=True)} == {Reason.RANDOM}


def test_likely_errors_are_wrong_tags_and_hidden_pictures_the_surest_first() -> None:
    world = scene()
    wrongly = world.evidence.tagged & ~world.truth
    hidden = ~world.evidence.tagged & world.truth

    found = Inquiry(world.evidence, RULE).likely_errors()

    doubt = [1 - one.chance if one.reason is Reason.TAG_ERROR else one.chance for one in found]
    assert doubt == sorted(doubt, reverse=True)
    assert min(doubt) > 0.5
    for reason, truth in ((Reason.TAG_ERROR, wrongly), (Reason.MISSING_TAG, hidden)):
        rows = {one.row for one in found if one.reason is reason}
        right = rows & set(np.flatnonzero(truth).tolist())
        assert len(right) >= 0.8 * len(rows)
        assert len(right) >= 0.8 * int(truth.sum())


def test_what_was_answered_is_no_likely_error_any_more() -> None:
    world = scene(400)
    before = [one.row for one in Inquiry(world.evidence, RULE).likely_errors()]

    after = Inquiry(answered(world.evidence, truly(world, before)), RULE).likely_errors()

    assert before
    assert not {one.row for one in after} & set(before)


def test_a_missing_tag_says_whether_the_picture_is_kept_already() -> None:
    world = scene(400)
    found = Inquiry(world.evidence, RULE).likely_errors()

    for one in found:
        if one.reason is Reason.MISSING_TAG:
            kept = world.evidence.scores[one.row] >= THRESHOLD
            assert one.words.startswith("kept by its score" if kept else "not kept")


def test_the_targets_of_a_gallery_take_turns_and_errors_come_by_likelihood() -> None:
    inquiries = {
        "mona": Inquiry(scene(300).evidence, RULE),
        "fischl": Inquiry(scene(300, seed=1).evidence, DecisionRule(0.6)),
    }
    doubts = Doubts(inquiries.get)

    queue, errors = doubts.questions(["mona", "fischl"]), doubts.likely_errors(["mona", "fischl"])

    assert [one.target for one in queue[:4]] == ["mona", "fischl", "mona", "fischl"]
    assert [one.version_id for one in queue if one.target == "mona"] == [
        int(inquiries["mona"].evidence.version_ids[one.row]) for one in next_questions(inquiries["mona"])
    ]
    assert {one.target for one in errors} == {"mona", "fischl"}
    assert {one.reason for one in errors} <= {"tag-error", "missing-tag"}


def test_a_target_without_a_model_is_noted_and_left_out() -> None:
    notes: list[str] = []
    doubts = Doubts({"mona": Inquiry(scene(100).evidence, RULE), "ina": None}.get, notes.append)

    queue, errors = doubts.questions(["ina", "mona"]), doubts.likely_errors(["ina"])

    assert {one.target for one in queue} == {"mona"}
    assert errors == []
    assert [line.split(":")[0] for line in notes] == ["ina", "ina"]
    assert "distance from the threshold" in notes[0]


def test_without_anything_to_learn_from_the_scores_alone_are_believed() -> None:
    world = scene(60)
    nobody = np.zeros(60, bool)
    blank = replace(world.evidence, tagged=nobody, named=nobody)

    found = Inquiry(blank, RULE).likely_errors()

    assert {one.row for one in found} == set(np.flatnonzero(blank.scores > 0.5).tolist())
