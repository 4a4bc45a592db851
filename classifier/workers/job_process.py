"""A job in a process of its own that prints lines of JSON: progress, then what was done or why not. Both ends of it.

Whatever else the process prints (network libraries print much) goes to standard error, of which the end is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from classifier.progress import ProgressCallback
from system.child_process import ChildOptions, ChildProcess

_GRACE_S = 5.0  # from asking it to end to killing it
_KEPT_NOISE = 2000  # bytes of what it printed last


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a job's process ended."""

    last: Mapping[str, Any]  # its last line that is no progress; empty: it said nothing
    code: int | None
    output: str  # the last that it printed beside its lines


async def run_job(
    command: Sequence[str], options: ChildOptions, report: ProgressCallback, deadline_s: float | None
) -> JobEnd:
    """Run a job's process to its end.

    Args:
        command: the process.
        options: how it is started; its errors are kept.
        report: takes its progress.
        deadline_s: it is killed when it takes longer; None: it may take as long as it likes.
    Raises:
        ChildLostError: it could not be started. TimeoutError: it took too long, and was stopped.
    """
    child = await ChildProcess.start(tuple(command), options)
    noise = asyncio.create_task(child.last_words(_KEPT_NOISE))
    try:
        async with asyncio.timeout(deadline_s):
            last = await _listen(child, report)
            await child.wait()
    finally:
        code = await child.stop(_GRACE_S)
        output = await noise
    return JobEnd(last, code, output)


async def _listen(child: ChildProcess, report: ProgressCallback) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    async for line in child.lines():
        with contextlib.suppress(ValueError):
            message = json.loads(line)
            if "stage" in message:
                report(str(message["stage"]), float(message["share"]), str(message["words"]))
            else:
                last = message
    return last


@dataclass(frozen=True, slots=True)
class JobLines:
    """In the job's own process: its lines of JSON."""

    out: TextIO

    def say(self, line: Mapping[str, Any]) -> None:
        """Send a line at once: what was done, or why not."""
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()

    def report(self, stage: str, share: float, words: str) -> None:
        """Send progress; a `ProgressCallback`."""
        self.say({"stage": stage, "share": share, "words": words})


def begin_job() -> TextIO:
    """In the job's own process: where its lines go; from here on it ends when its parent does, and not by Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to everybody
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever libraries print goes to standard error
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    return lines


def _end_with_parent() -> None:
    """Leave as soon as the process that started us is gone or closes our standard input."""
    while sys.stdin.buffer.read(4096):
        pass
    os._exit(143)
