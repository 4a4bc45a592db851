"""The pages' own scripts, styles, drawings and templates, and pictures as answers; nothing else is served."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import jinja2
from starlette.requests import Request
from starlette.responses import Response

from review.errors import NoSuchPicture
from review.gate import PICTURE_POLICY
from review.pictures import content_type

_TYPES = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
_UNCHANGING = "private, max-age=31536000, immutable"
_SOME_TIME = "private, no-cache"


class StaticFiles:
    """What lies in the folder `static`, by name."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}  # content, media type, tag
        for file in files("review").joinpath("static").iterdir():
            extension = file.name.rpartition(".")[2]
            if extension in _TYPES:
                content = file.read_bytes()
                self._files[file.name] = (
                    content,
                    _TYPES[extension],
                    f'"{hashlib.sha256(content).hexdigest()[:24]}"',
                )

    async def answer(self, request: Request) -> Response:
        """One of them; 304 where the browser has it.

        Raises:
            NoSuchPicture: there is none of that name.
        """
        file = self._files.get(request.path_params["name"])
        if file is None:
            raise NoSuchPicture("no such file")
        content, media_type, tag = file
        headers = {"etag": tag, "cache-control": _SOME_TIME}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)


def picture_answer(request: Request, content: bytes | None) -> Response:
    """A picture; its type is read from its bytes.

    Raises:
        NoSuchPicture: it is missing, or none that a browser shows.
    """
    media_type = content_type(content) if content else None
    if content is None or media_type is None:
        raise NoSuchPicture("no picture can be shown")
    # Other pictures may be served on this port later: only an address that names the bytes may be cached for good.
    keep = _UNCHANGING if request.query_params.get("v") else _SOME_TIME
    headers = {"content-security-policy": PICTURE_POLICY, "cache-control": keep}
    return Response(content, media_type=media_type, headers=headers)


def template(name: str) -> jinja2.Template:
    """A page's template; what is put into it is text, never HTML."""
    text = files("review").joinpath("templates", name).read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(text)
