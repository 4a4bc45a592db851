"""A process of our own that answers one frame with one frame, and may be killed at any moment.

Both ends live here: `WorkerProcess` starts, asks and kills; `serve` is the loop inside the process. A worker ignores
SIGINT (the terminal sends it to everybody; the main process decides when to stop) and ends when its standard input
does.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from classifier.errors import WorkerLostError
from classifier.workers.frames import WorkerFrame, read_frame, receive, send, write_frame
from system.child_process import READ_AHEAD, ChildLostError, ChildOptions, ChildProcess


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
        """Start the process; it is ready when it answers its first frame.

        Raises:
            WorkerLostError: the system refuses to start it.
        """
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


def serve(answer: Callable[[WorkerFrame], WorkerFrame]) -> None:
    """The loop inside a worker: answer every frame on standard input, until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = _private_streams()
    while (question := read_frame(questions)) is not None:
        write_frame(answers, answer(question))


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for our frames alone; whatever a library prints goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=READ_AHEAD)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=READ_AHEAD), answers
