"""A clock that goes before or after the system's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class ShiftedClock:
    """The system's time, so many days later; it may be set while an archive uses it."""

    days: float = 0.0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)
