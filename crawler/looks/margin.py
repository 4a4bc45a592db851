"""How far from its threshold a score of a small rendition must be, so that a larger one would decide the same.

The margin belongs to the model, whose package keeps what it was measured on: the same for all posts of all runs. Which
rendition a post is judged by must not depend on what was looked at before it, or a run that is killed and goes on would
end otherwise than one that is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from crawler.decisions import DOUBTED_TAG, is_refused
from storage.records import DecidedBy, Decision, ModelCard

MARGIN = 1.5  # log odds, of models that measured none; at 750 pictures none was decided otherwise (`bench.cascade`)
_END = 1e-3  # scores nearer to 0 or 1 count as this


def is_doubtful(decisions: Sequence[Decision], models: Mapping[str, ModelCard]) -> bool:
    """Whether a larger rendition might be decided otherwise.

    Args:
        decisions: by the small one.
        models: that they rest on, by `Target.name`.
    """
    return not all(_is_sure(decision, margin_of(models.get(decision.target))) for decision in decisions)


def margin_of(card: ModelCard | None) -> float:
    """A model's margin, log odds."""
    return MARGIN if card is None or card.margin is None else card.margin


def _is_sure(decision: Decision, margin: float) -> bool:
    score, threshold = decision.score, decision.threshold
    if score is None or threshold is None or decision.decided_by is DecidedBy.FAULT:
        return False
    if is_refused(decision):
        return True  # the model decides on no rendition
    if decision.decided_by is DecidedBy.TAG:
        return log_odds(score) - log_odds(DOUBTED_TAG) >= margin
    return abs(log_odds(score) - log_odds(threshold)) >= margin


def log_odds(score: float) -> float:
    """Of a probability; near both ends it is cut off."""
    within = min(max(score, _END), 1 - _END)
    return math.log(within / (1 - within))
