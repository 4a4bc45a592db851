"""Calls that are carried out together: what comes while others are under way waits, and goes with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from storage.errors import DatabaseBusy, DatabaseUnreachable, DiskFull

T = TypeVar("T")
R = TypeVar("R")
MOST = 64  # calls in one go
EVERYBODYS = (DatabaseBusy, DatabaseUnreachable, DiskFull)  # no other call would fare better, and each may wait long


class Together(Generic[T, R]):
    """Gathers calls of one kind: a hundred files flushed, or rows written, at once cost little more than one."""

    def __init__(self, carry_out: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]]) -> None:
        """Nothing waits yet.

        Args:
            carry_out: does several calls; gives a result or an error for each, in their order. One error that it raises
                is everybody's.
        """
        self._carry_out = carry_out
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """Have one call carried out. Cancelling the caller does not undo it: its result is dropped."""
        waiter: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, waiter))
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.ensure_future(self._carry_out_all())
        return await waiter

    async def _carry_out_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            results: Sequence[R | BaseException]
            try:
                results = await self._carry_out([item for item, _ in group])
            except BaseException as error:  # noqa: BLE001 - every waiting caller must get it, whatever it is
                results = [error] * len(group)
            for (_, waiter), result in zip(group, results, strict=True):
                if waiter.done():
                    continue  # the caller was cancelled
                if isinstance(result, BaseException):
                    waiter.set_exception(result)
                else:
                    waiter.set_result(result)


async def each_alone(
    items: Sequence[T], write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
) -> Sequence[R | BaseException]:
    """Write all of them together, or, where that fails, each of them; gives a result or an error for each.

    An error that no single one is at fault for is that of all which are not written yet.

    Args:
        items: at least one.
        write: repeatable; gives a result for each item, or nothing is written.
    """
    try:
        return await write(items)
    except Exception as error:  # noqa: BLE001 - handed to its owner
        if len(items) == 1 or isinstance(error, EVERYBODYS):
            return [error] * len(items)
    results: list[R | BaseException] = []
    for item in items:
        results += await each_alone([item], write)
        if isinstance(last := results[-1], EVERYBODYS):
            return [*results, *[last] * (len(items) - len(results))]
    return results
