"""Deadlines in tests are stretched on a busy machine, and only there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import speed


def ticking(*moments: float) -> Iterator[float]:
    return iter(moments)


def test_a_machine_is_as_slow_as_its_work_takes() -> None:
    clock, measured = ticking(0.0, 4 * speed.QUIET_S, 1.0), speed.Measured()

    assert speed.slowness(lambda: next(clock), measured) == 4.0
    assert speed.slowness(lambda: next(clock), measured) == 4.0  # measured a moment ago


def test_the_slowest_of_late_counts_and_nothing_is_slower_than_the_most() -> None:
    clock = ticking(0.0, 3 * speed.QUIET_S, 10.0, 10.0 + speed.QUIET_S, 20.0, 20.0 + 99 * speed.QUIET_S)

    measured = speed.Measured()

    found = [speed.slowness(lambda: next(clock), measured) for _ in range(3)]

    assert found == [pytest.approx(3.0), pytest.approx(3.0), speed.MOST]


def test_deadlines_stay_short_on_a_quiet_machine() -> None:
    quiet, busy = speed.patient(0.4, lambda: 1.0), speed.patient(0.4, lambda: 4.0)

    assert (quiet, busy) == (0.4, 0.4 * 4 * speed.ROOM)
