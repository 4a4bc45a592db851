"""Ctrl-C and SIGTERM: once to finish what is in flight, twice to stop at once.

Whatever the work waits for, a file on a disk that does not answer included, the process ends: what is killed at any
moment loses nothing that was recorded, so ending it by force is safe.
"""

from __future__ import annotations

import asyncio
import io
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from commands.terminal.console import complain, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.machine_formats import finish
from commands.terminal.streams import MESSAGES, OUTPUT

T = TypeVar("T")
STOP_WITHIN_S = 9.0  # after the first request, where there is nothing to finish
STOP_AT_ONCE_WITHIN_S = 1.5  # after the second
_SHOW_CURSOR = "\x1b[?25h"  # a progress bar may have hidden it


def end_by_force(code: int, terminal: io.TextIOBase = MESSAGES) -> None:
    """End the process without waiting for any thread of it; the terminal's cursor is shown again."""
    if terminal.isatty():
        terminal.write(_SHOW_CURSOR)
    complain("crawl: stopped at once, because something did not end by itself; what was done is kept")
    finish(code)
    OUTPUT.flush()
    terminal.flush()
    os._exit(code)


@dataclass(slots=True)
class StopRequest:
    """Whether and how the user asked to stop."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    code: ExitCode | None = None  # INTERRUPTED or TERMINATED once asked for
    patient: bool = False  # whether there is work in flight that is worth finishing
    over: threading.Event = field(default_factory=threading.Event)  # set when the work has ended
    force: Callable[[int], None] = end_by_force

    @contextmanager
    def finishing_first(self) -> Iterator[None]:
        """While the block runs, the first request only sets the event: the work sees to its own end."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False

    def ask(self, code: ExitCode, task: asyncio.Task[object]) -> None:
        """The first request lets work in flight finish, where there is any; the second cancels it."""
        first, self.code = self.code is None, self.code or code
        self.event.set()
        if first and self.patient:
            say("stopping: finishing what is in flight (interrupt again to stop at once)")
        else:
            task.cancel()
            self._insist(STOP_WITHIN_S if first else STOP_AT_ONCE_WITHIN_S)

    def _insist(self, within_s: float) -> None:
        """End the process when the work has not ended by then; the event loop itself may be stuck."""

        def watch() -> None:
            if not self.over.wait(within_s):
                self.force(int(self.code or ExitCode.INTERRUPTED))

        threading.Thread(target=watch, name="stop", daemon=True).start()


def run_obeying(work: Coroutine[Any, Any, T], request: StopRequest) -> T:
    """Run the work in an event loop; after a stop request the process ends, even when its threads do not.

    Args:
        work: obeys the request, by `obeying_signals`.
        request: the one that it obeys.
    """
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        if request.code is not None:  # asked again, while the loop waits for a thread that does not end
            request.force(int(request.code))
        raise
    finally:
        request.over.set()


@contextmanager
def obeying_signals(request: StopRequest) -> Iterator[None]:
    """Route SIGINT, SIGTERM and SIGHUP to the request while the block runs, in the current task.

    Where the event loop cannot take signal handlers (Windows), Ctrl-C raises KeyboardInterrupt as usual: the run
    stops at once and the next one goes on from what was recorded.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    wanted = {"SIGINT": ExitCode.INTERRUPTED, "SIGTERM": ExitCode.TERMINATED, "SIGHUP": ExitCode.TERMINATED}
    taken = {}
    for name, code in wanted.items():
        number = getattr(signal, name, None)
        if number is None or task is None:
            continue
        before = signal.getsignal(number)
        if before is signal.SIG_IGN:  # by nohup, or by the shell for a job in the background
            continue
        try:
            loop.add_signal_handler(number, request.ask, code, task)
        except (NotImplementedError, RuntimeError, ValueError):
            continue
        taken[number] = before
    try:
        yield
    finally:
        for number, before in taken.items():
            loop.remove_signal_handler(number)
            signal.signal(number, before)
