"""How fast `crawl --help` answers: against a bare interpreter, and what importing TensorFlow would have cost.

    python -m bench.startup

In processor time, which is the same on a busy machine; the time that passed is printed beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

ROUNDS = 7
LIMIT_S = 0.2  # of processor time

SIDES = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "crawl --help": [sys.executable, "-m", "commands", "--help"],
    "import tensorflow": [sys.executable, "-c", "import tensorflow"],
}


class Start(NamedTuple):
    """What one start took, in seconds."""

    processor: float
    passed: float


def start(command: list[str]) -> Start:
    """Start a program and wait for its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Start(usage.ru_utime + usage.ru_stime, time.perf_counter() - began)


def main() -> int:
    """Interleaved rounds, medians, and whether the goal is met."""
    starts: dict[str, list[Start]] = {name: [] for name in SIDES}
    for turn in range(ROUNDS):
        for name, command in SIDES.items():
            if turn < 2 or "tensorflow" not in name:
                starts[name].append(start(command))
    medians = {name: Start(*map(statistics.median, zip(*found, strict=True))) for name, found in starts.items()}
    bare = medians["bare interpreter"].processor
    for name, median in medians.items():
        print(
            f"{name:20} {median.processor:6.3f} s of a processor ({median.processor / bare:.1f}x bare), "
            f"{median.passed:.3f} s passed"
        )
    kept = medians["crawl --help"].processor <= LIMIT_S
    print(f"crawl --help within {LIMIT_S} s of a processor: {'yes' if kept else 'NO'}")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
