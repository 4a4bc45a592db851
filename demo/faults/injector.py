"""Applies the rules: records every request, and misbehaves where a rule fires."""

from __future__ import annotations

import asyncio
import inspect
import re
import socket
import struct
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from demo.faults.control import change_gallery, control
from demo.faults.mutations import mutate
from demo.faults.rules import Rule, read_rule
from demo.galleries.gallery import Gallery
from demo.http.encodings import encoded
from demo.http.messages import FilePart, Request, Response, json_response
from demo.server import ClientConnection, Server, read_body

REMEMBERED = 50_000  # requests, about 2 KB each
FOREVER_S = 3600.0
_MD5 = re.compile(r"[0-9a-f]{32}")
_POST = re.compile(r"/posts/(\d+)")


class RuleBook:
    """The rules in force and the record of all requests."""

    server: Server

    def __init__(self, gallery: Gallery, rules: Sequence[Mapping[str, Any]] = ()) -> None:
        self.gallery = gallery
        self.rules: list[Rule] = []
        self.requests: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)
        self.replace_rules(rules)

    def replace_rules(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put other rules in force; counting begins anew.

        Raises:
            RuleError: one of them is not understood; the old ones stay.
        """
        self.rules = [read_rule(rule, number) for number, rule in enumerate(rules)]

    def notice(self, request: Request, host: str) -> object | None:
        """Record a request; returns the rule that fires for it, or the control call that it is."""
        if request.path.startswith("/demo/") and request.path != "/demo/truth.json":
            return _CONTROL
        fired = self._choose(request, host)
        self.requests.append(
            {
                "time": time.monotonic(),
                "method": request.method,
                "target": request.target,
                "host": host,
                "remote_port": request.remote_port,
                "headers": dict(request.headers),
                "rule": fired.name if fired is not None else None,
            }
        )
        return fired

    def _choose(self, request: Request, host: str) -> Rule | None:
        posts = self._posts_of(request)
        for rule in self.rules:
            if rule.fits(request, host, posts):
                rule.seen += 1
                if rule.fires():
                    rule.fired += 1
                    return rule
        return None

    def _posts_of(self, request: Request) -> frozenset[int]:
        if not any(rule.posts for rule in self.rules):
            return frozenset()
        if (match := _POST.match(request.path)) is not None:
            return frozenset({int(match[1])})
        md5 = _MD5.search(request.path)
        return frozenset(self.gallery.posts_of_md5(md5[0])) if md5 else frozenset()

    async def perform(self, rule: object, request: Request, connection: ClientConnection) -> None:
        """Apply a rule to a connection."""
        if not isinstance(rule, Rule):
            await connection.send(request, control(self, request))
            return
        do = rule.do
        if "edit" in do:
            change_gallery(self.gallery, do["edit"])
        if "stop_listening" in do:
            await self._stop_listening_for(float(do["stop_listening"]))
            return
        if "drop" in do:
            end(connection, do["drop"])
            return
        if do.get("accept_and_ignore"):
            await asyncio.sleep(FOREVER_S)
            return
        await asyncio.sleep(float(do.get("delay_headers", 0.0)) + self.server.latency_s)
        response = await self._answer(do, request)
        await _send(do, request, response, connection)

    async def _stop_listening_for(self, seconds: float) -> None:
        """Stop listening for a while; the wait outlives the connection that caused it."""

        async def sleep_and_return() -> None:
            await self.server.stop_listening()
            await asyncio.sleep(seconds)
            await self.server.resume_listening()

        self.server.background_tasks.add(task := asyncio.create_task(sleep_and_return()))
        task.add_done_callback(self.server.background_tasks.discard)

    async def _answer(self, do: Mapping[str, Any], request: Request) -> Response:
        if do.get("ignore_range") or do.get("ignore_if_range"):
            leave_out = {"range"} if do.get("ignore_range") else {"if-range"}
            kept = {name: value for name, value in request.headers.items() if name not in leave_out}
            request = replace(request, headers=kept)
        if "as_if" in do:
            request = replace(request, target=f"{request.path}?{urlencode({**request.params, **do['as_if']})}")
        answer = self.server.site.answer(request) if _needs_site(do) else Response(200, {})
        response = await answer if inspect.isawaitable(answer) else answer
        return _changed(do, response)


_CONTROL = object()


def _needs_site(do: Mapping[str, Any]) -> bool:
    return not ({"body", "json", "redirect"} & do.keys()) and not (
        do.get("status", 200) >= 300 and "mutate_json" not in do
    )


def _changed(do: Mapping[str, Any], response: Response) -> Response:
    response = Response(int(do.get("status", response.status)), dict(response.headers), response.body)
    if "json" in do:
        response = json_response(do["json"], response.status)
    if "body" in do:
        response.body = do["body"] if isinstance(do["body"], bytes) else str(do["body"]).encode()
        response.headers.setdefault("Content-Type", "text/html; charset=utf-8")
    if "redirect" in do:
        response = Response(int(do.get("status", 302)), {"Location": do["redirect"]})
    if "swap_body" in do:
        path = Path(do["swap_body"])
        response.body = FilePart(path, 0, path.stat().st_size)
    if "mutate_json" in do:
        response.body = mutate(read_body(response.body), do["mutate_json"])
    if "encode" in do:
        response.headers["Content-Encoding"], response.body = encoded(read_body(response.body), do["encode"])
    if "bad_range" in do:
        _spoil_range(do["bad_range"], response)
    for name, value in do.get("headers", {}).items():
        response.headers.pop(name, None)
        response.more += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
    return response


def _spoil_range(how: str, response: Response) -> None:
    stated = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    if how == "missing":
        response.headers.pop("Content-Range", None)
        return
    if stated is None:
        return
    start, stop, total = (int(part) for part in stated.groups())
    if how == "total":
        response.headers["Content-Range"] = f"bytes {start}-{stop}/{total + 1000}"
    elif how == "multipart":
        response.headers["Content-Type"] = "multipart/byteranges; boundary=demo"
        response.headers.pop("Content-Range")
        part = read_body(response.body)
        head = f"--demo\r\nContent-Range: bytes {start}-{stop}/{total}\r\n\r\n".encode()
        response.body = head + part + b"\r\n--demo--\r\n"
    elif how == "unsatisfiable":
        response.status, response.body = 416, b""
        response.headers["Content-Range"] = f"bytes */{total}"
    elif isinstance(response.body, FilePart):
        shift = -min(start, 100) if how == "earlier" else min(100, response.body.length - 1)
        response.headers["Content-Range"] = f"bytes {start + shift}-{stop}/{total}"
        response.body = FilePart(response.body.path, start + shift, response.body.length - shift)


async def _send(do: Mapping[str, Any], request: Request, response: Response, connection: ClientConnection) -> None:
    body = b"" if request.method == "HEAD" else read_body(response.body)
    chunked = bool(do.get("chunked") or do.get("no_terminator"))
    if chunked:
        response.headers["Transfer-Encoding"] = "chunked"
    stated = None if chunked else do.get("length", response.length)
    head = connection.head(response, length=stated)
    cut = do.get("after_bytes")
    then = do.get("then", "close") if cut is not None else None
    if then == "more":
        body += b"\0" * int(cut or 0)
    elif cut is not None:
        body = body[: int(cut)]
    head = b"HTTP/1.1 103 Early Hints\r\n\r\n" * int(do.get("early_hints", 0)) + head
    await _drip(connection, head, do.get("drip_headers"))
    if chunked:
        body = _in_chunks(body, terminated=not do.get("no_terminator") and then is None)
    await _drip(connection, body, do.get("drip"))
    if do.get("endless"):
        await _without_end(connection)
    if then == "hang":
        await asyncio.sleep(FOREVER_S)
    elif then is not None or do.get("no_terminator") or "length" in do:
        await connection.drained()
        end(connection, "rst" if then == "rst" else "close")
    else:
        connection.finish()


async def _without_end(connection: ClientConnection) -> None:
    """Send zeros at the client's pace until it disconnects."""
    zeros = bytes(65_536)
    while not connection.transport.is_closing():
        connection.transport.write(zeros)
        await connection.drained()
        await asyncio.sleep(0)


def _in_chunks(body: bytes, *, terminated: bool) -> bytes:
    pieces = [body[start : start + 8192] for start in range(0, len(body), 8192)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed + (b"0\r\n\r\n" if terminated else b"")


async def _drip(connection: ClientConnection, data: bytes, pace: Mapping[str, Any] | None) -> None:
    if pace is None:
        connection.transport.write(data)
        await connection.drained()
        return
    step = int(pace["bytes"])
    for start in range(0, len(data), step):
        if connection.transport.is_closing():
            return
        connection.transport.write(data[start : start + step])
        await connection.drained()
        await asyncio.sleep(float(pace["seconds"]))


def end(connection: ClientConnection, how: str) -> None:
    """End a connection: `close` after what was written, `rst` with a reset."""
    if how == "rst":
        raw = connection.transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.transport.abort()
    else:
        connection.transport.close()
