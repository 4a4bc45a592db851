"""The number of a model that is about to be made."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

_TRIED_AT_MOST = 10_000


class Numbers(Protocol):
    """Gives numbers; the archive does it."""

    async def next_model_number(self, target: str) -> int: ...


async def free_number(numbers: Numbers, models: Path, target: str) -> int:
    """The first number that neither the registry nor the disk has: a killed round may have left a folder."""
    number = await numbers.next_model_number(target)
    for tried in range(number, number + _TRIED_AT_MOST):
        if not (models / target / str(tried)).exists():
            return tried
    raise FileExistsError(f"{models / target} has too many folders that no model is registered for")
