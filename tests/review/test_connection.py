"""Clients that send half a request, nothing at all, or never read: each is disconnected in time, and blocks nobody."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from review.connection import Connection, ConnectionLimits
from review.server import bind, port_of, serve
from tests.review.pieces import opened

HOST = "Host: 127.0.0.1:8787"
GET = f"GET / HTTP/1.1\r\n{HOST}\r\n\r\n".encode()
POST = f"POST / HTTP/1.1\r\n{HOST}\r\ncontent-length: 100\r\n\r\n".encode()


@dataclass
class Timer:
    """A scheduled call that a test triggers."""

    after_s: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """An event loop's clock that a test sets, and nothing else of a loop."""

    now: float = 0.0
    timers: list[Timer] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_later(self, after_s: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(self.now + after_s, call))
        return self.timers[-1]

    def create_task(self, work: Any) -> Any:
        work.close()
        self.tasks.append(work)
        return asyncio.get_running_loop().create_future()

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for timer in [one for one in self.timers if one.after_s <= self.now]:
            self.timers.remove(timer)
            if not timer.cancelled:
                timer.call()


@dataclass
class Wire:
    """A transport that records what was done to it."""

    written: bytes = b""
    state: str = "open"

    def get_extra_info(self, _name: str) -> None:
        return None

    def write(self, content: bytes) -> None:
        self.written += content

    def is_closing(self) -> bool:
        return self.state != "open"

    def close(self) -> None:
        self.state = "closed" if self.state == "open" else self.state

    def abort(self) -> None:
        self.state = "aborted"

    def resume_reading(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass


async def never(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """An application that no request reaches."""


@dataclass
class Server:
    """Connections of one server, without a network."""

    clock: Clock = field(default_factory=Clock)
    state: ServerState = field(default_factory=ServerState)

    def connect(self) -> tuple[Connection, Wire]:
        config, wire = uvicorn.Config(never, log_config=None, ws="none"), Wire()
        connection = Connection(config, self.state, {}, self.clock)
        connection.connection_made(wire)  # type: ignore[arg-type] # a fake
        return connection, wire


LIMITS = Connection.limits


async def test_a_connection_that_says_nothing_is_closed() -> None:
    server = Server()
    _, wire = server.connect()

    server.clock.pass_by(LIMITS.head_s - 1)
    assert wire.state == "open"
    server.clock.pass_by(1)

    assert wire.state == "closed"
    assert b" 408 " in wire.written


async def test_headers_that_trickle_in_do_not_move_their_deadline() -> None:
    server = Server()
    connection, wire = server.connect()

    for byte in GET[:-2]:
        connection.data_received(bytes([byte]))
        server.clock.pass_by(LIMITS.head_s / (len(GET) - 3))

    assert wire.state == "closed"
    assert server.clock.tasks == []


async def test_a_body_that_trickles_in_does_not_move_its_deadline() -> None:
    server = Server()
    connection, wire = server.connect()
    connection.data_received(POST)

    for _ in range(51):
        server.clock.pass_by(LIMITS.body_s / 50)
        connection.data_received(b"x")

    assert wire.state == "closed"


async def test_a_whole_request_has_no_deadline() -> None:
    server = Server()
    connection, wire = server.connect()

    connection.data_received(GET)
    server.clock.pass_by(10 * LIMITS.body_s)

    assert wire.state == "open"
    assert len(server.clock.tasks) == 1


async def test_half_a_second_request_on_the_same_connection_has_a_deadline_too() -> None:
    server = Server()
    connection, wire = server.connect()
    connection.data_received(GET)
    await answer(connection)

    connection.data_received(GET[:20])
    server.clock.pass_by(LIMITS.head_s)

    assert wire.state == "closed"


async def test_an_answer_that_is_never_read_is_given_up() -> None:
    server = Server()
    connection, wire = server.connect()
    connection.data_received(GET)
    connection.pause_writing()

    server.clock.pass_by(LIMITS.answer_s)

    assert wire.state == "aborted"


async def test_an_answer_that_is_read_slowly_is_not_given_up() -> None:
    server = Server()
    connection, wire = server.connect()
    connection.data_received(GET)
    for _ in range(5):
        connection.pause_writing()
        server.clock.pass_by(LIMITS.answer_s - 1)
        connection.resume_writing()

    server.clock.pass_by(LIMITS.answer_s)

    assert wire.state == "open"


async def test_one_connection_too_many_ends_the_one_that_has_been_idle_longest() -> None:
    server = Server()
    busy, busy_wire = server.connect()
    busy.data_received(GET)
    wires = []
    for _ in range(LIMITS.connections):
        server.clock.now += 0.001
        wires.append(server.connect()[1])

    assert busy_wire.state == "open"
    assert [wire.state for wire in wires] == ["aborted", *["open"] * (LIMITS.connections - 1)]


async def test_closing_the_page_does_not_wait_for_the_rest_of_a_request() -> None:
    server = Server()
    wires = []
    for sent in (b"", GET[:20], POST):
        connection, wire = server.connect()
        if sent:
            connection.data_received(sent)
        connection.shutdown()
        wires.append(wire)

    assert [wire.is_closing() for wire in wires] == [True] * 3


async def answer(connection: Connection) -> None:
    """What an application sends."""
    await connection.cycle.send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await connection.cycle.send({"type": "http.response.body", "body": b"", "more_body": False})


class Impatient(Connection):
    """For real sockets: deadlines of 0.05 s."""

    limits: ClassVar[ConnectionLimits] = ConnectionLimits(
        head_s=0.05, body_s=0.05, answer_s=0.05, last_answer_s=0.05, connections=8
    )


@contextlib.contextmanager
def serving_here(app: Any, connection: type[Connection] = Connection) -> Iterator[int]:
    """The server in a thread of its own; gives its port."""
    with bind(0) as listening, ThreadPoolExecutor(1) as threads:
        loop = asyncio.new_event_loop()
        done = threads.submit(_serve_on, loop, serve(app, listening, connection))
        try:
            yield port_of(listening)
        finally:
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
            done.result()


def _serve_on(loop: asyncio.AbstractEventLoop, serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=lambda: loop) as runner, contextlib.suppress(asyncio.CancelledError):
        runner.run(serving)


@pytest.mark.fault("U10")
@pytest.mark.parametrize("sent", [b"", GET[:-2], POST, POST + b"{"])
def test_real_half_requests_are_disconnected(sent: bytes) -> None:
    page = opened()
    got = b"HTTP/1.1 408"
    with (
        serving_here(page.client.app, Impatient) as port,
        socket.create_connection(("127.0.0.1", port), timeout=60) as wire,
        contextlib.suppress(ConnectionError),  # on a busy machine it is disconnected before it has sent anything
    ):
        wire.sendall(sent)
        got = b""
        while chunk := wire.recv(4096):
            got += chunk

    assert got == b"" or got.startswith(b"HTTP/1.1 4")


async def failing(scope: Scope, receive: Receive, _send: Send) -> None:
    """An application with a bug."""
    if scope["type"] == "lifespan":
        return
    await receive()
    raise LookupError("a bug\n\x1b[31mof ours")


def test_a_bug_is_one_line_in_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CRAWL_DEBUG", raising=False)
    caplog.set_level(logging.CRITICAL)
    with serving_here(failing) as port, socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
        wire.sendall(GET)
        while wire.recv(4096):
            pass

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.isprintable() or line[:-1].isprintable()
    assert "LookupError: a bug" in line
