"""How fast `crawl --help` answers: against a bare interpreter, and what importing TensorFlow would have cost.

python -m bench.startup
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 7
LIMIT_S = 0.5

SIDES = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "crawl --help": [sys.executable, "-m", "commands", "--help"],
    "import tensorflow": [sys.executable, "-c", "import tensorflow"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one start."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> int:
    """Interleaved rounds, medians, and whether the goal is met."""
    times: dict[str, list[float]] = {name: [] for name in SIDES}
    for turn in range(ROUNDS):
        for name, command in SIDES.items():
            if turn < 2 or "tensorflow" not in name:
                times[name].append(seconds(command))
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, median in medians.items():
        print(f"{name:20} {median:6.3f} s  ({median / medians['bare interpreter']:.1f}x bare)")
    kept = medians["crawl --help"] <= LIMIT_S
    print(f"crawl --help within {LIMIT_S} s: {'yes' if kept else 'NO'}")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
