"""Folders in which models were being made when their program died. A model in use never lies in one."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

from storage.files.paths import models_folder

_WORK = ".work-"
_UNDER_THE_LOCK = re.compile(r"\.work-(\d+-\d+|round-0-.*)")  # made only by whoever holds the gallery
_DAY_S = 86_400.0  # others learn beside a running crawl, without the lock; none takes so long


def is_half_made(path: str) -> bool:
    """Whether a model is, or was, being made in the folder of that path; there is nothing in it to use."""
    return path.rpartition("/")[2].startswith(_WORK)


def clear_unfinished_models(root: Path) -> int:
    """Remove what is left of models that were never finished; the gallery's lock must be held.

    A finished one that nobody registered stays: `crawl verify` names it.

    Returns:
        How many folders were removed.
    """
    return sum(_removed(folder) for folder in models_folder(root).glob(f"*/{_WORK}*"))


def _removed(folder: Path) -> bool:
    try:
        old = time.time() - folder.stat(follow_symlinks=False).st_mtime > _DAY_S
        if not (old or _UNDER_THE_LOCK.fullmatch(folder.name)):
            return False
        shutil.rmtree(folder)  # refuses links, and enters none
    except OSError:
        return False  # somebody else's, or gone; it is in nobody's way
    return True
