"""Values of a raw answer in the forms that SQLite has for them; without the driver, which may not be installed."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def as_in_a_file(value: Any) -> Any:
    """Truth as 0 and 1, a moment as text of fixed width; anything else as it is."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value
