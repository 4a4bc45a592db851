"""A process of our own that answers one frame with one frame, and may be killed at any moment.

Both ends live here: `WorkerProcess` starts, asks and kills; `serve` is the loop inside the process. A worker ignores
SIGINT (the terminal sends it to everybody; the main process decides when to stop), ends when its standard input does,
and gets an environment without secrets.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from classifier.errors import WorkerLostError
from classifier.frames import Frame, read_frame, receive, send, write_frame

READ_AHEAD = 4 * 1024 * 1024  # bytes of the pipe's buffer on our side
_ENVIRONMENT = frozenset(
    {
        *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH"),
        *("DYLD_LIBRARY_PATH", "SYSTEMROOT", "WINDIR", "COMSPEC", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
        *("VIRTUAL_ENV", "XDG_CACHE_HOME"),
    }
)
_ENVIRONMENT_PREFIXES = ("KERAS_", "TF_", "XLA_", "JAX_", "CUDA_", "NVIDIA_", "TORCH_", "PYTORCH_", "OMP_", "ONEDNN_")


class WorkerProcess:
    """One worker; asked by one task at a time."""

    def __init__(self, command: Sequence[str], extra_environment: Mapping[str, str] | None = None) -> None:
        self._command = list(command)
        self._environment = {**_environment(), **(extra_environment or {})}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.returncode is None

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
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders and runtimes chatter there; what matters comes as a frame
                env=self._environment,
                limit=READ_AHEAD,
                process_group=0 if os.name == "posix" else None,  # the terminal's Ctrl-C is for the main process
            )
        except OSError as error:
            raise WorkerLostError(f"{self._command[0]} cannot be started: {error}") from error

    async def ask(self, question: Frame, deadline_s: float) -> Frame:
        """Send a frame and wait for the answer. After any exception the worker must be killed: it may still answer.

        Raises:
            WorkerLostError: it ended or spoke nonsense.
            TimeoutError: no answer within the deadline.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise WorkerLostError("the worker process was not started")
        async with asyncio.timeout(deadline_s):
            await send(process.stdin, question)
            try:
                return await receive(process.stdout)
            except WorkerLostError as error:
                raise WorkerLostError(f"{error} (exit code {await process.wait()})") from error

    async def kill(self) -> None:
        """End it at once and leave nothing behind."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        if process.stdout is not None:
            while await process.stdout.read(READ_AHEAD):
                pass  # what was on its way; without reading it the pipe would stay open
        await process.wait()


def serve(answer: Callable[[Frame], Frame]) -> None:
    """The loop inside a worker: answer every frame on standard input, until that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = _private_streams()
    while (question := read_frame(questions)) is not None:
        write_frame(answers, answer(question))


def python_command(module: str) -> list[str]:
    """How to run one of our modules in a fresh interpreter that never looks into the current folder."""
    return [sys.executable, "-P", "-m", module]


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for our frames alone; whatever a library prints goes to standard error instead."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=READ_AHEAD)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=READ_AHEAD), answers


def _environment() -> dict[str, str]:
    """What a worker needs to find Python, its packages and its device; no keys or passwords."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }
    kept["PYTHONPATH"] = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)  # found as we were found
    return kept
