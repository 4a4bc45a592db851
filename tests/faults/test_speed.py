"""Deadlines in tests are stretched on a busy machine, and only there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import speed


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No measurement of this session counts here."""
    monkeypatch.setattr(speed, "_measured", [])


def ticking(*moments: float) -> Iterator[float]:
    return iter(moments)


def test_a_machine_is_as_slow_as_its_work_takes() -> None:
    clock = ticking(0.0, 4 * speed.QUIET_S, 1.0)

    assert speed.slowness(lambda: next(clock)) == 4.0
    assert speed.slowness(lambda: next(clock)) == 4.0  # measured a moment ago


def test_the_slowest_of_late_counts_and_nothing_is_slower_than_the_most() -> None:
    clock = ticking(0.0, 3 * speed.QUIET_S, 10.0, 10.0 + speed.QUIET_S, 20.0, 20.0 + 99 * speed.QUIET_S)

    found = [speed.slowness(lambda: next(clock)) for _ in range(3)]

    assert found == [pytest.approx(3.0), pytest.approx(3.0), speed.MOST]


def test_deadlines_stay_short_on_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "slowness", lambda: 1.0)
    quiet = speed.patient(0.4)
    monkeypatch.setattr(speed, "slowness", lambda: 4.0)

    assert (quiet, speed.patient(0.4)) == (0.4, 0.4 * 4 * speed.ROOM)
