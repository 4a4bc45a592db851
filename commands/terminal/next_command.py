"""Commands that a message suggests, written so that they can be pasted into a shell as they are."""

from __future__ import annotations

import shlex
from pathlib import Path

from commands.terminal.user_paths import shortest

DEFAULT_ROOT = Path("gallery-data")


def next_command(root: Path, *words: str) -> str:
    """`crawl` with these words, quoted for a shell, on the same gallery.

    Args:
        root: the gallery's folder; named in the command unless it is the one that is used without being named.
        words: the command and its arguments, unquoted.
    """
    where = () if root.absolute() == DEFAULT_ROOT.absolute() else ("--root", str(shortest(root)))
    return shlex.join(("crawl", *words, *where))
