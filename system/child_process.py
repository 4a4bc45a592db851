"""The one way to start a process of our own, used by every room; nothing else in the program starts one.

A child is one of our modules in a fresh interpreter (`module_command`). It

- imports nothing from the current folder, whoever started it, see `system.launch`;
- gets the environment variables of `ENVIRONMENT` and no others: no keys, no `PYTHON…`, no `LD_PRELOAD`;
- is in a process group of its own: the terminal's Ctrl-C is for the main process, which decides when to stop;
- ends with its parent, by its standard input that closes, and on Linux by a signal of the kernel;
- is killed together with all that it started in its group.

Whoever asks a child something sets a deadline: `run` wants one, and `ChildProcess` is asked within `asyncio.timeout`.
A child is started from a thread that outlives it, such as the one of the event loop: to the kernel, the parent of a
process is the thread that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from system.launch import LIBRARIES, PARENT

READ_AHEAD = 4 * 1024 * 1024  # bytes of a pipe that are read before anybody asks for them; the longest line, too
_ABANDONED_WITHIN_S = 0.5  # after its start was cancelled, until a child has been killed
_PIPES_WITHIN_S = 2.0  # after a child has been killed, until its pipes have closed
ENVIRONMENT = frozenset(  # what a child needs to find its files, its language and its device
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TEMP", "TMP"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_STATE_HOME"),
        *("SYSTEMROOT", "WINDIR", "COMSPEC", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
    }
)
ENVIRONMENT_PREFIXES = ("KERAS_", "TF_", "XLA_", "JAX_", "CUDA_", "NVIDIA_", "TORCH_", "PYTORCH_", "OMP_", "ONEDNN_")
DOWNLOADS = frozenset(  # what a child needs besides that may download published weights; proxies may hold a password
    {
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)


@dataclass(frozen=True, slots=True)
class ChildOptions:
    """How a child is started."""

    extra: Mapping[str, str] = field(default_factory=dict)  # environment variables besides those of `ENVIRONMENT`
    reads: bool = True  # whether we write to its standard input; it ends when that closes
    keeps_errors: bool = False  # whether its standard error is read, by `last_words`; it goes nowhere otherwise
    shows_errors: bool = False  # its standard error is ours: people see it
    niceness: int = 0  # 0..19: how much it, with all that it starts, gives way to others; where the system can


class ChildLostError(Exception):
    """The system refuses to start a child, or it ended in the middle of its work."""


class ChildProcess:
    """One child; stopped by whoever started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str], options: ChildOptions | None = None) -> ChildProcess:
        """Start a child.

        Args:
            command: from `module_command`.
            options: see there.

        Raises:
            ChildLostError: the system refuses.
        """
        options = options or ChildOptions()
        errors = (
            asyncio.subprocess.PIPE if options.keeps_errors else None if options.shows_errors else subprocess.DEVNULL
        )
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE if options.reads else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                env=child_environment(options.extra),
                limit=READ_AHEAD,
                process_group=0 if os.name == "posix" else None,
            )
        )
        try:
            process = await asyncio.shield(starting)
        except OSError as error:
            raise ChildLostError(f"{command[0]} cannot be started: {error}") from error
        except asyncio.CancelledError:
            await cls._abandon(starting)
            raise
        _give_way(process.pid, options.niceness)
        return cls(process)

    @classmethod
    async def _abandon(cls, starting: asyncio.Task[asyncio.subprocess.Process]) -> None:
        """Kill a child that nobody waits for any more before it has started.

        asyncio does so when the start is cancelled, and then waits until its pipes have closed. Where all tasks are
        cancelled, as `asyncio.run` does after Ctrl-C, the one that connects the pipes is among them: they never
        close, and the loop would never end. A second cancellation ends that.
        """
        if not starting.cancelling():
            starting.cancel()
        await asyncio.wait({starting}, timeout=_ABANDONED_WITHIN_S)
        starting.cancel()
        await asyncio.wait({starting})
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            await cls(starting.result()).kill()  # it had just started

    @property
    def pid(self) -> int:
        """Its process id, for messages."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    @property
    def input(self) -> asyncio.StreamWriter:
        """Its standard input."""
        if self._process.stdin is None:
            raise ChildLostError("the child reads nothing")
        return self._process.stdin

    @property
    def output(self) -> asyncio.StreamReader:
        """Its standard output."""
        if self._process.stdout is None:
            raise ChildLostError("the child's output is not read")
        return self._process.stdout

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of its output; one that is longer than `READ_AHEAD` is passed over."""
        while True:
            try:
                line = await self.output.readline()
            except ValueError:
                continue
            if not line:
                return
            yield line

    async def last_words(self, most: int) -> str:
        """What it says last on standard error, at most so many bytes; waits until that ends."""
        stream, kept = self._process.stderr, b""
        while stream is not None and (chunk := await stream.read(65536)):
            kept = (kept + chunk)[-most:]
        return kept.decode(errors="replace").strip()

    async def wait(self) -> int:
        """Wait until it has ended; gives its exit code, negative for a signal."""
        return await self._process.wait()

    async def stop(self, grace_s: float) -> int:
        """Ask it to end (its input closes, SIGTERM comes), and kill it when it has not after so many seconds."""
        if self.running:
            if self._process.stdin is not None:
                self._process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    return await self._process.wait()
        return await self.kill()

    async def kill(self) -> int:
        """End it at once, with everything that it started, and leave nothing behind.

        One that has ended by itself may have left a process that holds its pipes open; that is killed, too, unless it
        has left the child's group: then it is not waited for.
        """
        process = self._process
        if process.returncode is None:
            _kill_group(process.pid)
        if process.stdin is not None:
            process.stdin.close()
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PIPES_WITHIN_S):
                    return await self._read_to_the_end()
            _kill_group(process.pid)  # while somebody is in it, its number is nobody else's
        return await process.wait() if process.returncode is None else process.returncode

    async def _read_to_the_end(self) -> int:
        """Read what was on its way, without which the pipe would stay open; gives the exit code."""
        if self._process.stdout is not None:
            with contextlib.suppress(RuntimeError):  # somebody else is reading it, to the end
                while await self._process.stdout.read(READ_AHEAD):
                    pass
        return await self._process.wait()


