"""How work that takes long says how far it has come."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[str, float, str], None]  # stage, share of it that is done 0..1, words for people


def unreported(stage: str, share: float, words: str) -> None:
    """The callback of whoever does not want to know."""
