"""How slow this machine is right now: what a deadline in a test is multiplied with.

Tests shrink the program's deadlines so that they need not wait for them. A shrunk deadline must still leave room for
the work that it watches, whatever else runs on the machine; so it is given in seconds of a quiet machine and stretched
by a measurement: how long a fixed piece of work takes here and now. Deadlines that only say "not for ever" need no
measurement: they are simply long.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

QUIET_S = 0.08  # what the piece of work takes on a quiet machine of ours
ROOM = 4.0  # a busy machine is not evenly busy: its deadlines are stretched by this factor more
MOST = 5.0  # slower than this does not count: what drips must never be taken for healthy
BUSY = 1.2  # from here on a machine counts as busy
VALID_S = 3.0  # a measurement is good for so long

_PIECE = bytes(1 << 20)
Measured = list[tuple[float, float]]  # (when, how slow), the newest last
_measured: Measured = []  # of this session


def piece_of_work() -> None:
    """Some processor time in slices, as a program spends it that also waits: neither of them is ever starved alone."""
    for _ in range(8):
        for _ in range(16):
            hashlib.sha256(_PIECE).digest()
        time.sleep(0)


def slowness(clock: Callable[[], float] = time.monotonic, measured: Measured = _measured) -> float:
    """How many times slower than a quiet machine this one is at present, 1 to `MOST`; the worst of late counts."""
    now = clock()
    if not measured or now - measured[-1][0] > VALID_S:
        piece_of_work()
        after = clock()
        measured.append((after, min(MOST, max(1.0, (after - now) / QUIET_S))))
        del measured[:-3]
    return max(found for _, found in measured)


def patient(seconds: float, slowness: Callable[[], float] = slowness) -> float:
    """A deadline of so many seconds on a quiet machine, as long as it must be here and now."""
    found = slowness()
    return seconds if found < BUSY else seconds * found * ROOM
