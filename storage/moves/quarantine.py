"""Setting aside what verification found wrong: bytes are moved to `damaged/`, never removed, and rows record it.

`crawl apply` fetches a kept original that is damaged again; a rendition is fetched again when it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from storage.database.tables import FileRow, RenditionRow
from storage.files.store import FileStore


def aside_path(path: str) -> str:
    """Where a damaged file goes: its own name, with the folders it was in before it."""
    return "damaged/" + path.replace("/", "-")


def move_aside(tree: FileStore, paths: Sequence[str]) -> list[str]:
    """Move files out of the way, one numbered name for each that was moved before; gives where they are now."""
    taken = set(tree.names("damaged"))
    moved = []
    for path in paths:
        target, number = aside_path(path), 1
        while target.rpartition("/")[2] in taken:
            number += 1
            target = f"{aside_path(path)}.{number}"
        tree.move(path, target)
        taken.add(target.rpartition("/")[2])
        moved.append(target)
    return moved


def record(connection: Connection, missing: Sequence[str], damaged: Sequence[tuple[str, str]], now: datetime) -> int:
    """Rows of originals say `damaged` from now on; rows of renditions go, for they can be fetched again.

    Args:
        missing: paths that rows claim and the disk has not.
        damaged: such paths whose bytes were wrong, and where they are now.
    Returns:
        How many rows were changed.
    """
    changed = 0
    for path, now_at in [*((path, None) for path in missing), *damaged]:
        if connection.execute(select(RenditionRow.md5).where(RenditionRow.path == path)).first() is not None:
            changed += connection.execute(delete(RenditionRow).where(RenditionRow.path == path)).rowcount
            continue
        rows = update(FileRow).where(FileRow.path == path, FileRow.place.in_(("gallery", "trash")))
        changed += connection.execute(rows.values(place="damaged", path=now_at, moved_at=now)).rowcount
    return changed
