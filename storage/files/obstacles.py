"""Whether a folder can be made: asked before something long begins whose result is to lie there."""

from __future__ import annotations

from pathlib import Path


def file_in_the_way(folder: Path) -> Path | None:
    """What lies at `folder`, or above it, and is no folder; None: nothing does, or the disk does not tell."""
    try:
        there = next((path for path in (folder, *folder.parents) if path.exists() or path.is_symlink()), None)
        return None if there is None or there.is_dir() else there
    except OSError:  # a name that is too long, a folder that is closed to us: making it says what is wrong
        return None
