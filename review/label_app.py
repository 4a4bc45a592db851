"""The page on which the pictures of a folder get the names of their classes; behind the same gate as the review page.

A picture is asked for by its number in the list, so nothing but listed pictures can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from review import requests
from review.error_handlers import HANDLERS
from review.errors import BadRequest, NoSuchPicture
from review.gate import Address, Gate
from review.service import LabelService
from review.static_files import StaticFiles, picture_answer, template

_LONGEST = 400  # characters of a label; what a class may be called is for the service to say


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPage:
    """The parts of the page."""

    service: LabelService
    address: Address
    folder: str  # for people
    model: str = ""  # whose proposals are shown; "": there are none
    table: str = ""  # for people: where labels are written


def create_label_app(page: LabelPage) -> ASGIApp:
    """The page as an ASGI application, behind its gate."""
    answers = _Routes(page)
    routes = [
        Route("/", answers.index),
        Route("/static/{name}", StaticFiles().answer),
        Route("/pictures/{number}", answers.picture),
        Route("/api/start", answers.start),
        Route("/api/names", answers.names),
        Route("/api/questions/{number}", answers.question),
        Route("/api/labels", answers.give, methods=["POST"]),
    ]
    return Gate(Starlette(routes=routes, exception_handlers=HANDLERS), page.address)


class _Routes:
    def __init__(self, page: LabelPage) -> None:
        self._page, self._service = page, page.service
        self._template = template("label.html")

    async def index(self, request: Request) -> Response:
        page = self._page
        html = self._template.render(token=page.address.token, folder=page.folder, model=page.model, table=page.table)
        return Response(html, media_type="text/html; charset=utf-8")

    async def start(self, request: Request) -> Response:
        progress = await run_in_threadpool(self._service.progress)
        return JSONResponse({"token": self._page.address.token, "progress": asdict(progress)})

    async def names(self, request: Request) -> Response:
        found = await run_in_threadpool(self._service.matches, requests.expression(request))
        return JSONResponse(asdict(found))

    async def question(self, request: Request) -> Response:
        number = _number(request.path_params["number"])
        return JSONResponse(await run_in_threadpool(self._shown, number))

    async def picture(self, request: Request) -> Response:
        number = _number(request.path_params["number"])
        return picture_answer(request, await run_in_threadpool(self._service.picture, number))

    async def give(self, request: Request) -> Response:
        body = await requests.body_of(request)
        number, label, seen = body.get("number"), _text(body, "label"), _text(body, "seen")
        if not isinstance(number, int) or isinstance(number, bool):
            raise BadRequest("number: needs the number of a picture")
        saved = await run_in_threadpool(self._service.give, number, label, seen)
        return JSONResponse(await run_in_threadpool(self._shown, number), status_code=200 if saved else 409)

    def _shown(self, number: int) -> Mapping[str, Any]:
        return {"question": asdict(self._service.question(number)), "progress": asdict(self._service.progress())}


def _number(text: str) -> int:
    """A picture's number.

    Raises:
        NoSuchPicture: nothing can have it.
    """
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise NoSuchPicture("no picture has this number")
    return int(text)


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise BadRequest(f"{name}: needs a text of at most {_LONGEST} characters")
    return value
