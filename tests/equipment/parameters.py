"""Parameters of which a few always run, and all of them with `-m 'slow or not slow'`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def slow_after(always: int, values: Sequence[Any]) -> list[Any]:
    """For `pytest.mark.parametrize`: what follows the first `always` values is slow.

    A value that is a tuple stands for several arguments.
    """
    return [
        pytest.param(*_parts(value), marks=[pytest.mark.slow] if number >= always else [])
        for number, value in enumerate(values)
    ]


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
