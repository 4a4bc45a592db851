"""Temporary folders that name the process that owns them, so that those of processes that were killed are found."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

_LONGEST = 40  # characters: the paths of sockets below it may have 107
_OWNED = re.compile(r"crawl-ray-(\d+)-")


def new_scratch() -> Path:
    """A new folder of this process; those of its user's that no process owns any more are removed first."""
    base = Path(tempfile.gettempdir())
    if len(str(base)) > _LONGEST:
        base = Path("/tmp")  # noqa: S108 - the folder itself gets a random name and mode 0700
    _sweep(base)
    return Path(tempfile.mkdtemp(prefix=f"crawl-ray-{os.getpid()}-", dir=base))


def _sweep(base: Path) -> None:
    for folder in base.glob("crawl-ray-*"):
        owner = _OWNED.match(folder.name)
        try:
            if owner and folder.lstat().st_uid == os.getuid() and not _runs(int(owner[1])):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # somebody else removes it


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
