"""Where a gallery's root says that its rows are, and whether that is still the database opened a while ago.

Labels are written beside the program that holds the gallery, and that may have moved its rows to another database
meanwhile. What waited for the old one is refused, because nobody would read there what it writes.
"""

from __future__ import annotations

from pathlib import Path

from storage.errors import DatabaseError
from storage.files.layout import ADDRESS


def stored_address(root: Path) -> str | None:
    """What the root says of a server, as it stands there; None: nothing, so the rows are in a file, if anywhere."""
    try:
        return (root / ADDRESS).read_text("utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def refuse_if_moved(root: Path, address: str | None) -> None:
    """Compare where the rows were with what the root says now.

    Args:
        root: of the gallery.
        address: of the server's database; None: they were in the file.
    Raises:
        DatabaseError: they are elsewhere now.
    """
    if stored_address(root) != address:
        raise DatabaseError(
            f"{root}: its rows were moved to another database; nothing was recorded; start this program again"
        )
