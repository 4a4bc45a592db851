"""The page's routes. Reading is GET and changes nothing; what changes something is POST and has passed the gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from review import requests, to_json
from review.error_handlers import HANDLERS
from review.errors import BadRequest, LargerMissing, NoSuchPicture, NotComparable
from review.gate import Address, Gate
from review.likeness import PictureEmbedder
from review.service import QUEUE, SAMPLE, LargerPictures, ReviewService, Rounds
from review.static_files import StaticFiles, picture_answer, template


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """The parts of the page: gallery service, rounds, address, links."""

    service: ReviewService
    rounds: Rounds
    address: Address
    links: to_json.Links = field(default_factory=dict)  # where the posts of each site can be seen
    root: str = ""  # for people: which gallery this is
    embedder: PictureEmbedder | None = None  # for pictures that a person drops on the page
    larger: LargerPictures | None = None  # what fetches larger copies; None: nothing does


def create_app(page: ReviewPage) -> ASGIApp:
    """The page as an ASGI application, behind its gate."""
    answers = _Routes(page)
    routes = [
        Route("/", answers.index),
        Route("/static/{name}", StaticFiles().answer),
        Route("/pictures/{picture}", answers.picture),
        Route("/api/start", answers.start),
        Route("/api/words", answers.words),
        Route("/api/targets/{target}", answers.facts),
        Route("/api/targets/{target}/list", answers.listed),
        Route("/api/targets/{target}/cards", answers.cards),
        Route("/api/targets/{target}/pictures/{picture}", answers.history),
        Route("/api/targets/{target}/pictures/{picture}/larger", answers.larger, methods=["POST"]),
        Route("/api/targets/{target}/alike/{picture}", answers.alike),
        Route("/api/targets/{target}/like", answers.like, methods=["POST"]),
        Route("/api/targets/{target}/answers", answers.answer, methods=["POST"]),
        Route("/api/rounds", answers.round_state, methods=["GET"]),
        Route("/api/rounds", answers.begin_round, methods=["POST"]),
        Route("/api/rounds/stop", answers.stop_round, methods=["POST"]),
    ]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await page.rounds.stop()
        if page.embedder is not None:
            await page.embedder.close()

    return Gate(Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan), page.address)


class _Routes:
    def __init__(self, page: ReviewPage) -> None:
        self._page = page
        self._template = template("page.html")

    async def index(self, request: Request) -> Response:
        targets = await run_in_threadpool(self._page.service.targets)
        html = self._template.render(token=self._page.address.token, targets=targets, root=self._page.root)
        return Response(html, media_type="text/html; charset=utf-8")

    async def picture(self, request: Request) -> Response:
        content = await run_in_threadpool(
            self._page.service.rendition, requests.picture_id(request.path_params["picture"])
        )
        return picture_answer(request, content)

    async def start(self, request: Request) -> Response:
        targets = await run_in_threadpool(self._page.service.targets)
        return JSONResponse({"token": self._page.address.token, "targets": list(targets), "root": self._page.root})

    async def facts(self, request: Request) -> Response:
        target = await self._target(request)
        return JSONResponse(to_json.facts(await run_in_threadpool(self._page.service.facts, target)))

    async def listed(self, request: Request) -> Response:
        target, expression = await self._target(request), requests.expression(request)
        view = request.query_params.get("view")
        if view in (QUEUE, SAMPLE):
            listed = await run_in_threadpool(partial(self._page.service.queue, target, random_only=view == SAMPLE))
        else:
            listed = await run_in_threadpool(self._page.service.find, target, expression)
        return JSONResponse(to_json.picture_list(listed))

    async def words(self, request: Request) -> Response:
        suggestions = await run_in_threadpool(self._page.service.words, requests.expression(request))
        return JSONResponse({"words": [[one.word, one.kind, one.posts] for one in suggestions]})

    async def cards(self, request: Request) -> Response:
        target, ids = await self._target(request), requests.card_ids(request)
        shown = await run_in_threadpool(self._page.service.pictures, target, ids)
        return JSONResponse({"cards": [to_json.card(one, self._page.links) for one in shown]})

    async def history(self, request: Request) -> Response:
        target, picture = await self._target(request), requests.picture_id(request.path_params["picture"])
        shown = await run_in_threadpool(self._page.service.pictures, target, [picture])
        if not shown:
            raise NoSuchPicture("no picture has this id")
        history = await run_in_threadpool(self._page.service.history, target, picture)
        return JSONResponse({"card": to_json.card(shown[0], self._page.links), **to_json.history(history)})

    async def larger(self, request: Request) -> Response:
        target, picture = await self._target(request), requests.picture_id(request.path_params["picture"])
        await requests.body_of(request)
        if self._page.larger is None:
            raise LargerMissing("this page cannot ask a site for pictures")
        await self._page.larger.fetch(picture)
        shown = await run_in_threadpool(self._page.service.pictures, target, [picture])
        if not shown:
            raise NoSuchPicture("no picture has this id")
        return JSONResponse({"card": to_json.card(shown[0], self._page.links)})

    async def alike(self, request: Request) -> Response:
        target, picture = await self._target(request), requests.picture_id(request.path_params["picture"])
        most = requests.most_alike(request)
        return JSONResponse(
            to_json.similar_list(await run_in_threadpool(self._page.service.alike, target, picture, most))
        )

    async def like(self, request: Request) -> Response:
        target, most = await self._target(request), requests.most_alike(request)
        if self._page.embedder is None:
            raise NotComparable("this page cannot look at other pictures")
        vector = await self._page.embedder.embed(target, await request.body())
        return JSONResponse(
            to_json.similar_list(await run_in_threadpool(self._page.service.like, target, vector, most))
        )

    async def answer(self, request: Request) -> Response:
        target, answers = await self._target(request), requests.answers_of(await requests.body_of(request))
        outcomes = await run_in_threadpool(self._page.service.answer, target, answers)
        if all(one.picture is None for one in outcomes):
            raise NoSuchPicture("these pictures are not in this gallery")
        status = 200 if all(one.saved for one in outcomes) else 409
        return JSONResponse(to_json.outcomes(outcomes, self._page.links), status_code=status)

    async def round_state(self, request: Request) -> Response:
        return JSONResponse(to_json.round_state(self._page.rounds.state()))

    async def begin_round(self, request: Request) -> Response:
        body = await requests.body_of(request)
        target = body.get("target")
        if not isinstance(target, str) or target not in await run_in_threadpool(self._page.service.targets):
            raise BadRequest("target: not a target of this gallery")
        return JSONResponse(to_json.round_state(await self._page.rounds.start(target)), status_code=202)

    async def stop_round(self, request: Request) -> Response:
        await requests.body_of(request)
        await self._page.rounds.stop()
        return JSONResponse(to_json.round_state(self._page.rounds.state()))

    async def _target(self, request: Request) -> str:
        name = str(request.path_params["target"])
        if name not in await run_in_threadpool(self._page.service.targets):
            raise NoSuchPicture("no such target")
        return name
