"""How long until a search is asked again: by what the last sync of it brought."""

from __future__ import annotations

from datetime import timedelta

FIRST = timedelta(days=1)  # of a search that was never followed
SHORTEST, LONGEST = timedelta(hours=6), timedelta(days=14)
AIM = 20  # new or changed posts that a sync should bring: fewer, and it comes less often
EARLY = 0.1  # of an interval by which a search counts as due: a nightly run is never a minute too early


def next_interval(current: timedelta, brought: int) -> timedelta:
    """The interval after a sync; it at most doubles and at least halves at a time.

    Args:
        current: that led to the sync.
        brought: new and changed posts.
    """
    factor = 2.0 if not brought else min(2.0, max(0.5, AIM / brought))
    return min(LONGEST, max(SHORTEST, current * factor))
