"""Work that may be stopped at any moment: what was kept, and what to do next, is said at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from commands.console import complain
from commands.exit_codes import ExitCode
from commands.failures import Terminated
from commands.places import Place
from commands.signals import StopRequest, obeying_signals, run_obeying
from storage.errors import StorageError


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


def run_round(work: Coroutine[Any, Any, int], where: Place, named: str | None) -> int:
    """Do a round; where it is stopped, or dies after its model came into force, say what stands.

    Args:
        work: gives the exit code.
        where: the gallery.
        named: the target, as the user typed it.
    """
    from rounds.standing import standing_in

    try:
        target, before = _before(where, named or "")
    except BaseException:
        work.close()  # it never begins
        raise

    def kept() -> str:
        words = standing_in(where.root, target).since(before)
        return words if "crawl rescore" in words else f"{words}; run the same command to begin again"

    async def watched() -> int:
        try:
            return await work
        except Exception:
            _tell_change(where, target, before)
            raise

    return run_stoppable(watched(), kept)


def _before(where: Place, named: str) -> tuple[str, str | None]:
    """The target that is meant, and its model in force."""
    from rounds.standing import standing_in
    from storage.archive import open_reader
    from storage.known_targets import target_called

    if (where.root / "crawl.db").exists():
        with open_reader(where.root) as reader:
            known = reader.targets()
        meant = target_called(known, named)
        named = named if meant is None else meant.name
    return named, standing_in(where.root, named).model


def _tell_change(where: Place, target: str, before: str | None) -> None:
    from rounds.standing import standing_in

    try:
        now = standing_in(where.root, target)
    except StorageError:  # what the round died of says more
        return
    if now.model != before:
        complain(now.since(before))
