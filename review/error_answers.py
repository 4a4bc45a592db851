"""What is answered when something is wrong: JSON to scripts, a page of its own to somebody who opens an address."""

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
    """The answer.

    Args:
        headers: of the request: they say whether a person or a script asked.
        status: of HTTP.
        words: what is wrong and what to do next.
        home: where the page is; another address than ours gets no style, for it may fetch nothing here.
        facts: more for a script.
    """
    if "text/html" not in headers.get("accept", ""):
        return JSONResponse({"error": words, **(facts or {})}, status_code=status)
    title = _TITLES.get(status, "Something went wrong")
    sentence = f"{words[:1].upper()}{words[1:].rstrip('.')}."
    page = _PAGE.render(title=title, words=sentence, home=home, styled=home == "/")
    return Response(page, status_code=status, media_type="text/html; charset=utf-8")
