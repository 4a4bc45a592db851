"""The rule on columns decides every row as a crawl decides its post."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from crawler.decisions import DEAD_BAND, DOUBTED_TAG, TAG_DOUBTED, Policy, Ruling
from rounds.questions.decision_rule import DecisionRule
from storage.records import DecidedBy, DecisionValue, ModelCard, Target
from tests.rounds.evidence import scene

pytestmark = pytest.mark.no_gallery

MONA = Target("mona", "mona_(genshin_impact)")
SCORES = (float("nan"), 0.0, DOUBTED_TAG / 2, DOUBTED_TAG, 0.1, 0.5 - DEAD_BAND / 2, 0.5, 0.9, 1.0)
CASES = list(itertools.product(SCORES, (False, True), (False, True)))  # score, tagged, too small to see


@pytest.mark.parametrize("threshold", [0.5, DOUBTED_TAG / 4])
@pytest.mark.parametrize("refusal", ["", "only 9 pictures show mona; crawl more pages"])
@pytest.mark.parametrize("trust_tags", [True, False])
def test_all_rows_at_once_are_decided_as_the_crawl_decides_one_post(
    threshold: float, refusal: str, trust_tags: bool
) -> None:
    scores, tagged, small = (np.array(column) for column in zip(*CASES, strict=True))
    evidence = scene(len(CASES)).evidence
    unseen = frozenset(evidence.version_ids[small].tolist())
    evidence = replace(evidence, scores=scores, tagged=tagged, too_small=unseen)
    card = ModelCard("mona", 1, "hash", "backbone", threshold, refusal=refusal)
    ruling = Ruling(Policy(trust_tags=trust_tags), {"mona": card})
    decisions = [ruling.decide_score(MONA, tagged=t, score=s, too_small=tiny) for s, t, tiny in CASES]

    rule = DecisionRule.of(card, trust_tags=trust_tags)

    assert rule.kept(evidence).tolist() == [one.value is DecisionValue.KEEP for one in decisions]
    assert rule.doubted(evidence).tolist() == [one.reason == TAG_DOUBTED for one in decisions]
    assert rule.doubted(evidence).any() == (trust_tags and not refusal)
    assert rule.by_score(evidence).tolist() == [one.decided_by is not DecidedBy.TAG for one in decisions]
