"""Steps that are not left half done when their caller is cancelled.

A file is placed first and its rows are written after it. A caller that is cancelled in between would leave a file
without a row, and a count without its post. So such a step goes on to its end, its result reaches the caller, and the
cancellation comes at the caller's next wait.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def uninterrupted(step: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Once begun, the step ends, whatever becomes of its caller. It must have an end of its own, and a near one."""

    @functools.wraps(step)
    async def to_its_end(*args: P.args, **kwargs: P.kwargs) -> T:
        work = asyncio.ensure_future(step(*args, **kwargs))
        cancelled = False
        while not work.done():
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                cancelled = True
        caller = asyncio.current_task()
        if cancelled and caller is not None:
            caller.cancel()
        return work.result()

    return to_its_end
