"""Several things written in one go, and one by one where that fails: the error then finds its owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def each_alone(
    items: Sequence[T], write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]
) -> Sequence[R | BaseException]:
    """Write all of them together, or, where that fails, each of them; gives a result or an error for each.

    Args:
        items: at least one.
        write: repeatable; gives a result for each item, or nothing is written.
    """
    try:
        return await write(items)
    except Exception as error:  # noqa: BLE001 - handed to its owner
        if len(items) == 1:
            return [error]
    results: list[R | BaseException] = []
    for item in items:
        results += await each_alone([item], write)
    return results
