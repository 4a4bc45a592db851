"""Long lists cut into pieces that one statement can take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

CHUNK = 500  # values in one IN (…)


def chunked(values: Sequence[Any], size: int = CHUNK) -> Iterable[Sequence[Any]]:
    """Pieces small enough for one statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
