"""How often to repeat a request, and how long to wait in between: tenacity with every setting explicit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from crawler.errors import ConnectionTrouble, Throttled, TransientError, UnreachableError

Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """A retry policy; waits grow by doubling and are jittered over their upper half."""

    tries: int = 6  # requests in all
    first_wait_s: float = 1.0  # seconds, at most, before the second request
    longest_wait_s: float = 30.0
    sleep: Sleep = asyncio.sleep
    chance: random.Random = field(default_factory=random.Random)

    def wait(self, attempt: RetryCallState) -> float:
        """Seconds before the next request: never less than the site asked for."""
        error = attempt.outcome.exception() if attempt.outcome else None
        if isinstance(error, Throttled):
            return 0.0  # the budget holds the next request back, in every process
        bound = min(self.longest_wait_s, self.first_wait_s * 2.0 ** (attempt.attempt_number - 1))
        wait = bound * self.chance.uniform(0.5, 1.0)
        stated = error.retry_after if isinstance(error, TransientError) else None
        return max(wait, stated or 0.0)

    def stop(self, attempt: RetryCallState) -> bool:
        """Whether to give up: some errors are not worth as many tries as others."""
        error = attempt.outcome.exception() if attempt.outcome else None
        tries = error.tries if isinstance(error, TransientError) else None
        return attempt.attempt_number >= min(tries or self.tries, self.tries)


async def patiently(attempt: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """Run an attempt until it succeeds, fails for good, or `patience` allows no further try.

    Raises:
        UnreachableError: no attempt reached the host.
        TransientError: the last attempt's, when no further try is allowed. Everything else, cancellation included, at
            once.
    """

    async def once() -> T:  # tenacity awaits coroutine functions alone; a lambda that gives an awaitable is none
        return await attempt()

    retrying = AsyncRetrying(
        stop=patience.stop,
        wait=patience.wait,
        retry=retry_if_exception_type(TransientError),
        sleep=patience.sleep,
        reraise=True,
    )

    try:
        return await retrying(once)
    except ConnectionTrouble as error:
        raise UnreachableError(f"{error}; tried {_count(retrying)} times") from error


def _count(retrying: AsyncRetrying) -> int:
    return int(retrying.statistics.get("attempt_number", 1))
