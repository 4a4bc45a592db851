"""The painters at work: a few processes, one queue, what somebody waits for before what is painted ahead."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.easel import run_job
from demo.errors import PaintError

URGENT, AHEAD = 0, 1
LINE_LIMIT = 1 << 20  # bytes in one answer of a painter
_ROOT = Path(__file__).resolve().parent.parent  # where `python -m demo.easel` is found
_Entry = tuple[int, int, dict[str, Any], "asyncio.Future[dict[str, Any]]"]


class Workshop:
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
                answer = await asyncio.to_thread(run_job, job)
        else:
            if not self._tasks:
                self._tasks = [asyncio.create_task(self._painter()) for _ in range(self._workers)]
            future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            await self._queue.put((priority, next(self._numbers), dict(job), future))
            answer = await future
        if "error" in answer:
            raise PaintError(answer["error"])
        return answer

    async def close(self) -> None:
        """Send the painters home; jobs that wait are dropped."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while not self._queue.empty():
            self._queue.get_nowait()[3].cancel()

    async def _painter(self) -> None:
        process: asyncio.subprocess.Process | None = None
        try:
            while True:
                _, _, job, future = await self._queue.get()
                if future.done():
                    continue
                if process is None or process.returncode is not None:
                    process = await _start()
                try:
                    answer = await _ask(process, job)
                except asyncio.CancelledError:
                    future.cancel()
                    raise
                except (OSError, ValueError) as error:
                    answer = {"error": f"the painter died: {error}"}
                    await _stop(process)
                    process = None
                if not future.done():
                    future.set_result(answer)
        finally:
            if process is not None:
                await _stop(process)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "demo.easel",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=_ROOT,
        limit=LINE_LIMIT,
    )


async def _ask(process: asyncio.subprocess.Process, job: Mapping[str, Any]) -> dict[str, Any]:
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes")
    process.stdin.write(json.dumps(job).encode() + b"\n")
    await process.stdin.drain()
    line = await process.stdout.readline()
    if not line:
        raise OSError("it closed its output")
    answer: dict[str, Any] = json.loads(line)
    return answer


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    await process.wait()
