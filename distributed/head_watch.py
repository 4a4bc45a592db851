"""Whether the head of a cluster is still there: Ray ends the whole process when it has missed it for a minute.

That end comes from Ray's own threads, with exit code 1 and a line of its log. A run that looks for itself, and gives up
before, ends in order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeadWatch:
    """Where the head listens, and how it is missed."""

    host: str
    port: int
    every_s: float = 2.0
    missed_s: float = 30.0  # then it is lost; Ray waits 60

    async def watch(self, lost: Callable[[float], None]) -> None:
        """Look for it until it is lost, which is said once, with the seconds that it has been missed for."""
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while True:
            await asyncio.sleep(self.every_s)
            if await self._answers():
                seen = loop.time()
            elif loop.time() - seen > self.missed_s:
                lost(loop.time() - seen)
                return

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(self.every_s):
                _, writer = await asyncio.open_connection(self.host, self.port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True
