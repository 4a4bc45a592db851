"""The most memory that this process and all that it started take together, shared pages counted once."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_EVERY_S = 0.5


@dataclass(slots=True)
class Peak:
    """In bytes."""

    driver: int = 0  # this process
    all: int = 0  # with the cluster's


@contextlib.contextmanager
def watched_memory() -> Iterator[Peak]:
    """The peak while the block runs."""
    peak, done = Peak(), threading.Event()

    def watch() -> None:
        own = psutil.Process()
        while not done.wait(_EVERY_S):
            with contextlib.suppress(psutil.Error):
                driver = _share(own.pid)
                peak.driver = max(peak.driver, driver)
                peak.all = max(peak.all, driver + sum(_share(one.pid) for one in own.children(recursive=True)))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _share(process: int) -> int:
    """Its proportional share of the pages that it has mapped, bytes; 0: it is gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
