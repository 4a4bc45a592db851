"""How many people a picture shows, by its general tags: `1girl`, `2boys`, `multiple_girls`, `6+others`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_PEOPLE = re.compile(r"(\d)(?:girl|boy|other)s?")
_CROWD = re.compile(r"(?:\d\+|multiple_)(?:girls|boys|others)|everyone|crowd")
COUNTING_TAGS = ("%girl", "%girls", "%boy", "%boys", "%other", "%others", "everyone", "crowd")  # LIKE; all that count


def people_count(general: Iterable[str]) -> float:
    """How many people a picture shows by its general tags; 0 when they say nothing, infinite for a crowd."""
    return sum(people_in(tag) for tag in general)


def people_in(tag: str) -> float:
    """How many people one general tag says are there; 0 for a tag that counts nobody, infinite for a crowd."""
    if _CROWD.fullmatch(tag):
        return math.inf
    match = _PEOPLE.fullmatch(tag)
    return int(match[1]) if match else 0
