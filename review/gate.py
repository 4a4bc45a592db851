"""Which requests reach the page: those of this machine's browser, from the page itself, at the page's own address.

A page of another site can make a browser send requests here; it can also point a name of its own at 127.0.0.1. So the
`Host` must be exactly ours, the browser's own headers on a request's origin (`Sec-Fetch-Site`, `Origin`) must name this
page, and whatever changes something carries a token that only the page knows. Headers that proxies set are ignored:
there is no proxy in between.
"""

from __future__ import annotations

import contextlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.error_answers import error_answer

TOKEN_HEADER = "x-review-token"  # noqa: S105 - the header's name, not a secret
SAFE = frozenset({"GET", "HEAD"})
MOST_BODY = 256 * 1024  # bytes
MOST_PICTURE = 32 * 1024 * 1024  # bytes of a picture that is sent to be compared
_PICTURES = re.compile(r"/api/targets/[^/]+/like")  # where one may be sent
WRONG_HOST = 421  # HTTP: misdirected
_NAVIGATION = frozenset({"navigate", "nested-navigate"})

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
PICTURE_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_WHERE_ABSENT = {"content-security-policy": CONTENT_POLICY, "cache-control": "no-store"}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page is served, and the token that changes need."""

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    @property
    def hosts(self) -> Sequence[str]:
        """The values of `Host` that are accepted, exactly."""
        names = ["127.0.0.1", "localhost"]
        return [f"{name}:{self.port}" for name in names] + (names if self.port == 80 else [])

    @property
    def url(self) -> str:
        """The URL to open."""
        return f"http://127.0.0.1:{self.port}/"


class Gate:
    """ASGI middleware: refuses requests that are not allowed, adds security headers to every response."""

    def __init__(self, app: ASGIApp, address: Address) -> None:
        self._app = app
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, then pass on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        sealed = _sealing(send)
        if scope["type"] != "http":
            return  # no web sockets here
        headers = Headers(scope=scope)
        takes = _Kind.PICTURE if _PICTURES.fullmatch(scope["path"]) else _Kind.JSON
        refusal = self._refusal(scope["method"], headers, takes)
        if refusal is not None:
            status, words = refusal
            home = self._address.url if status == WRONG_HOST else "/"
            await error_answer(headers, status, words, home=home)(scope, receive, sealed)
            return
        with contextlib.suppress(ClientDisconnect):  # the client is gone; nothing was recorded
            await self._app(scope, _Counted(receive, takes.most).receive, sealed)

    def _refusal(self, method: str, headers: Headers, takes: _Kind) -> tuple[int, str] | None:
        if _only(headers, "host") not in self._address.hosts:
            return WRONG_HOST, f"this page answers at {self._address.url} only"
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if method in SAFE:
            came_by_link = mode in _NAVIGATION and headers.get("sec-fetch-dest") == "document"
            if site not in (None, "same-origin", "none") and not came_by_link:
                return 403, "only this page itself may ask"
            return None
        return self._why_no_change(headers, site, takes)

    def _why_no_change(self, headers: Headers, site: str | None, takes: _Kind) -> tuple[int, str] | None:
        if site not in (None, "same-origin"):
            return 403, "only this page itself may change anything"
        origin = headers.get("origin")
        if origin is None and site is None:
            return 403, "changes need the header Origin"
        if origin is not None and origin not in [f"http://{host}" for host in self._address.hosts]:
            return 403, "only this page itself may change anything"
        if headers.get("content-type", "").split(";")[0].strip().lower() != takes.value:
            return 403, f"changes are sent as {takes.value}"
        token = _only(headers, TOKEN_HEADER) or ""
        if not hmac.compare_digest(token.encode(), self._address.token.encode()):
            return 403, "token"  # the page then fetches the new token: the program was started again
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > takes.most:
            return 413, f"at most {takes.most} bytes at once"
        return None


class BodyTooLong(Exception):
    """The body is longer than allowed: than so many bytes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} bytes at once")


class _Kind(StrEnum):
    """What a request that changes or asks something carries; neither can be sent by a form of another site."""

    JSON = "application/json"
    PICTURE = "application/octet-stream"

    @property
    def most(self) -> int:
        """Bytes."""
        return MOST_PICTURE if self is _Kind.PICTURE else MOST_BODY


class _Counted:
    """Count a body that states no length while it arrives."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive, self._most = receive, most
        self._bytes = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise BodyTooLong(self._most)
        return message


def _only(headers: Headers, name: str) -> str | None:
    """A header's value, when there is exactly one."""
    values = headers.getlist(name)
    return values[0] if len(values) == 1 else None


def _sealing(send: Send) -> Send:
    async def seal(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            _set(headers, _ALWAYS, replace=True)
            _set(headers, _WHERE_ABSENT, replace=False)
        await send(message)

    return seal


def _set(headers: MutableHeaders, values: Mapping[str, str], *, replace: bool) -> None:
    for name, value in values.items():
        if replace or name not in headers:
            headers[name] = value
