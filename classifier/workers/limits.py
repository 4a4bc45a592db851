"""What a process that decodes somebody else's files may take, where the system knows such limits."""

from __future__ import annotations

import math
import sys
import time


def confine_decoder(memory_bytes: int) -> None:
    """No more memory than given, no core dumps, no files written; where the system knows such limits."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":  # elsewhere the address space is counted in ways that no limit fits
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def limit_cpu(seconds: float) -> None:
    """Let the system end this process when what comes next takes longer than this."""
    if sys.platform == "win32":
        return
    import resource

    soft = math.ceil(time.process_time() + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))
