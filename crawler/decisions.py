"""Keep, delete, or undecided: the one place where that is decided, and by which rule.

The order is: a person's label, else the post's own tags, else the score. Any doubt about the picture or the model
ends in *undecided*; nothing here can turn a fault into a deletion.

A model's score of a picture holds for posts that name nobody. Where the tags name somebody else the target is rarer,
so the score is moved by what the model's card says of that stratum, and by what it makes of the AI tags that the site
gives with the post and the user's own tagger gives the picture; the moved score is what is stored, shown and decided
on. AI tags that come later, with another listing or another look, make another decision.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType

from storage.records import (
    AiTag,
    DecidedBy,
    Decision,
    DecisionValue,
    LabelValue,
    Look,
    ModelCard,
    Post,
    PostTags,
    Stratum,
    TaggerTags,
    Target,
    ai_shift,
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
NO_AI: Mapping[str, int] = MappingProxyType({})  # no tagger looked


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
        ai_percents: Mapping[str, int] = NO_AI,
        fault: str | None = None,
        doubted: bool = False,
    ) -> str:
        """A short hash of everything but the picture that the decision rests on; part of the decision's identity.

        Args:
            card: the model in force.
            tagged: whether the post's tags name the target.
            stratum: of the post.
            ai_percents: what taggers give the target's tag, by source.
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
        if weighed := _weighed_percents(card, ai_percents):
            facts["ai"] = weighed
        return _digest(tuple(facts.items()))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What decisions are made by: the policy and the models in force."""

    policy: Policy
    cards: Mapping[str, ModelCard]  # by Target.name

    def judge(
        self, targets: Sequence[Target], post: Post, look: Look, before: TaggerTags | None = None
    ) -> tuple[Look, tuple[Decision, ...]]:
        """What a look at a post's picture says of the post, and the decision for each target.

        Args:
            targets: whom to decide about.
            post: as the site states it.
            look: at its picture, as the judge gave it.
            before: the user's tagger's tags of the picture from an earlier look; they count where it did not look now.

        Returns:
            The look with the scores that hold for a post with these tags, which are those to be stored; the decisions.
        """
        complete = replace(look, tagger_tags=look.tagger_tags or before)
        decisions = tuple(self.decide(target, post.tags, complete, post.ai_tags) for target in targets)
        moved = {one.target: one.score for one in decisions if one.score is not None}
        scores = {name: moved.get(name, score) for name, score in look.scores.items()}
        return replace(look, scores=scores), decisions

    def decide(self, target: Target, tags: PostTags, look: Look, ai_tags: Sequence[AiTag] | None = None) -> Decision:
        """The machine's decision about one picture and one target; its score is the one that holds for the post.

        Args:
            target: whom it is about.
            tags: of the post.
            look: at its picture.
            ai_tags: of the post, by the site's own tagger; None: the site did not say.
        """
        card, facts = self.cards.get(target.name), _tag_facts(target, tags, ai_tags, look.tagger_tags)
        by = _shift(card, facts.stratum) + (ai_shift(card.ai_weights, facts.ai_percents) if card is not None else 0.0)
        score = moved(_usable(look.scores.get(target.name)), by)
        return self._decided(target, look.fault, facts, score=score, too_small=look.too_small)

    def decide_score(
        self,
        target: Target,
        *,
        tagged: bool,
        score: float | None,
        stratum: Stratum = Stratum.NOBODY,
        ai_percents: Mapping[str, int] = NO_AI,
        too_small: bool = False,
    ) -> Decision:
        """The machine's decision about a picture that was looked at before, from its score alone.

        Args:
            target: whom it is about.
            tagged: whether the post's tags name it.
            score: as it holds for the post, moved by its stratum and its AI tags already.
            stratum: of the post.
            ai_percents: what taggers give the target's tag, by source.
            too_small: whether its faces were too small to see, so that a low score says nothing.
        """
        facts = _TagFacts(tagged, stratum, ai_percents)
        return self._decided(target, None, facts, score=_usable(score), too_small=too_small)

    def still_holds(
        self, decision: Decision, target: Target, post: Post, tagger_tags: TaggerTags | None = None
    ) -> bool:
        """Whether a decision of an earlier run is what these models and rules would decide again.

        Args:
            decision: it.
            target: whom it is about.
            post: as it is now.
            tagger_tags: the user's tagger's tags of its picture, from its last look.
        """
        card = self.cards.get(target.name)
        if decision.score is None or decision.model_hash != (card.hash if card else None):
            return False
        facts = _tag_facts(target, post.tags, post.ai_tags, tagger_tags)
        return self._decided(target, None, facts, score=decision.score).policy == decision.policy

    def _decided(
        self,
        target: Target,
        fault: str | None,
        facts: _TagFacts,
        *,
        score: float | None,
        too_small: bool = False,
    ) -> Decision:
        card, tagged = self.cards.get(target.name), facts.tagged
        value, decided_by, reason = self._verdict(target, fault, tagged=tagged, score=score, card=card)
        if too_small and (value is DecisionValue.DELETE or reason == TAG_DOUBTED):
            return self._decided(target, TOO_SMALL, facts, score=score)
        # A look that gave no usable score is a decision of its own: the next, better one must not count as the same.
        fault = fault or (NO_SCORE if score is None else None)
        doubted = reason == TAG_DOUBTED
        return Decision(
            target=target.name,
            value=value,
            decided_by=decided_by,
            reason=reason,
            policy=self.policy.identity(
                card,
                tagged=tagged,
                stratum=facts.stratum,
                ai_percents=facts.ai_percents,
                fault=fault,
                doubted=doubted,
            ),
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


@dataclass(frozen=True, slots=True)
class _TagFacts:
    """What a post's tags state about a target."""

    tagged: bool
    stratum: Stratum
    ai_percents: Mapping[str, int]  # by source


def _tag_facts(
    target: Target, tags: PostTags, ai_tags: Sequence[AiTag] | None, tagger_tags: TaggerTags | None
) -> _TagFacts:
    percents = target.ai_percents(ai_tags, tagger_tags)
    return _TagFacts(target.named_by(tags), stratum_of(tags, target), percents)


def _weighed_percents(card: ModelCard | None, ai_percents: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The percents that a model weighs, by source; a decision rests on no others."""
    if card is None or not card.ai_weights:
        return ()
    sources = sorted(one.source for one in card.ai_weights)
    return tuple((source, ai_percents[source]) for source in sources if source in ai_percents)


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


@lru_cache(maxsize=4096)  # a model that weighs AI tags makes a hundred of each
def _digest(facts: tuple[tuple[str, object], ...]) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:16]


def _usable(score: float | None) -> float | None:
    """A score that a decision may rest on, or None: NaN fails every comparison, so it must be caught by name."""
    if score is None or not math.isfinite(score) or not 0.0 <= score <= 1.0:
        return None
    return float(score)
