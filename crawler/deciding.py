"""Keep, delete, or undecided: the one place where that is said, and by which rule.

The order is: a person's label, else the post's own tags, else the score. Any doubt about the picture or the model
ends in *undecided*; nothing here can turn a fault into a deletion.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from storage.records import (
    DecidedBy,
    Decision,
    DecisionValue,
    LabelValue,
    Look,
    ModelCard,
    PostTags,
    Target,
)

DEAD_BAND = 1e-3  # two runtimes agree this well, so a score this close below the threshold may lie on either side
NO_SCORE = "bad score"


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that a machine decision follows."""

    trust_tags: bool = True  # a post whose tags name the target is kept whatever its score

    def identity(self, card: ModelCard | None, *, tagged: bool, fault: str | None = None) -> str:
        """A short hash of everything but the picture that the decision rests on; part of the decision's identity."""
        return _identity(self.trust_tags, tagged, None if card is None else round(card.threshold, 6), fault)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What decisions are made by: the policy and the models in force."""

    policy: Policy
    cards: Mapping[str, ModelCard]  # by Target.name

    def decide(self, target: Target, tags: PostTags, look: Look) -> Decision:
        """The machine's decision about one picture and one target."""
        return self._decided(target, look.fault, tagged=target.named_by(tags), score=look.scores.get(target.name))

    def decide_score(self, target: Target, *, tagged: bool, score: float | None) -> Decision:
        """The machine's decision about a picture that was looked at before, from its score alone."""
        return self._decided(target, None, tagged=tagged, score=score)

    def _decided(self, target: Target, fault: str | None, *, tagged: bool, score: float | None) -> Decision:
        card, score = self.cards.get(target.name), _usable(score)
        value, decided_by, reason = self._verdict(target, fault, tagged=tagged, score=score, card=card)
        # A look that gave no usable score is a decision of its own: the next, better one must not count as the same.
        fault = fault or (NO_SCORE if score is None else None)
        return Decision(
            target=target.name,
            value=value,
            decided_by=decided_by,
            reason=reason,
            policy=self.policy.identity(card, tagged=tagged, fault=fault),
            score=score,
            threshold=None if card is None else card.threshold,
            model=None if card is None else card.name,
            model_hash=None if card is None else card.hash,
        )

    def _verdict(
        self, target: Target, fault: str | None, *, tagged: bool, score: float | None, card: ModelCard | None
    ) -> tuple[DecisionValue, DecidedBy, str]:
        if tagged and self.policy.trust_tags:
            return DecisionValue.KEEP, DecidedBy.TAG, f"tagged {target.tag}"
        if fault is not None:
            return DecisionValue.UNDECIDED, DecidedBy.FAULT, fault
        if score is None or card is None:
            return DecisionValue.UNDECIDED, DecidedBy.FAULT, NO_SCORE if card else "no model"
        if score >= card.threshold:
            return DecisionValue.KEEP, DecidedBy.SCORE, f"{score:.3f} >= {card.threshold:.3f}"
        if score >= card.threshold - DEAD_BAND:
            return DecisionValue.UNDECIDED, DecidedBy.SCORE, f"{score:.4f} is within {DEAD_BAND} of the threshold"
        return DecisionValue.DELETE, DecidedBy.SCORE, f"{score:.3f} < {card.threshold:.3f}"


def effective(decision: DecisionValue | None, label: LabelValue | None) -> DecisionValue | None:
    """What holds: the newest label beats every decision; *unsure* means undecided, *clear* takes it back."""
    if label is LabelValue.UNSURE:
        return DecisionValue.UNDECIDED
    if label is None or label is LabelValue.CLEAR:
        return decision
    return DecisionValue(label.value)


@lru_cache(maxsize=256)
def _identity(trust_tags: bool, tagged: bool, threshold: float | None, fault: str | None) -> str:
    facts = {"trust_tags": trust_tags, "tagged": tagged, "threshold": threshold, "fault": fault}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _usable(score: float | None) -> float | None:
    """A score that a decision may rest on, or None: NaN fails every comparison, so it must be caught by name."""
    if score is None or not math.isfinite(score) or not 0.0 <= score <= 1.0:
        return None
    return float(score)
