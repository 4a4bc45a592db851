"""How work that takes long reports its progress."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[str, float, str], None]  # stage, share of it that is done 0..1, words for people


def unreported(stage: str, share: float, words: str) -> None:
    """A callback that does nothing: no progress is wanted."""
