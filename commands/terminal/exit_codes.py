"""The exit codes, and which of several applies.

They are documented in `docs/exit-codes.md`; scripts rely on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means."""

    COMPLETE = 0
    BUG = 1
    REFUSED = 2
    OPEN = 3
    ACCESS = 4
    BLOCKED = 5
    UNREACHABLE = 6
    STORAGE = 7
    DATABASE = 8
    BUSY = 9
    MODEL = 10
    DAMAGE = 11
    BRAKE = 12
    UNDECIDED = 13
    INTERRUPTED = 130
    TERMINATED = 143


_FIRST_TO_LAST = (1, 8, 7, 10, 11, 12, 4, 5, 6, 9, 2, 130, 143, 3, 13, 0)


def worst(codes: Iterable[int]) -> ExitCode:
    """The code to exit with when several apply: causes before consequences; a requested stop wins over 3."""
    present = set(codes) or {0}
    return ExitCode(next((code for code in _FIRST_TO_LAST if code in present), 1))
