"""What a process that runs somebody else's network may take: no core dumps, no more memory than given."""

from __future__ import annotations

import os
import sys

from classifier.inference.backends import gpu_in_sight

_LEAST_MEMORY = 4 << 30  # bytes


def confine(memory_bytes: int) -> None:
    """No core dumps, and no more memory than given: a network that somebody else made may ask for any amount.

    Beside a GPU memory is not limited: its driver maps far more than is ever used.

    Args:
        memory_bytes: that may be taken; 0: half of the machine's, 4 GiB at least.
    """
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux" and not gpu_in_sight():  # elsewhere nothing counts what a process really takes
        most = memory_bytes or max(_LEAST_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
