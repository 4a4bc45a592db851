"""A pool of painter processes with one queue: pictures that a request waits for come before those painted ahead."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Mapping
from typing import Any

from demo.errors import PaintError
from demo.galleries.painter_worker import run_job
from system.child_process import ChildLostError, ChildOptions, ChildProcess, module_command

URGENT, AHEAD = 0, 1
_GRACE_S = 5.0  # for a painter to end
_JOB_S = 300.0  # for one picture, on a busy machine
_COMMAND = module_command("demo.galleries.painter_worker")
_OPTIONS = ChildOptions(shows_errors=True)
_Entry = tuple[int, int, dict[str, Any], "asyncio.Future[dict[str, Any]]"]


class PainterPool:
    """Does painting jobs in other processes, or in a thread when it has no workers."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._queue: asyncio.PriorityQueue[_Entry] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []
        self._lock = asyncio.Lock()  # one job at a time in the thread

    async def do(self, job: Mapping[str, Any], priority: int = URGENT) -> dict[str, Any]:
        """Have one job done.

        Raises:
            PaintError: it failed, or its painter died.
        """
        if self._workers == 0:
            async with self._lock:
                result = await asyncio.to_thread(run_job, job)
        else:
            if not self._tasks:
                self._tasks = [asyncio.create_task(self._painter()) for _ in range(self._workers)]
            future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            await self._queue.put((priority, next(self._numbers), dict(job), future))
            result = await future
        if "error" in result:
            raise PaintError(result["error"])
        return result

    async def close(self) -> None:
        """End the painter processes; jobs that wait are cancelled."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while not self._queue.empty():
            self._queue.get_nowait()[3].cancel()

    async def _painter(self) -> None:
        painter: ChildProcess | None = None
        try:
            while True:
                _, _, job, future = await self._queue.get()
                if future.done():
                    continue
                try:
                    if painter is None or not painter.running:
                        painter = await ChildProcess.start(_COMMAND, _OPTIONS)
                    async with asyncio.timeout(_JOB_S):
                        result = await _ask(painter, job)
                except asyncio.CancelledError:
                    future.cancel()
                    raise
                except (ChildLostError, OSError, ValueError) as error:  # TimeoutError is an OSError
                    result = {"error": f"the painter died: {error}"}
                    if painter is not None:
                        await painter.kill()
                    painter = None
                if not future.done():
                    future.set_result(result)
        finally:
            if painter is not None:
                await painter.stop(_GRACE_S)


async def _ask(painter: ChildProcess, job: Mapping[str, Any]) -> dict[str, Any]:
    painter.input.write(json.dumps(job).encode() + b"\n")
    await painter.input.drain()
    line = await painter.output.readline()
    if not line:
        raise ChildLostError("it closed its output")
    result: dict[str, Any] = json.loads(line)
    return result
