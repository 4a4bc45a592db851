"""How often a search is asked."""

from datetime import timedelta

import pytest

from commands.following.interval import FIRST, LONGEST, SHORTEST, next_interval

HOURS = timedelta(hours=1)


@pytest.mark.parametrize(
    ("current", "brought", "hours"), [(24, 0, 48), (24, 1, 48), (24, 20, 24), (24, 30, 16), (24, 4000, 12)]
)
def test_an_interval_goes_by_what_the_sync_brought(current: int, brought: int, hours: int) -> None:
    assert next_interval(current * HOURS, brought) == hours * HOURS


def test_no_search_is_asked_more_often_than_makes_sense_or_forgotten() -> None:
    busy = quiet = FIRST
    for _ in range(10):
        busy, quiet = next_interval(busy, 10_000), next_interval(quiet, 0)

    assert (busy, quiet) == (SHORTEST, LONGEST)
