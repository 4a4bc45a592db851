"""Keep, delete, or undecided: the one place where that is said, and by which rule.

The order is: a person's label, else the post's own tags, else the score. Any doubt about the picture or the model
ends in *undecided*; nothing here can turn a fault into a deletion.

A model's score of a picture holds for posts that name nobody. Where the tags name somebody else the target is rarer,
so the score is moved by what the model's card says of that stratum; the moved score is what is stored, shown and
decided on.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from storage.records import (
    DecidedBy,
    Decision,
    DecisionValue,
    LabelValue,
    Look,
    ModelCard,
    PostTags,
    Stratum,
    Target,
    stratum_of,
)

DEAD_BAND = 1e-3  # two runtimes agree this well, so a score this close below the threshold may lie on either side
NO_SCORE = "bad score"
# Below this score a tag is doubted. Measured out of fold on twelve galleries (six characters, two prevalences) in which
# 5 % of the tags lie: half to two thirds of the lying tags score less, and 1 % of the true ones (4 % where the target
# is rare and its model weak), so three of four doubted tags do lie. Below 0.02 it would be one in two.
DOUBTED_TAG = 0.002
TAG_DOUBTED = "tag doubted"
REFUSED = "model refused"
TOO_CLOSE = "too close to the threshold"
TOO_SMALL = "too small to see"


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that a machine decision follows."""

    trust_tags: bool = True  # a post whose tags name the target is kept whatever its score

    def identity(
        self,
        card: ModelCard | None,
        *,
        tagged: bool,
        stratum: Stratum = Stratum.NOBODY,
        fault: str | None = None,
        doubted: bool = False,
    ) -> str:
        """A short hash of everything but the picture that the decision rests on; part of the decision's identity.

        Args:
            card: the model in force.
            tagged: whether the post's tags name the target.
            stratum: of the post.
            fault: why the picture got no score.
            doubted: whether the model contradicts the tag.
        """
        facts: dict[str, object] = {
            "trust_tags": self.trust_tags,
            "tagged": tagged,
            "threshold": None if card is None else round(card.threshold, 6),
            "fault": fault,
        }
        if stratum is not Stratum.NOBODY and _shift(card, stratum):
            facts["stratum"] = int(stratum)
        if card is not None and card.refusal:
            facts["refused"] = True
        if doubted:
            facts["doubted"] = True
        return _digest(tuple(facts.items()))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What decisions are made by: the policy and the models in force."""

    policy: Policy
    cards: Mapping[str, ModelCard]  # by Target.name

    def judge(self, targets: Sequence[Target], tags: PostTags, look: Look) -> tuple[Look, tuple[Decision, ...]]:
        """What a look at a post's picture says of the post, and the decision for each target.

        Args:
            targets: whom to decide about.
            tags: of the post.
            look: at its picture, as the judge gave it.

        Returns:
            The look with the scores that hold for a post with these tags, which are those to be stored; the decisions.
        """
        decisions = tuple(self.decide(target, tags, look) for target in targets)
        moved = {one.target: one.score for one in decisions if one.score is not None}
        scores = {name: moved.get(name, score) for name, score in look.scores.items()}
        return replace(look, scores=scores), decisions

    def decide(self, target: Target, tags: PostTags, look: Look) -> Decision:
        """The machine's decision about one picture and one target; its score is the one that holds for the post."""
        tagged, stratum = target.named_by(tags), stratum_of(tags, target)
        score = moved(_usable(look.scores.get(target.name)), _shift(self.cards.get(target.name), stratum))
        small = look.too_small
        return self._decided(target, look.fault, tagged=tagged, stratum=stratum, score=score, too_small=small)

    def decide_score(
        self,
        target: Target,
        *,
        tagged: bool,
        score: float | None,
        stratum: Stratum = Stratum.NOBODY,
        too_small: bool = False,
    ) -> Decision:
        """The machine's decision about a picture that was looked at before, from its score alone.

        Args:
            target: whom it is about.
            tagged: whether the post's tags name it.
            score: as it holds for the post, moved by its stratum already.
            stratum: of the post.
            too_small: whether its faces were too small to see, so that a low score says nothing.
        """
        score = _usable(score)
        return self._decided(target, None, tagged=tagged, stratum=stratum, score=score, too_small=too_small)

    def still_holds(self, decision: Decision, target: Target, tags: PostTags) -> bool:
        """Whether a decision of an earlier run is what these models and rules would decide again."""
        card = self.cards.get(target.name)
        if decision.score is None or decision.model_hash != (card.hash if card else None):
            return False
        tagged, stratum = target.named_by(tags), stratum_of(tags, target)
        again = self.decide_score(target, tagged=tagged, score=decision.score, stratum=stratum)
        return again.policy == decision.policy

    def _decided(
        self,
        target: Target,
        fault: str | None,
        *,
        tagged: bool,
        stratum: Stratum,
        score: float | None,
        too_small: bool = False,
    ) -> Decision:
        card = self.cards.get(target.name)
        value, decided_by, reason = self._verdict(target, fault, tagged=tagged, score=score, card=card)
        if too_small and (value is DecisionValue.DELETE or reason == TAG_DOUBTED):
            return self._decided(target, TOO_SMALL, tagged=tagged, stratum=stratum, score=score)
        # A look that gave no usable score is a decision of its own: the next, better one must not count as the same.
        fault = fault or (NO_SCORE if score is None else None)
        doubted = reason == TAG_DOUBTED
        return Decision(
            target=target.name,
            value=value,
            decided_by=decided_by,
            reason=reason,
            policy=self.policy.identity(card, tagged=tagged, stratum=stratum, fault=fault, doubted=doubted),
            score=score,
            threshold=None if card is None else card.threshold,
            model=None if card is None else card.name,
            model_hash=None if card is None else card.hash,
        )

    def _verdict(
        self, target: Target, fault: str | None, *, tagged: bool, score: float | None, card: ModelCard | None
    ) -> tuple[DecisionValue, DecidedBy, str]:
        if tagged and self.policy.trust_tags:
            if fault is None and _contradicts(card, score):
                return DecisionValue.UNDECIDED, DecidedBy.TAG, TAG_DOUBTED
            return DecisionValue.KEEP, DecidedBy.TAG, f"tagged {target.tag}"
        if fault is not None:
            return DecisionValue.UNDECIDED, DecidedBy.FAULT, fault
        if score is None or card is None:
            return DecisionValue.UNDECIDED, DecidedBy.FAULT, NO_SCORE if card else "no model"
        if card.refusal:
            return DecisionValue.UNDECIDED, DecidedBy.SCORE, f"{REFUSED}: {card.why_it_refuses}"
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


