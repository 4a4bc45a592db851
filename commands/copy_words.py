"""Which of the two places of `crawl database copy` and `crawl files copy` is the gallery's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from commands.errors import UsageRefused
from commands.terminal.user_paths import PathRefused, expanded


@dataclass(frozen=True, slots=True)
class CopyWords:
    """What was typed."""

    root: Path  # the gallery's folder
    address: str  # where the copy goes; empty: into the folder
    back: bool  # whether it goes into the folder


def copy_words(source: str, to: str, is_address: Callable[[str], bool], *, two: str, none: str) -> CopyWords:
    """Read the two places.

    Args:
        source: FROM, as typed.
        to: TO, as typed.
        is_address: whether a place is no folder.
        two: what is said where both are addresses.
        none: what is said where neither is.
    Raises:
        UsageRefused: not one of the two is a folder, or it cannot be one.
    """
    back, there = is_address(source), is_address(to)
    if back and there:
        raise UsageRefused(two)
    if not back and not there:
        raise UsageRefused(none)
    name, typed = ("TO", to) if back else ("FROM", source)
    try:
        return CopyWords(expanded(typed).absolute(), to if there else "", back)
    except PathRefused as error:
        raise UsageRefused(f"{name} {error}") from None
