"""The number of a model that is about to be made."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from storage.files.paths import model_folder, target_models
from storage.names import ModelName, TargetName

_TRIED_AT_MOST = 10_000


class Numbers(Protocol):
    """Gives numbers; the archive does it."""

    async def next_model_number(self, target: str) -> int: ...


async def free_name(numbers: Numbers, models: Path, target: str) -> ModelName:
    """The first number that neither the registry nor the disk has: a killed round may have left a folder.

    Raises:
        BadName: the target's name cannot be one.
    """
    name = TargetName(target)
    number = await numbers.next_model_number(name)
    for tried in range(number, number + _TRIED_AT_MOST):
        free = ModelName(name, tried)
        if not model_folder(models, free).exists():
            return free
    raise FileExistsError(f"{target_models(models, name)} has too many folders that no model is registered for")
