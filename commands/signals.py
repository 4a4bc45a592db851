"""Ctrl-C and SIGTERM: once to finish what is in flight, twice to stop at once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from commands.console import say
from commands.exit_codes import ExitCode


@dataclass(slots=True)
class StopRequest:
    """Whether and how the user asked to stop."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    code: ExitCode | None = None  # INTERRUPTED or TERMINATED once asked for
    patient: bool = False  # whether there is work in flight that is worth finishing

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
            say("stopping: finishing what is in flight (once more to stop at once)")
        else:
            task.cancel()


@contextmanager
def obeying_signals(request: StopRequest) -> Iterator[None]:
    """Route SIGINT, SIGTERM and SIGHUP to the request while the block runs, in the current task.

    Where the event loop cannot take signal handlers (Windows), Ctrl-C raises KeyboardInterrupt as usual: the run
    stops at once and the next one goes on from what was recorded.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    wanted = {"SIGINT": ExitCode.INTERRUPTED, "SIGTERM": ExitCode.TERMINATED, "SIGHUP": ExitCode.TERMINATED}
    taken = []
    for name, code in wanted.items():
        number = getattr(signal, name, None)
        if number is None or task is None:
            continue
        try:
            loop.add_signal_handler(number, request.ask, code, task)
        except (NotImplementedError, RuntimeError, ValueError):
            continue
        taken.append(number)
    try:
        yield
    finally:
        for number in taken:
            loop.remove_signal_handler(number)