def doubt(decision: Decision) -> str:
    """Why nothing was decided, in words that can be counted."""
    if decision.value is not DecisionValue.UNDECIDED:
        return "labelled unsure"
    near = decision.decided_by is DecidedBy.SCORE and not is_refused(decision)
    return TOO_CLOSE if near else decision.reason


def is_refused(decision: Decision) -> bool:
    """Whether nothing was decided because the model may not."""
    return decision.value is DecisionValue.UNDECIDED and decision.reason.startswith(REFUSED)


def moved(score: float | None, shift: float) -> float | None:
    """A probability whose log odds are moved.

    Args:
        score: 0..1; None and the two ends stay.
        shift: added to the log odds.
    """
    if score is None or not shift or score in (0.0, 1.0):
        return score
    odds = math.exp(shift)
    return min(1.0, score * odds / (1 + score * (odds - 1)))


def _shift(card: ModelCard | None, stratum: Stratum) -> float:
    return card.shifts[stratum] if card is not None and card.shifts else 0.0


def _contradicts(card: ModelCard | None, score: float | None) -> bool:
    """Whether a model that decides is sure that a picture with the target's tag does not show it."""
    return card is not None and not card.refusal and score is not None and score < DOUBTED_TAG


@lru_cache(maxsize=256)
def _digest(facts: tuple[tuple[str, object], ...]) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:16]


def _usable(score: float | None) -> float | None:
    """A score that a decision may rest on, or None: NaN fails every comparison, so it must be caught by name."""
    if score is None or not math.isfinite(score) or not 0.0 <= score <= 1.0:
        return None
    return float(score)
