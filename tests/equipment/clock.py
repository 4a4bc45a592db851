"""A clock that goes before or after the system's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ArchiveSettings


@dataclass(slots=True)
class ShiftedClock:
    """The system's time, so many days later; it may be set while an archive uses it."""

    days: float = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


def for_commands(monkeypatch: pytest.MonkeyPatch, clock: Callable[[], datetime]) -> None:
    """Let every archive that a command opens in this process go by a clock: a command line has no option for that."""
    opening = Archive.open

    def open_with_clock(root: Path, settings: ArchiveSettings | None = None) -> Archive:
        return opening(root, replace(settings or ArchiveSettings(), clock=clock))

    monkeypatch.setattr(Archive, "open", open_with_clock)
