"""Which requests reach the service, and how long they may be.

On the loopback address `Host` must be exactly ours: a page of another site can point a name of its own at 127.0.0.1. A
browser's own headers must not name another site either; programs send none of these.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.errors import TooMuch

_WRONG_HOST = 421  # HTTP: misdirected
_SAFE = frozenset({"GET", "HEAD"})
_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Gate:
    """ASGI middleware: refuses requests that are not allowed, counts bytes, adds security headers."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], most_bytes: int) -> None:
        """Put a gate in front of an application.

        Args:
            app: the application.
            hosts: the values of `Host` that are accepted; empty: all.
            most_bytes: of a request's body.
        """
        self._app, self._hosts, self._most = app, tuple(hosts), most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no web sockets here
        sealed = _sealing(send)
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        if refusal is not None:
            status, words = refusal
            await JSONResponse({"error": words}, status_code=status)(scope, receive, sealed)
            return
        with contextlib.suppress(ClientDisconnect):
            await self._app(scope, self._counted(receive), sealed)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        if self._hosts and headers.getlist("host") not in [[host] for host in self._hosts]:
            return _WRONG_HOST, f"this service answers at http://{self._hosts[0]}/ only"
        if method not in _SAFE and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "pages of other sites may not ask"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most:
            return 413, f"a request may have {self._most} bytes"
        return None

    def _counted(self, receive: Receive) -> Receive:
        """Count a body that states no length while it arrives."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise TooMuch(f"a request may have {self._most} bytes")
            return message

        return counted


def _sealing(send: Send) -> Send:
    async def seal(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return seal
