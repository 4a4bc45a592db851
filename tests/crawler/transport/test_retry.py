"""How often an attempt is repeated, and what becomes of errors that no repetition mends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from crawler.errors import (
    ConnectionTrouble,
    GoneError,
    HostUnknown,
    Throttled,
    TooLarge,
    TransientError,
    UnreachableError,
)
from crawler.transport.retry import patiently
from tests.crawler.scenes import Clock, quick


class Attempts:
    """Fails with these errors, one after the other, then succeeds; counts how often it was asked."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = iter(errors)
        self.tries = 0

    async def once(self) -> str:
        self.tries += 1
        if (error := next(self._errors, None)) is not None:
            raise error
        return "here"


def lambda_of(attempts: Attempts) -> Callable[[], Awaitable[str]]:
    return lambda: attempts.once()  # not a coroutine function: what callers hand in


@pytest.mark.parametrize("errors", [(), (TransientError("503"),), (TransientError("503"), Throttled("429"))])
async def test_an_attempt_is_repeated_until_it_succeeds(errors: Sequence[TransientError]) -> None:
    attempts = Attempts(*errors)

    assert await patiently(lambda_of(attempts), quick()) == "here"

    assert attempts.tries == len(errors) + 1


async def test_waits_double_within_their_upper_half_and_never_fall_short_of_what_the_site_asked() -> None:
    clock = Clock()
    errors = (TransientError("a"), TransientError("b"), TransientError("c", retry_after=20.0), Throttled("d"))

    await patiently(lambda_of(Attempts(*errors)), quick(clock))

    assert 0.5 <= clock.slept[0] <= 1.0 <= clock.slept[1] <= 2.0
    assert clock.slept[2:] == [20.0, 0.0]


@pytest.mark.parametrize(
    ("error", "tries", "kind"),
    [
        (TransientError("503"), 4, TransientError),
        (TooLarge("body"), 2, TooLarge),
        (ConnectionTrouble("refused"), 4, UnreachableError),
        (HostUnknown("no such host"), 3, UnreachableError),
        (GoneError(), 1, GoneError),
        (asyncio.CancelledError(), 1, asyncio.CancelledError),
    ],
)
async def test_patience_ends_after_as_many_tries_as_the_error_is_worth(
    error: BaseException, tries: int, kind: type[BaseException]
) -> None:
    attempts = Attempts(*([error] * 9))

    with pytest.raises(kind) as caught:
        await patiently(lambda_of(attempts), quick(tries=4))

    assert attempts.tries == tries
    assert kind is not UnreachableError or str(caught.value) == f"{error}; tried {tries} times"
