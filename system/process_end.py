"""How this process is to end: in order, unless a library of it would wait or crash while it is taken down."""

from __future__ import annotations

_wanted: list[str] = []  # why


def end_at_once(why: str) -> None:
    """Let the process end without taking libraries down, once everything of ours is finished and written.

    Args:
        why: for who reads this in a debugger.
    """
    _wanted.append(why)


def ends_at_once() -> bool:
    """Whether that was asked for."""
    return bool(_wanted)
