"""HTTP/1.1 on plain asyncio: few allocations a request, since the crawler shares the machine with it."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable
from typing import Protocol

from demo.api.site import DemoSite, Maybe
from demo.http.messages import REASONS, FilePart, Request, Response, error_response

HEAD_LIMIT = 64 * 1024  # bytes of request line and headers
BODY_LIMIT = 1 << 20  # bytes
CHUNK = 256 * 1024  # bytes of a large file at a time
GIT_HASH = "demo"


class FaultInjector(Protocol):
    """Sees every request, and may respond in place of the site, or misbehave."""

    def notice(self, request: Request, host: str) -> object | None:
        """Record a request; returns the rule that fires for it."""
        ...

    async def perform(self, rule: object, request: Request, connection: ClientConnection) -> None:
        """Apply a rule to a connection."""
        ...


class ClientConnection(asyncio.Protocol):
    """One client's connection: requests one after the other, answers in their order."""

    def __init__(self, server: Server, host: str) -> None:
        self.server = server
        self.host = host
        self.transport: asyncio.Transport
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._close_after = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = transport  # type: ignore[assignment]  # asyncio types it as the base class
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has disconnected; its response in progress is cancelled."""
        self.server.connections.discard(self)
        self._drained.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads slower than we write."""
        self._drained.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._drained.set()

    async def drained(self) -> None:
        """Wait until the client has caught up."""
        await self._drained.wait()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        self._buffer += data
        if self._task is None:
            self._next()
        elif len(self._buffer) > HEAD_LIMIT + BODY_LIMIT:
            self.transport.abort()

    def _next(self) -> None:
        """Answer what has arrived whole."""
        while self._task is None and not self.transport.is_closing():
            request = self._take()
            if request is None:
                return
            fault_injector = self.server.fault_injector
            rule = fault_injector.notice(request, self.host) if fault_injector is not None else None
            if rule is not None and fault_injector is not None:
                self._begin(fault_injector.perform(rule, request, self))
                return
            response = self._ask(request)
            ready = isinstance(response, Response) and response.length <= CHUNK and not self.server.latency_s
            if ready and isinstance(response, Response):
                self.send_now(request, response)
            else:
                self._begin(self._answer_later(request, response))

    def _ask(self, request: Request) -> Maybe:
        try:
            return self.server.site.answer(request)
        except Exception as error:  # noqa: BLE001 (our own bug must not end the server: it is recorded and answered)
            return self.server.broken(error)

    def _begin(self, work: object) -> None:
        if not inspect.iscoroutine(work):
            raise TypeError(f"expected a coroutine, got {work!r}")
        self._task = asyncio.get_running_loop().create_task(work)
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        if task.exception() is not None:
            self.server.failures.append(repr(task.exception()))
            self.transport.abort()
        elif not self.transport.is_closing():
            self._next()

    async def _answer_later(self, request: Request, response: Maybe) -> None:
        if self.server.latency_s:
            await asyncio.sleep(self.server.latency_s)
        try:
            final = await response if inspect.isawaitable(response) else response
        except Exception as error:  # noqa: BLE001 (our own bug must not end the server: it is recorded and answered)
            final = self.server.broken(error)
        await self.send(request, final)

    def _take(self) -> Request | None:
        """Take the next whole request from the buffer; refuse what is no request."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                self._refuse(431)
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        first = lines[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, mark, value in (line.partition(":") for line in lines[1:]) if mark
        }
        length = headers.get("content-length", "0")
        if len(first) != 3 or not first[2].startswith("HTTP/1.") or not length.isdecimal() or int(length) > BODY_LIMIT:
            self._refuse(400)
            return None
        if "transfer-encoding" in headers:
            self._refuse(501)
            return None
        total = end + 4 + int(length)
        if len(self._buffer) < total:
            return None
        body = bytes(self._buffer[end + 4 : total])
        del self._buffer[:total]
        self._close_after = headers.get("connection", "").lower() == "close" or first[2] == "HTTP/1.0"
        port = (self.transport.get_extra_info("peername") or ("", 0))[1]
        return Request(first[0], first[1], headers, body, port)

    def _refuse(self, status: int) -> None:
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, REASONS[status].encode())
        )
        self.transport.close()

    # --- sending

    def send_now(self, request: Request, response: Response) -> None:
        """Send a small answer in one piece."""
        body = b"" if request.method == "HEAD" else read_body(response.body)
        self.transport.write(self.head(response) + body)
        self.finish()

    async def send(self, request: Request, response: Response) -> None:
        """Send an answer of any size, at the client's pace."""
        body = response.body
        if request.method == "HEAD" or not isinstance(body, FilePart) or body.length <= CHUNK:
            self.send_now(request, response)
            await self.drained()
            return
        self.transport.write(self.head(response))
        with body.path.open("rb") as file:
            file.seek(body.start)
            left = body.length
            while left and not self.transport.is_closing():
                chunk = file.read(min(CHUNK, left))
                left -= len(chunk)
                self.transport.write(chunk)
                await self.drained()
        self.finish()

    def head(self, response: Response, *, length: int | None = -1) -> bytes:
        """Status line and headers; `length=None` leaves the length out."""
        lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
        lines += [f"{name}: {_LINE_BREAKS.sub(' ', value)}" for name, value in response.headers.items()]
        lines += [f"{name}: {value}" for name, value in response.more]
        if length is not None and response.status not in (204, 304):
            lines.append(f"Content-Length: {response.length if length == -1 else length}")
        if self._close_after:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + _COMMON).encode("latin-1", "replace")

    def finish(self) -> None:
        """After an answer: keep the connection, or close it when the client asked for that."""
        if self._close_after:
            self.transport.close()


