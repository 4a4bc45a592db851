"""Starts the real command as a child, watches it, and kills it: at its Nth operation of a kind, or at some moment.

A child gets a process group of its own and a wall-clock limit; nothing of it outlives the test. Operations that Python
announces (creating, renaming, linking, removing) are aimed at from inside, on any machine; those of SQLite and fsync
need `strace`, and where it is missing or may not trace, `cannot_trace()` says why.
"""

from __future__ import annotations

import contextlib
import functools
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.faults.simulator.operations import OPERATIONS

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "tests.faults.stubs.crawl")
LIMIT_S = 300.0  # wall clock of one child: only what hangs takes as long

ANNOUNCED = (*OPERATIONS, "sync", "commit")  # any machine can aim at these
TRACED: Mapping[str, str] = {
    "fsync": "fsync,fdatasync,syncfs",
    "pwrite": "pwrite64",
    "rename": "rename,renameat,renameat2",
}


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a child ended."""

    code: int  # exit code; negative: the signal that killed it
    stdout: str
    stderr: str
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code in (-signal.SIGKILL, 128 + signal.SIGKILL)

    @property
    def output(self) -> str:
        """Everything that it printed."""
        return self.stdout + self.stderr


@dataclass(slots=True)
class Child:
    """One running command."""

    process: subprocess.Popen[bytes]
    out: IO[bytes]
    err: IO[bytes]
    limit_s: float
    started: float = field(default_factory=time.monotonic)
    spares_children: bool = False  # whether what it started may outlive it until the block ends

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command itself, as a user or a service manager would."""
        os.kill(self.process.pid, number)

    def waits_stopped(self) -> bool:
        """Wait until it has stopped itself (SIGSTOP); False: it ended instead."""
        while time.monotonic() - self.started < self.limit_s:
            try:
                state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0]
            except FileNotFoundError:
                return False
            if state == "T":
                return True
            if state == "Z":
                return False
            time.sleep(0.01)
        raise TimeoutError(f"neither stopped nor ended after {self.limit_s:g} s")

    def go_on(self) -> None:
        """Let it go on after it stopped."""
        self.send(signal.SIGCONT)

    def kill_group(self) -> None:
        """End everything that was started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def wait(self, at_most_s: float | None = None) -> CommandResult | None:
        """Wait for the end; None when it is still running after `at_most_s`.

        Raises:
            TimeoutError: the wall-clock limit has passed; the child was killed.
        """
        left = self.limit_s - (time.monotonic() - self.started)
        patience = left if at_most_s is None else min(left, at_most_s)
        handle = os.pidfd_open(self.process.pid)
        try:
            ready, _, _ = select.select([handle], [], [], max(0.0, patience))
        finally:
            os.close(handle)
        if not ready and at_most_s is not None and patience < left:
            return None
        if not ready:
            self.kill_group()
        _, status = os.waitpid(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if not self.spares_children:
            self.kill_group()  # whatever it started and left behind
        seconds = time.monotonic() - self.started
        ended = CommandResult(self.process.returncode, _text(self.out), _text(self.err), seconds)
        if not ready:
            raise TimeoutError(f"still running after {self.limit_s:g} s\n{ended.output[-4000:]}")
        return ended

    def heard(self) -> str:
        """Its output on standard error so far."""
        return _text(self.err)


def _text(file: IO[bytes]) -> str:
    return Path(f"/proc/self/fd/{file.fileno()}").read_bytes().decode("utf-8", "replace")


@contextlib.contextmanager
def started(
    arguments: Sequence[str],
    *,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    limit_s: float = LIMIT_S,
    program: Sequence[str] = PROGRAM,
) -> Iterator[Child]:
    """Run the command in the background for as long as the block lasts.

    Args:
        arguments: of the command.
        before: a wrapper's own command line, such as strace's.
        environment: added to ours.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [*before, *program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        child = Child(process, out, err, limit_s)
        try:
            yield child
        finally:
            child.kill_group()
            if process.returncode is None:
                process.wait()


def run(
    arguments: Sequence[str],
    *,
    before: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    limit_s: float = LIMIT_S,
    program: Sequence[str] = PROGRAM,
) -> CommandResult:
    """Run the command to its end.

    Raises:
        TimeoutError: it did not end in time.
    """
    with started(arguments, before=before, environment=environment, limit_s=limit_s, program=program) as child:
        ended = child.wait()
        if ended is None:
            raise TimeoutError("the child did not end")  # not reached: an unbounded wait ends or raises
        return ended


def killed_after(
    arguments: Sequence[str],
    seconds: float,
    *,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
) -> CommandResult:
    """Run the command and SIGKILL its whole group after so many seconds, if it is still there."""
    with started(arguments, environment=environment, program=program) as child:
        return killed_now(child, seconds)


def killed_now(child: Child, after_s: float) -> CommandResult:
    """SIGKILL a running command after so many seconds: alone when it spares its children, else its whole group."""
    ended = child.wait(after_s)
    if ended is None:
        if child.spares_children:
            child.send(signal.SIGKILL)
        else:
            child.kill_group()
        ended = child.wait()
    if ended is None:
        raise TimeoutError("the killed child did not end")
    return ended


def dying_at(kind: str, number: int) -> tuple[list[str], dict[str, str]]:
    """What makes the command die as it begins its Nth operation of a kind: a wrapper, and an environment.

    strace counts by thread. With one post in flight the work is in sequence, and so is the count.
    """
    if kind in ANNOUNCED:
        return [], {"STUB_DIE": f"{kind}:{number}"}
    calls = TRACED[kind]
    # Not with --seccomp-bpf: strace 6.1 then never counts beyond the first fdatasync.
    wrapper = [_strace(), "-f", "-qqq", "--signal=none", "-o", os.devnull, f"--trace={calls}"]
    return [*wrapper, f"--inject={calls}:signal=SIGKILL:when={number}"], {}


def _strace() -> str:
    return shutil.which("strace") or "strace"


@functools.cache
def cannot_trace() -> str | None:
    """Why no operation can be aimed at here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    wrapper = [_strace(), "-f", "-qqq", "-o", os.devnull, "--trace=fsync", "--inject=fsync:signal=SIGKILL:when=1"]
    code = "import os; os.fsync(os.open('.', os.O_RDONLY))"
    tried = subprocess.run([*wrapper, sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    if tried.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return None
    return f"strace may not trace here: {tried.stderr.decode(errors='replace').strip()[:200]}"
