"""The service's routes. Nothing is stored, and no address that a client names is ever fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import Any

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from serving.errors import Busy, ServingError
from serving.gate import Gate
from serving.metrics import CONTENT_TYPE, ServiceMetrics
from serving.openapi import document
from serving.scorer import PictureScorer, Scored, ServedModel, ServingLimits
from serving.uploads import Upload, uploads_of
from storage.run_error import RunError

_RETRY_S = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringService:
    """The parts of the service."""

    model: ServedModel
    scorer: PictureScorer
    version: str  # of the program
    url: str  # where it answers, for people
    hosts: Sequence[str] = ()  # the values of `Host` that are accepted; empty: all
    limits: ServingLimits = field(default_factory=ServingLimits)


def create_app(service: ScoringService) -> ASGIApp:
    """The service as an ASGI application, behind its gate."""
    answers = _Routes(service)
    routes = [
        Route("/", answers.page),
        Route("/v1/score", answers.score, methods=["POST"]),
        Route("/v1/model", answers.model),
        Route("/healthz", answers.health),
        Route("/metrics", answers.metrics_text),
        Route("/openapi.json", answers.openapi),
    ]
    handlers: Mapping[Any, Any] = {
        ServingError: answers.refused,
        RunError: answers.failed,
        404: answers.not_found,
        405: answers.wrong_method,
        Exception: answers.bug,
    }
    return Gate(Starlette(routes=routes, exception_handlers=handlers), service.hosts, service.limits.request_bytes)


class _Routes:
    def __init__(self, service: ScoringService) -> None:
        self._service = service
        self._metrics = ServiceMetrics(service.model)
        self._document = document(service.model, service.limits, service.version)
        self._turns = asyncio.Semaphore(service.limits.at_once)
        self._waiting = 0
        self._failure = ""  # why the model has failed as a whole
        text = files("serving").joinpath("templates", "page.html").read_text(encoding="utf-8")
        environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        self._page = environment.from_string(text)

    async def page(self, request: Request) -> Response:
        return self._counted(request, HTMLResponse(self._page.render(document=self._document, url=self._service.url)))

    async def openapi(self, request: Request) -> Response:
        return self._counted(request, JSONResponse(self._document))

    async def model(self, request: Request) -> Response:
        return self._counted(request, JSONResponse(self._facts()))

    async def health(self, request: Request) -> Response:
        if self._failure:
            return self._error(request, 503, self._failure)
        return self._counted(request, JSONResponse({"status": "ok", "model": self._service.model.name}))

    async def metrics_text(self, request: Request) -> Response:
        return Response(self._metrics.text(), headers={"content-type": CONTENT_TYPE})

    async def score(self, request: Request) -> Response:
        async with self._turn():
            uploads = await uploads_of(request, self._service.limits)
            with self._metrics.scoring():
                scored = await _all_scored(self._service.scorer, uploads)
        for upload, one in zip(uploads, scored, strict=True):
            self._metrics.picture(one.outcome, len(upload.content))
        results = [{"file": upload.name, **asdict(one)} for upload, one in zip(uploads, scored, strict=True)]
        reply: dict[str, Any] = {"model": self._service.model.name, "results": results}
        if all(one.fault for one in scored):
            reply["error"] = "none of the pictures can be looked at; the results say why"
        return self._counted(request, JSONResponse(reply, status_code=422 if "error" in reply else 200))

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait until few enough others are being scored; too many that wait are sent away."""
        if self._waiting >= self._service.limits.waiting:
            raise Busy("as many requests as allowed are waiting; try again later")
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    def _facts(self) -> dict[str, Any]:
        model, limits = self._service.model, asdict(self._service.limits)
        return {"model": model.name, "kind": model.kind, "device": model.device, **model.facts, "limits": limits}

    async def refused(self, request: Request, error: ServingError) -> Response:
        """A request that cannot be answered."""
        answer = self._error(request, error.status, str(error))
        if isinstance(error, Busy):
            answer.headers["retry-after"] = str(_RETRY_S)
        return answer

    async def failed(self, request: Request, error: RunError) -> Response:
        """The model fails as a whole: whoever watches the service has to start it anew."""
        self._failure = str(error)
        return self._error(request, 503, self._failure)

    async def not_found(self, request: Request, _error: Exception) -> Response:
        return self._error(request, 404, "there is nothing at this address; / describes the service")

    async def wrong_method(self, request: Request, error: Any) -> Response:
        answer = self._error(request, 405, "another method is wanted here; / describes the service")
        answer.headers.update(error.headers or {})
        return answer

    async def bug(self, request: Request, _error: Exception) -> Response:
        """A bug of ours; the terminal names it."""
        return self._error(request, 500, "unexpected error, a bug; the terminal that runs crawl serve says more")

    def _error(self, request: Request, status: int, words: str) -> Response:
        return self._counted(request, JSONResponse({"error": words}, status_code=status))

    def _counted(self, request: Request, answer: Response) -> Response:
        known = request.url.path in (*self._document["paths"], "/")
        self._metrics.request(request.url.path if known else "other", answer.status_code)
        return answer


async def _all_scored(scorer: PictureScorer, uploads: Sequence[Upload]) -> list[Scored]:
    """All together: they share batches."""
    return list(await asyncio.gather(*(scorer.score(one.content) for one in uploads)))
