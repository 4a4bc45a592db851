"""How much a tagger's tag moves a model's score of a post.

A tagger gives percents that nobody calibrated, and a model has learned from the gallery what they are worth there. So
its word moves the log odds of the picture's own score: by so much for every log odd of its percent, and by so much for
its having looked at all. A post that no tagger has looked at is scored by its picture alone; since the threshold was
chosen for scores with their word, such a score is lowered by as much as the picture alone needs for the same goal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SITE_TAGGER = "site"  # the site's own; every other source is the hash of a tagger
LOG_ODDS_OF_PERCENT = tuple(math.log((percent + 0.5) / (100.5 - percent)) for percent in range(101))  # 0 and 100 too

_LARGEST = 50.0  # log odds; beyond, a score is 0 or 1 whatever the picture shows
_MUCH = 90  # percent, for people
_FIELDS = ("source", "tag", "slope", "offset", "unheard")


@dataclass(frozen=True, slots=True)
class AiTagWeight:
    """What a model makes of one tagger's percent for one tag."""

    source: str  # SITE_TAGGER, or the hash of a tagger of the user's own
    tag: str  # the target's, whose percent is read
    slope: float  # added to the log odds of a score for each log odd of the percent; above 0
    offset: float  # added besides, wherever the tagger looked at the picture
    unheard: float = 0.0  # added where none of a model's taggers looked at it; never above 0

    def __post_init__(self) -> None:
        if not self.source or not self.tag:
            raise ValueError(
                f"a tagger's weight needs a source and a tag, got {self.source!r:.40} and {self.tag!r:.40}"
            )
        if not (0 < self.slope <= _LARGEST and abs(self.offset) <= _LARGEST):  # not-a-number is neither
            raise ValueError(
                f"a tagger's weight needs a slope above 0 and an offset, both of at most {_LARGEST:g}; "
                f"got {self.slope} and {self.offset}"
            )
        if not -_LARGEST <= self.unheard <= 0:
            raise ValueError(f"a score that no tagger moves is never raised for that, got {self.unheard} log odds")

    def shift(self, percent: int) -> float:
        """Log odds added to a score where the tagger says so many percent, 0..100."""
        return self.slope * LOG_ODDS_OF_PERCENT[percent] + self.offset

    def words(self) -> str:
        """What the model makes of the tagger, for people."""
        which = "the site's AI tag" if self.source == SITE_TAGGER else f"the AI tag of your tagger {self.source[:12]}"
        much, nothing = (math.exp(self.shift(percent)) for percent in (_MUCH, 0))
        stricter = f", its odds multiplied by {math.exp(self.unheard):.2g}" if self.unheard else ""
        return (
            f"also weighs {which}: {self.tag} at {_MUCH} % multiplies a score's odds by {much:.2g}, at 0 % by "
            f"{nothing:.2g}; a post that it says nothing of is scored by its picture alone{stricter}"
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in _FIELDS}


def ai_weights_from_json(values: Any) -> tuple[AiTagWeight, ...]:
    """What a list of `to_json` values stands for.

    Raises:
        ValueError: it is no such list.
    """
    if not isinstance(values, list):
        raise ValueError(f"taggers' weights must be a list, got {type(values).__name__}")
    return tuple(_weight(value) for value in values)


def ai_shift(weights: Sequence[AiTagWeight], percents: Mapping[str, int]) -> float:
    """Log odds added to a score by all taggers together.

    Args:
        weights: of the model.
        percents: 0..100 by source; a tagger that has not looked at the picture is not in it.
    """
    heard = [one.shift(percents[one.source]) for one in weights if one.source in percents]
    return sum(heard) if heard else unheard_shift(weights)


def unheard_shift(weights: Sequence[AiTagWeight]) -> float:
    """Log odds added to a score of a picture that none of the taggers has looked at, 0 or less."""
    return min((one.unheard for one in weights), default=0.0)


def _weight(value: Any) -> AiTagWeight:
    value = {"unheard": 0.0, **value} if isinstance(value, dict) else value  # models of earlier versions say none
    if not isinstance(value, dict) or set(value) != set(_FIELDS):
        raise ValueError(f"a tagger's weight has {', '.join(_FIELDS)}, got {value!r:.100}")
    source, tag, slope, offset, unheard = (value[name] for name in _FIELDS)
    words, numbers = isinstance(source, str) and isinstance(tag, str), (slope, offset, unheard)
    if not words or any(isinstance(one, bool) or not isinstance(one, int | float) for one in numbers):
        raise ValueError(f"a tagger's weight is two words and three numbers, got {value!r:.100}")
    return AiTagWeight(source, tag, float(slope), float(offset), float(unheard))
