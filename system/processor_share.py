"""How much of the processor time that this process asks for it gets, while other work runs on the same machine.

Linux counts for every thread how long it ran and how long it was ready to run and had to wait. Threads of ours that
wait for each other, because there are more of them than cores, do not make the machine a busy one. Elsewhere nobody
counts, and the whole machine is taken to be ours.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Times = tuple[float, float]  # seconds that the threads of this process ran, and that they waited for a core
_THREADS = Path("/proc/self/task")
_SHORTEST_S = 0.1  # a shorter span says nothing: the counters move with every tick


class ProcessorShare:
    """The share since the last question."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        times: Callable[[], Times | None] | None = None,
        cores: int | None = None,
    ) -> None:
        """Begin to measure.

        Args:
            clock: seconds.
            times: seconds run and waited, of all threads; None where nobody counts them. By default those of Linux.
            cores: that this process may use; by default those of its affinity.
        """
        self._clock, self._times = clock, times or thread_times
        self._cores = cores or usable_cores()
        self._at, self._before, self._share = clock(), self._times(), 1.0

    def __call__(self) -> float:
        """What the process got of what it asked for and the machine has, 0..1, since the last call."""
        now, times = self._clock(), self._times()
        if times is None or self._before is None or now - self._at < _SHORTEST_S:
            return self._share
        ran, waited = (max(0.0, new - old) for new, old in zip(times, self._before, strict=True))
        possible = min(ran + waited, self._cores * (now - self._at))
        self._share = min(1.0, ran / possible) if possible > 0 else 1.0
        self._at, self._before = now, times
        return self._share


def thread_times(threads: Path = _THREADS) -> Times | None:
    """Seconds that the threads of this process ran, and waited for a core; None where the system does not say."""
    ran = waited = 0
    found = False
    with suppress(OSError):
        for thread in threads.iterdir():
            with suppress(OSError, ValueError, IndexError):  # a thread may end while it is looked at
                fields = (thread / "schedstat").read_text().split()
                ran, waited, found = ran + int(fields[0]), waited + int(fields[1]), True
    return (ran * 1e-9, waited * 1e-9) if found else None


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
