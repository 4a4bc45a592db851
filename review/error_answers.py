"""Error responses: JSON for scripts, an HTML page for a person who opens an address."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

_TITLES = {
    403: "Not allowed",
    404: "Page not found",
    413: "Too much at once",
    421: "Wrong address",
    503: "The gallery is busy",
}
_ENVIRONMENT = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
_PAGE = _ENVIRONMENT.from_string(files("review").joinpath("templates", "error.html").read_text(encoding="utf-8"))


def error_answer(
    headers: Headers, status: int, words: str, *, home: str = "/", facts: Mapping[str, Any] | None = None
) -> Response:
    """The response.

    Args:
        headers: of the request: they tell a browser from a script.
        status: the HTTP status.
        words: what is wrong and what to do next.
        home: where the page is; a page on another address has no style sheet, because it may fetch nothing from here.
        facts: further keys of the JSON.
    """
    if "text/html" not in headers.get("accept", ""):
        return JSONResponse({"error": words, **(facts or {})}, status_code=status)
    title = _TITLES.get(status, "Something went wrong")
    sentence = f"{words[:1].upper()}{words[1:].rstrip('.')}."
    page = _PAGE.render(title=title, words=sentence, home=home, styled=home == "/")
    return Response(page, status_code=status, media_type="text/html; charset=utf-8")
