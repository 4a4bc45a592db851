"""Rescoring from stored embeddings gives the scores and decisions of a look at the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier.inference.pooling import score_views
from crawler.decisions import Policy, Ruling
from rounds.examples.held_out import held_out
from rounds.rescoring.rescore import BATCH, MOST, decide_all, file_all, scores_of
from storage.evidence import Evidence, Rescored
from storage.records import (
    SITE_TAGGER,
    AiTag,
    AiTagWeight,
    DecidedBy,
    Decision,
    DecisionValue,
    Look,
    ModelCard,
    PostTags,
)
from tests.rounds.evidence import WIDTH, scene
from tests.rounds.models import MONA, subject

PAGE = np.array([[6.0] + [0.0] * (WIDTH - 1)] + [[0.0] * WIDTH] * 3, dtype=np.float16)  # seen in one window of four
ROW, TINY = 3, 4


def gallery() -> Evidence:
    """Forty untagged pictures without the target; one is a page that shows it in a window, one is too small."""
    evidence = scene(40, share=0.0, hidden=1.0).evidence
    versions = evidence.version_ids.tolist()
    return replace(evidence, windows={versions[ROW]: PAGE}, too_small=frozenset({versions[TINY]}))


def test_a_page_gets_the_score_that_a_look_at_its_windows_gave(tmp_path: Path) -> None:
    one, evidence = subject(tmp_path), gallery()

    scores = scores_of(one.package.head, evidence)

    whole = one.package.head.probabilities(evidence.vectors)
    assert scores[ROW] == score_views(one.package.head, evidence.vectors[ROW].tobytes() + PAGE.tobytes()) > 0.9
    others = np.arange(40) != ROW
    assert np.array_equal(scores[others], whole[others])
    assert np.array_equal(held_out(one.package, evidence).scores, scores)


def test_the_order_of_rows_does_not_mix_up_whose_windows_they_are(tmp_path: Path) -> None:
    head, evidence = subject(tmp_path).package.head, gallery()
    rows = np.random.default_rng(0).permutation(40)[:30]

    assert np.array_equal(scores_of(head, evidence.rows(rows)), scores_of(head, evidence)[rows])


def test_decisions_from_stored_embeddings_are_those_of_a_look_at_the_picture(tmp_path: Path) -> None:
    one, evidence = subject(tmp_path), gallery()
    card, scores = one.model.card, scores_of(one.package.head, evidence)

    decisions = decide_all(evidence, MONA, card, Policy(), scores)

    ruling = Ruling(Policy(), {card.target: card})
    looks = [Look(scores={"mona": score}, too_small=row == TINY) for row, score in enumerate(scores.tolist())]
    assert decisions == [ruling.decide(MONA, PostTags(), look) for look in looks]
    assert (decisions[ROW].value, decisions[TINY].value) == (DecisionValue.KEEP, DecisionValue.UNDECIDED)


def test_ai_tags_that_a_model_weighs_move_stored_pictures_as_they_move_new_ones(tmp_path: Path) -> None:
    weights = (AiTagWeight(SITE_TAGGER, MONA.tag, 0.75, -0.5),)
    one, evidence = subject(tmp_path), gallery()
    head, card = replace(one.package.head, ai_weights=weights), replace(one.model.card, ai_weights=weights)
    percents = np.random.default_rng(1).integers(-1, 101, 40)
    evidence = replace(evidence, ai_scores=percents)

    scores = scores_of(head, evidence)
    decisions = decide_all(evidence, MONA, card, Policy(), scores)

    ruling, plain = Ruling(Policy(), {card.target: card}), scores_of(one.package.head, evidence)
    for row, percent in enumerate(percents.tolist()):
        look = Look(scores={"mona": float(plain[row])}, too_small=row == TINY)
        tags = None if percent < 0 else (AiTag(MONA.tag, percent),)
        expected = ruling.decide(MONA, PostTags(), look, tags)
        assert decisions[row].score == pytest.approx(expected.score, abs=1e-12)
        assert replace(decisions[row], score=None, reason="") == replace(expected, score=None, reason="")
    assert np.array_equal(scores[percents < 0], plain[percents < 0]) and (scores != plain)[percents >= 0].all()


class SlowStore:
    """Takes some seconds a post by its own clock."""

    def __init__(self, seconds_a_post: float) -> None:
        self.now = 0.0
        self.sizes: list[int] = []
        self.versions: list[int] = []
        self._seconds = seconds_a_post

    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int:
        self.now += self._seconds * len(batch.decisions)
        self.sizes.append(len(batch.decisions))
        self.versions += batch.version_ids.tolist()
        return len(batch.decisions)


@pytest.mark.parametrize(
    ("seconds_a_post", "sizes"),
    [(1e-6, [BATCH, 2 * BATCH, 4 * BATCH, MOST]), (1 / 50_000, [BATCH, 2 * BATCH, 50_000]), (1.0, [BATCH] * 3)],
)
async def test_transactions_grow_until_they_take_a_second(seconds_a_post: float, sizes: list[int]) -> None:
    card = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5)
    one = Decision("mona", DecisionValue.KEEP, DecidedBy.SCORE, "", "policy", 0.6, 0.5, card.name, card.hash)
    count = sum(sizes) + 10
    store = SlowStore(seconds_a_post)

    await file_all(store, card, Rescored(np.arange(count), np.full(count, 0.6), [one] * count), lambda: store.now)

    assert store.sizes[:-1] == sizes
    assert store.versions == list(range(count))
