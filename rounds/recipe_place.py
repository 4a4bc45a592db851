"""Where a recipe's training is kept, so that one that was killed goes on: only the same training finds the folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

_CHECKPOINTS, _KEPT_S = ".training-", 14 * 86_400.0  # folders of interrupted trainings, and how long they wait


def training_key(*decides: Any) -> str:
    """A word that is the same for the same training: 16 hexadecimal digits.

    Args:
        decides: everything that decides what is trained; plain values.
    """
    return hashlib.sha256(json.dumps(list(decides)).encode()).hexdigest()[:16]


def checkpoint_folder(models: Path, key: str) -> Path:
    """The folder of one training's checkpoints; those of trainings that nobody went on with are cleared away.

    Args:
        models: folder of the models of one name.
        key: from `training_key`.
    """
    for left in models.glob(f"{_CHECKPOINTS}*"):
        if time.time() - left.stat().st_mtime > _KEPT_S:
            shutil.rmtree(left, ignore_errors=True)
    return models / f"{_CHECKPOINTS}{key}"
