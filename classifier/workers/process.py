"""A process of our own that answers one frame with one frame, and may be killed at any moment.

`WorkerProcess` starts, asks and kills; the loop inside the process is `classifier.workers.service`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from classifier.errors import WorkerLostError
from classifier.workers.frames import WorkerFrame, receive, send
from system.child_process import ChildLostError, ChildOptions, ChildProcess


class WorkerProcess:
    """One worker; asked by one task at a time."""

    def __init__(self, command: Sequence[str], extra_environment: Mapping[str, str] | None = None) -> None:
        self._command = tuple(command)
        self._options = ChildOptions(extra=extra_environment or {})  # what libraries print there is dropped
        self._process: ChildProcess | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int | None:
        """Its process id, for messages."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Start the process, unless it runs; it is ready when it answers its first frame.

        Raises:
            WorkerLostError: the system refuses to start it.
        """
        if self.running:
            return
        try:
            self._process = await ChildProcess.start(self._command, self._options)
        except ChildLostError as error:
            raise WorkerLostError(str(error)) from error

    async def ask(self, question: WorkerFrame, deadline_s: float) -> WorkerFrame:
        """Send a frame and wait for the answer. After any exception the worker must be killed: it may still answer.

        Raises:
            WorkerLostError: it ended or spoke nonsense.
            TimeoutError: no answer within the deadline.
        """
        process = self._process
        if process is None:
            raise WorkerLostError("the worker process was not started")
        async with asyncio.timeout(deadline_s):
            await send(process.input, question)
            try:
                return await receive(process.output)
            except WorkerLostError as error:
                raise WorkerLostError(f"{error} (exit code {await process.wait()})") from error

    async def kill(self) -> None:
        """End it at once and leave nothing behind."""
        process, self._process = self._process, None
        if process is not None:
            await process.kill()
