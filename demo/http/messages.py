"""Requests and answers, as the site's code sees them: no sockets here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

REASONS = {
    200: "OK", 204: "No Content", 206: "Partial Content", 302: "Found", 304: "Not Modified", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    410: "Gone", 413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(slots=True)
class FilePart:
    """A stretch of a file to be sent."""

    path: Path
    start: int  # byte
    length: int  # bytes


@dataclass(slots=True)
class Response:
    """What the site says: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes | FilePart = b""
    more: list[tuple[str, str]] = field(default_factory=list)  # headers that come twice, or are sent as they are

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return self.body.length if isinstance(self.body, FilePart) else len(self.body)


@dataclass
class Request:
    """One request, parsed."""

    method: str
    target: str  # path and query as sent
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    remote_port: int = 0
    form: dict[str, str] = field(default_factory=dict)

    @cached_property
    def path(self) -> str:
        """Decoded path with repeated slashes collapsed."""
        path = unquote(self.target.partition("?")[0])
        while "//" in path:
            path = path.replace("//", "/")
        return path

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Query parameters in order, blank ones included, then those of a form sent in place of a query."""
        query = self.target.partition("?")[2]
        return parse_qsl(query, keep_blank_values=True) + list(self.form.items())

    @cached_property
    def params(self) -> dict[str, str]:
        """Query parameters; the last of a name wins."""
        return dict(self.pairs)

    @cached_property
    def search(self) -> dict[str, str]:
        """The `search[key]=value` parameters, by key; `search[key][]` lists are joined by commas."""
        values: dict[str, str] = {}
        for name, value in self.pairs:
            if name.startswith("search[") and "]" in name:
                key, _, rest = name[len("search[") :].partition("]")
                values[key] = f"{values[key]},{value}" if rest == "[]" and key in values else value
        return values


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Response(status, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, body)


def redirect_to(target: str) -> Response:
    """A 302 to another address."""
    return Response(302, {"Location": target, "Content-Type": "text/html; charset=utf-8"}, b"")


def error_response(status: int, kind: str, message: str, *, known_route: bool = True) -> Response:
    """The site's standard error body."""
    backtrace = ["app/controllers/application_controller.rb:12:in `demo'"] if known_route else None
    return json_response({"success": False, "error": kind, "message": message, "backtrace": backtrace}, status)