_LINE_BREAKS = re.compile(r"[\r\n]+")  # text of a request must not begin a header of its own
_COMMON = f"\r\nServer: demo\r\nX-Git-Hash: {GIT_HASH}\r\nAccess-Control-Allow-Origin: *\r\n\r\n"


def read_body(body: bytes | FilePart) -> bytes:
    """The bytes of a body."""
    if isinstance(body, bytes):
        return body
    with body.path.open("rb") as file:
        if body.start:
            file.seek(body.start)
        return file.read(body.length)


class Server:
    """Listens on loopback and serves one site."""

    def __init__(self, site: DemoSite, *, latency_s: float = 0.0, fault_injector: FaultInjector | None = None) -> None:
        self.site = site
        self.latency_s = latency_s
        self.fault_injector = fault_injector
        self.connections: set[ClientConnection] = set()
        self.failures: list[str] = []  # bugs of the demo itself: tests assert that there are none
        self.background_tasks: set[asyncio.Task[None]] = set()  # work that outlives the connection that began it
        self._addresses: list[tuple[str, int]] = []
        self._listeners: list[asyncio.Server] = []

    def broken(self, error: Exception) -> Response:
        """The response to a request that met a bug of the demo: the error's class alone, as the site answers."""
        self.failures.append(repr(error))
        return error_response(500, type(error).__name__, "")

    async def listen(self, host: str, port: int) -> int:
        """Listen on one more address; returns the port."""
        loop = asyncio.get_running_loop()
        make: Callable[[], ClientConnection] = lambda: ClientConnection(self, host)  # noqa: E731 (a factory with its type)
        listener = await loop.create_server(make, host, port, backlog=512)
        chosen: int = listener.sockets[0].getsockname()[1]
        self._listeners.append(listener)
        if (host, chosen) not in self._addresses:
            self._addresses.append((host, chosen))
        return chosen

    async def stop_listening(self) -> None:
        """Stop listening and drop every connection."""
        for listener in self._listeners:
            listener.close()
        for connection in list(self.connections):
            connection.transport.abort()
        await asyncio.gather(*(listener.wait_closed() for listener in self._listeners))
        self._listeners.clear()

    async def resume_listening(self) -> None:
        """Listen where it listened before."""
        for host, port in self._addresses:
            await self.listen(host, port)

    async def close(self) -> None:
        """Stop serving: cancel background tasks, drop connections, end the painter processes."""
        for task in list(self.background_tasks):
            task.cancel()
        await asyncio.gather(*self.background_tasks, return_exceptions=True)
        await self.stop_listening()
        await self.site.pictures.close()
