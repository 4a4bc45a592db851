"""Which tags are proposed to the site: people first, then what is surest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rounds.questions.decision_rule import DecisionRule
from rounds.questions.tag_proposals import ProposalKind, best_first, by_model, by_people, expected_precision
from tests.rounds.evidence import Scene, answered, scene

pytestmark = pytest.mark.no_gallery

RULE, REFUSING = DecisionRule(0.5), DecisionRule(0.5, decides=False)


def right(world: Scene, kind: ProposalKind) -> list[bool]:
    """Whether each proposal is right, in order."""
    found = [one for one in by_model(world.evidence, RULE) if one.kind is kind]
    shows = world.truth[np.searchsorted(world.evidence.version_ids, [one.version_id for one in found])]
    return (shows if kind is ProposalKind.MISSING else ~shows).tolist()


def test_proposals_are_as_right_as_they_say() -> None:
    world = scene()
    found = by_model(world.evidence, RULE)

    for kind in ProposalKind:
        hits, expected = right(world, kind), expected_precision([one for one in found if one.kind is kind])
        assert len(hits) >= 4
        assert np.mean(hits) >= expected - 0.05


def test_an_answered_picture_is_proposed_by_its_label_alone() -> None:
    world = scene()
    first = by_model(world.evidence, RULE)[0]
    row = int(np.flatnonzero(world.evidence.version_ids == first.version_id)[0])

    after = by_model(answered(world.evidence, {row: "unsure"}), RULE)

    assert first.version_id not in {one.version_id for one in after}


def test_what_people_said_comes_before_what_a_model_is_surest_of() -> None:
    by_score = by_model(scene().evidence, RULE)

    listed = best_first([*by_score, *by_people({10_001: False, 10_002: True})])

    assert [(one.version_id, one.kind) for one in listed[:2]] == [
        (10_001, ProposalKind.WRONG),
        (10_002, ProposalKind.MISSING),
    ]
    chances = [one.probability for one in listed]
    assert chances == sorted(chances, reverse=True)


def test_a_picture_that_was_too_small_to_see_has_no_wrong_tag() -> None:
    evidence = scene().evidence
    blind = replace(evidence, too_small=frozenset(evidence.version_ids.tolist()))

    assert {one.kind for one in by_model(blind, RULE)} == {ProposalKind.MISSING}


def test_a_model_that_may_not_decide_proposes_nothing() -> None:
    evidence = scene().evidence

    assert by_model(evidence, REFUSING) == []
    assert by_model(evidence.rows(np.array([], dtype=np.int64)), RULE) == []


def test_only_what_is_sure_enough_is_proposed() -> None:
    evidence = scene().evidence

    assert len(by_model(evidence, RULE, sure=0.99)) < len(by_model(evidence, RULE, sure=0.5))
    assert min(one.probability for one in by_model(evidence, RULE, sure=0.99)) >= 0.99
