"""A demo gallery in a process of its own, for as long as a benchmark needs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

READY = "serving "


@contextmanager
def served(arguments: Sequence[str]) -> Iterator[str]:
    """Run `python -m demo` with these arguments; gives its URL."""
    command = [sys.executable, "-m", "demo", "--port", "0", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line.startswith(READY):
                raise RuntimeError(f"the demo gallery did not start: {line!r}")
            yield line.removeprefix(READY).strip()
        finally:
            process.terminate()
