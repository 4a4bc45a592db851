"""Telling what takes long: a line every few seconds, and none of what is done at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType


class SlowWork:
    """Work of several parts, told from a thread of its own, because the one that works waits for the database."""

    def __init__(self, tell: Callable[[str], None], every_s: float) -> None:
        """Nothing is told yet.

        Args:
            tell: called with a line, from another thread.
            every_s: seconds between two lines, and before the first.
        """
        self._tell = tell
        self._every_s = every_s
        self._part = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on_telling, name="slow-work", daemon=True)

    def part(self, words: str) -> None:
        """The next part begins."""
        self._part = words

    def __enter__(self) -> SlowWork:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _go_on_telling(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(self._every_s):
            self._tell(f"{self._part}; {time.monotonic() - began:.0f} s so far")
