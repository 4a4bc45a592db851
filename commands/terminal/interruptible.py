"""Work that may be stopped at any moment: its last line says what was kept, and what to do next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from commands.terminal.console import complain
from commands.terminal.error_exit import Terminated
from commands.terminal.exit_codes import ExitCode
from commands.terminal.signals import StopRequest, obeying_signals, run_obeying


def run_stoppable(work: Coroutine[Any, Any, int], kept: Callable[[], str]) -> int:
    """Do the work; Ctrl-C, SIGTERM and SIGHUP end it in order.

    Args:
        work: gives the exit code.
        kept: what was kept and what to do next, in words; asked after a stop.

    Returns:
        the work's exit code, or that of the stop.
    """
    request = StopRequest()
    try:
        return run_obeying(_stoppable(work, kept, request), request)
    except Terminated:
        return _stopped(ExitCode.TERMINATED, kept)
    except KeyboardInterrupt:  # where the event loop takes no signal handlers
        return _stopped(ExitCode.INTERRUPTED, kept)


async def _stoppable(work: Coroutine[Any, Any, int], kept: Callable[[], str], request: StopRequest) -> int:
    with obeying_signals(request):
        try:
            return await work
        except asyncio.CancelledError:
            if request.code is None:
                raise
        return _stopped(request.code, kept)


def _stopped(code: ExitCode, kept: Callable[[], str]) -> int:
    complain(f"crawl: stopped: {kept()}")
    return int(code)
