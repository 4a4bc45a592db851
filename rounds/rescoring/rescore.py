"""Rescoring everything from stored embeddings: a matrix product, no picture is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.head import Head
from classifier.inference.pooling import score_all
from crawler.decisions import NO_AI, Policy, Ruling
from storage.evidence import Evidence, Rescored
from storage.records import Decision, DecisionValue, ModelCard, Stratum, Target

BATCH = 20_000  # posts of the first transaction, and of the smallest
MOST = 100_000  # of the largest: every one writes most pages of the index of scores again, so fewer write less
TRANSACTION_S = 1.0  # that one should take: a crawl or a label at the same time never waits long


class ScoreStore(Protocol):
    """Where scores and decisions go; the archive does it."""

    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int:
        """Record scores and decisions; gives how many decisions are new."""
        ...


@dataclass(frozen=True, slots=True)
class Rescoring:
    """Counts of a rescoring."""

    posts: int
    kept: int  # by tag or score; labels are not counted here


async def rescore(
    store: ScoreStore, evidence: Evidence, target: Target, model: tuple[ModelCard, Head], policy: Policy
) -> Rescoring:
    """Score every row again, decide anew, and record both.

    Args:
        store: where it is recorded.
        evidence: whose vectors are of the model's backbone.
        target: the target.
        model: the card in force, and its head.
        policy: the settings that decisions follow.
    """
    card, head = model
    scores = scores_of(head, evidence) if len(evidence) else np.zeros(0)
    decisions = decide_all(evidence, target, card, policy, scores)
    await file_all(store, card, Rescored(evidence.version_ids, scores, decisions))
    kept = np.array([decision.value is DecisionValue.KEEP for decision in decisions], dtype=bool)
    return Rescoring(len(evidence), int(kept.sum()))


async def file_all(
    store: ScoreStore, card: ModelCard, rescored: Rescored, clock: Callable[[], float] = time.monotonic
) -> None:
    """Record decisions in transactions of about a second, of 20,000 to 100,000 posts.

    Args:
        store: where.
        card: of the model.
        rescored: all of it.
        clock: seconds.
    """
    start, size = 0, BATCH
    while start < len(rescored.decisions):
        part, began = slice(start, start + size), clock()
        batch = Rescored(rescored.version_ids[part], rescored.scores[part], rescored.decisions[part])
        await store.file_rescores(card, batch)
        start += size
        size = round(min(MOST, max(BATCH, size * min(2.0, TRANSACTION_S / max(clock() - began, 1e-3)))))


def decide_all(
    evidence: Evidence, target: Target, card: ModelCard, policy: Policy, scores: npt.NDArray[np.float64]
) -> Sequence[Decision]:
    """The model's decision for every row, as a crawl would make it.

    Args:
        evidence: the rows.
        target: the target.
        card: of the model in force.
        policy: the settings that decisions follow.
        scores: shape (n,), what the posts' strata and AI tags add in them.
    """
    ruling = Ruling(policy, {card.target: card})
    small = [version in evidence.too_small for version in evidence.version_ids.tolist()]
    strata = map(Stratum, evidence.strata.tolist())
    judged = zip(evidence.tagged.tolist(), scores.tolist(), strata, small, _ai_percents(evidence, card), strict=True)
    return [
        ruling.decide_score(target, tagged=tagged, score=score, stratum=stratum, ai_percents=by_tagger, too_small=tiny)
        for tagged, score, stratum, tiny, by_tagger in judged
    ]


def _ai_percents(evidence: Evidence, card: ModelCard) -> list[Mapping[str, int]]:
    """Percents of the taggers that the model has weights for, by source, for each row."""
    weighed = {weight.source for weight in card.ai_weights}
    columns = {source: percents.tolist() for source, percents in evidence.ai_percents.items() if source in weighed}
    if not columns:
        return [NO_AI] * len(evidence)
    return [
        {source: percents[row] for source, percents in columns.items() if percents[row] >= 0}
        for row in range(len(evidence))
    ]


def scores_of(head: Head, evidence: Evidence) -> npt.NDArray[np.float64]:
    """Every row's score, shape (n,), moved by its stratum and AI tags: of the whole picture, and of any windows."""
    versions = enumerate(evidence.version_ids.tolist()) if evidence.windows else ()
    windows = {row: evidence.windows[version] for row, version in versions if version in evidence.windows}
    return score_all(head, evidence.vectors, windows, evidence.strata, evidence.ai_percents, evidence.tagger_vectors)


def whole_picture_scores(head: Head, evidence: Evidence) -> npt.NDArray[np.float64]:
    """Every row's score as `scores_of` gives it, shape (n,), by the whole picture alone."""
    return head.probabilities(evidence.vectors, evidence.strata, evidence.ai_percents, evidence.tagger_vectors)
