"""The server ends in order: requests in flight are answered, or counted and cut off without a word of a library."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from review.server import bind, port_of, serve


class Slow:
    """An application that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        self.asked.set()
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def stopped_in_flight(after: Callable[[Slow], None], patience_s: int, told: Callable[[int], None]) -> int:
    """Stop a server as Ctrl-C does while it answers a request; gives the answer's status."""
    slow = Slow()
    with bind(0) as listening:
        serving = asyncio.create_task(serve(slow, listening, patience_s=patience_s, told=told))
        async with httpx2.AsyncClient(timeout=60) as client:
            answer = asyncio.create_task(client.get(f"http://127.0.0.1:{port_of(listening)}/"))
            await slow.asked.wait()
            signal.raise_signal(signal.SIGINT)
            asyncio.get_running_loop().call_later(0.1, after, slow)
            status = (await answer).status_code
        SEEN.append(status)
        await serving
    return status


SEEN: list[int] = []  # statuses of answers: Ctrl-C is raised again once the server has ended


def test_a_request_in_flight_is_answered_before_the_server_ends() -> None:
    SEEN.clear()
    cut_off: list[int] = []

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(stopped_in_flight(lambda slow: slow.may_answer.set(), 60, cut_off.append))

    assert (SEEN, cut_off) == ([200], [])


def test_one_that_does_not_end_is_counted_and_leaves_no_trace_on_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    SEEN.clear()
    cut_off: list[int] = []

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(stopped_in_flight(lambda _: None, 1, cut_off.append))

    assert cut_off == [1]
    assert capsys.readouterr().err == ""


def test_whoever_is_told_that_it_has_started_can_stop_it_at_once() -> None:
    served: list[str] = []

    async def started_and_stopped() -> None:
        with bind(0) as listening:
            await serve(Slow(), listening, started=lambda: signal.raise_signal(signal.SIGTERM))
            served.append("ended in order")

    before = signal.signal(signal.SIGTERM, lambda *_: served.append("then told whoever else handles it"))
    try:
        asyncio.run(started_and_stopped())
    finally:
        signal.signal(signal.SIGTERM, before)

    assert served == ["then told whoever else handles it", "ended in order"]