@dataclass(frozen=True, slots=True)
class Finished:
    """A child that has ended."""

    code: int  # exit code; negative: a signal
    errors: bytes  # its output on standard error


def run(command: Sequence[str], deadline_s: float, extra: Mapping[str, str] | None = None) -> Finished:
    """Run a child to its end; it reads nothing, and what it prints on standard output goes nowhere.

    Args:
        command: from `module_command`.
        deadline_s: it is killed when it takes longer.
        extra: environment variables besides those of `ENVIRONMENT`.

    Raises:
        ChildLostError: the system refuses to start it, or it takes too long.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=child_environment(extra or {}),
            process_group=0 if os.name == "posix" else None,
        )
    except OSError as error:
        raise ChildLostError(f"{command[0]} cannot be started: {error}") from error
    with process:
        try:
            errors = process.communicate(timeout=deadline_s)[1]
        except subprocess.TimeoutExpired as error:
            raise ChildLostError(f"it took longer than {deadline_s:g} s") from error
        finally:
            if process.poll() is None:
                _kill_group(process.pid)
    return Finished(process.returncode, errors)


def module_command(module: str, *arguments: str) -> tuple[str, ...]:
    """How to run one of our modules in a fresh interpreter that never looks into the current folder."""
    return (sys.executable, "-P", str(Path(__file__).with_name("launch.py")), module, *arguments)


def child_environment(extra: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a child's environment holds: what `ENVIRONMENT` allows of ours, and `extra`."""
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() in ENVIRONMENT or name.startswith(ENVIRONMENT_PREFIXES)
    }
    libraries = _libraries(environ.get("PYTHONPATH", ""))
    kept |= {LIBRARIES: libraries} if libraries else {}
    return {**kept, PARENT: str(os.getpid()), **extra}


def allowed(names: Iterable[str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Those of our environment variables, as `extra` for a child that needs more than the others."""
    return {name: environ[name] for name in names if name in environ}


def _libraries(python_path: str) -> str:
    """The folders that a PYTHONPATH names, without the current one in any spelling."""
    if not python_path:
        return ""
    folders = [Path(entry) for entry in python_path.split(os.pathsep) if entry]
    return os.pathsep.join(str(folder) for folder in folders if folder.is_absolute() and not _is_here(folder))


def _is_here(folder: Path) -> bool:
    try:
        return folder.samefile(".")
    except OSError:  # it is gone, or the current folder is
        return True


def _give_way(leader: int, niceness: int) -> None:
    """Let a process group that has just begun give way to others."""
    if niceness and os.name == "posix":
        with contextlib.suppress(OSError):  # it has just ended, or the system does not want that
            os.setpriority(os.PRIO_PGRP, leader, niceness)


def _kill_group(leader: int) -> None:
    """SIGKILL to a child that was not waited for yet, and to all of its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just ended
        if os.name == "posix":
            os.killpg(leader, signal.SIGKILL)
        else:
            os.kill(leader, signal.SIGTERM)
