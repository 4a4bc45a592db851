"""What the user's tagger saw in a picture counts as long as it is stored, whether the tagger looks again or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from crawler.judge import with_stored_vectors
from storage.records import JudgeStats, Known, Look, ModelCard, TaggerTags, TaggerVector

NETWORK = "c" * 64 + "." + "1" * 16
CARD = ModelCard("mona", 1, "a" * 64, "b" * 64, 0.5, tagger_network=NETWORK)
LOOK = Look({"mona": 0.3}, {CARD.backbone_hash: b"own"}, windows={CARD.backbone_hash: b"window"})
KNOWN = Known(embeddings={CARD.backbone_hash: b"old", NETWORK: b"seen"})


@dataclass
class Remembering:
    """Scores stored embeddings, and remembers which."""

    models: Mapping[str, ModelCard]
    answer: Look
    asked: list[Mapping[str, bytes]] = field(default_factory=list)

    async def look(self, picture: bytes) -> Look:
        raise AssertionError("nobody looks at a picture")

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        self.asked.append(embeddings)
        return self.answer

    def stats(self) -> JudgeStats:
        raise AssertionError("nobody asks")


async def test_a_look_without_the_tagger_is_scored_by_what_it_saw_before() -> None:
    judge = Remembering({"mona": CARD}, Look({"mona": 0.9}))

    seen = await with_stored_vectors(judge, LOOK, KNOWN)

    assert seen == replace(LOOK, scores={"mona": 0.9})
    assert judge.asked == [{CARD.backbone_hash: b"ownwindow", NETWORK: b"seen"}]


LOOKS_NOW = replace(LOOK, tagger_tags=TaggerTags("c" * 64, "mine", {}, TaggerVector(NETWORK, b"new")))


@pytest.mark.parametrize(
    ("card", "look", "known"),
    [
        (replace(CARD, tagger_network=""), LOOK, KNOWN),
        (CARD, LOOKS_NOW, KNOWN),
        (CARD, LOOK, Known()),
        (CARD, Look(fault="truncated"), KNOWN),
    ],
    ids=["no model goes by it", "the tagger looks now", "it never looked", "no picture"],
)
async def test_elsewhere_a_look_stays_as_it_is(card: ModelCard, look: Look, known: Known) -> None:
    judge = Remembering({"mona": card}, Look({"mona": 0.9}))

    assert await with_stored_vectors(judge, look, known) == look
    assert judge.asked == []


async def test_a_stored_vector_that_gives_no_score_changes_nothing() -> None:
    judge = Remembering({"mona": CARD}, Look(fault="bad score"))

    assert await with_stored_vectors(judge, LOOK, KNOWN) == LOOK
