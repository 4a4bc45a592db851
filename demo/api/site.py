"""The site: which answer belongs to which request. Knows no sockets."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlencode

from demo.accounts import VISITOR, Account, Accounts, demand, profile_object
from demo.api.files import FileAnswers
from demo.api.post_json import View
from demo.api.posts import PostAnswers
from demo.api.tags import TagAnswers
from demo.errors import PaintError, SiteRefusal
from demo.galleries.gallery import EPOCH
from demo.galleries.picture_store import Pictures
from demo.http.html_pages import post_page, rows_of, wall_page
from demo.http.messages import Request, Response, error_response, json_response, redirect_to
from demo.http.rate_limit import TokenBucket
from demo.search.ranges import iso_time

TRUE_WORDS = frozenset(["true", "t", "yes", "y", "on", "1"])
Maybe = Response | Awaitable[Response]
Endpoint = Callable[[Request, View], Maybe]
FILE_PLACES = ("/original/", "/sample/", "/180x180/", "/360x360/", "/720x720/", "/full/", "/data/")


class Dialect(Protocol):
    """Answers the API of other software than Danbooru's, from the same gallery."""

    def answer(self, name: str, request: Request, view: View) -> Maybe:
        """The answer to a request; `name` is the route without its `.json`.

        Raises:
            SiteRefusal: an answer that is no success.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteOptions:
    """How the site behaves."""

    accounts: Accounts
    files_at: str  # origin of the file host
    safe_mode: bool = False  # the whole site, as on the safe sibling host
    bucket: TokenBucket | None = None  # None: reading is not limited, as in the application itself
    seed: int = 0
    dialect: Callable[[PostAnswers], Dialect] | None = None  # None: Danbooru's own API


class DemoSite:
    """Answers requests as the real site would."""

    def __init__(self, pictures: Pictures, options: SiteOptions) -> None:
        self.pictures = pictures
        self.options = options
        self.files = FileAnswers(pictures)
        self.posts = PostAnswers(pictures, options.seed)
        self.tags = TagAnswers(pictures.gallery)
        self._dialect = options.dialect(self.posts) if options.dialect else None
        self._routes: dict[str, Endpoint] = {
            "posts": self.posts.index,
            "posts/random": self.posts.random,
            "counts/posts": self.posts.counts,
            "ai_tags": self.posts.ai_tags,
            "tags": self.tags.index,
            "tag_aliases": self.tags.aliases,
            "tag_implications": self.tags.implications,
            "related_tag": self.tags.related,
            "autocomplete": self.tags.autocomplete,
            "wiki_pages": self.tags.wiki_pages,
            "artists": self.tags.artists,
            "profile": _profile,
            "status": _status,
            "demo/truth": self._truth,
            "pools": _nothing,
            "iqdb_queries": _nothing,
            "post_events": _nothing,
            "post_versions": _absent,
        }

    def answer(self, request: Request) -> Maybe:
        """The answer, or a promise of it; never raises."""
        try:
            response = self.files.serve(request) if request.path.startswith(FILE_PLACES) else self._api(request)
        except SiteRefusal as refusal:
            return refused(refusal)
        return self._later(response) if inspect.isawaitable(response) else response

    async def _later(self, response: Awaitable[Response]) -> Response:
        try:
            return await response
        except SiteRefusal as refusal:
            return refused(refusal)
        except PaintError as error:
            return error_response(500, "PaintError", str(error))

    def _api(self, request: Request) -> Maybe:
        request = _overridden(request)
        if request.method in ("GET", "HEAD") and request.body:
            raise SiteRefusal(400, "ApplicationController::RequestBodyNotAllowedError", "Request body not allowed")
        if self._dialect is not None and not request.path.startswith("/demo/"):
            return self._in_dialect(self._dialect, request)
        name, known = _route_name(request)
        if not known:
            return Response(406, {"Content-Type": "text/html; charset=utf-8"}, b"<html><body>406</body></html>")
        if name == "up":
            return Response(204, {})
        blank = [key for key, value in request.pairs if key.startswith("search[") and value == ""]
        if blank:
            rest = [(key, value) for key, value in request.pairs if key not in blank]
            return redirect_to(quote(request.path) + ("?" + urlencode(rest) if rest else ""))
        view = self._view(request)
        if "cause_error" in request.params and re.fullmatch("[45]..", request.params["cause_error"]):
            raise SiteRefusal(int(request.params["cause_error"]), "StandardError", "")
        limited = self._limit(name, view.account)
        if limited is not None:
            return limited
        if _wants_page(request):
            return self._page(name, request, view)
        return self._dispatch(name, request, view)

    def _in_dialect(self, dialect: Dialect, request: Request) -> Maybe:
        """The answer of other software, which has its own parameters for keys."""
        account = self.options.accounts.identify(request.headers.get("authorization"), {})
        view = View(self.pictures.gallery, account, self.options.files_at)
        name = request.path.strip("/").removesuffix(".json")
        return self._limit(name, account) or dialect.answer(name, request, view)

    async def _page(self, name: str, request: Request, view: View) -> Response:
        """The same for people: a wall of posts, or one post."""
        number = name.removeprefix("posts/")
        if number.isdecimal():
            return post_page(rows_of(await self.posts.show(int(number), request, view)))
        if name not in ("", "posts"):
            return error_response(404, "NilClass", "Page not found", known_route=False)
        response = await self.posts.index(request, view)
        return wall_page(rows_of(response), request.params.get("tags", "")) if response.status == 200 else response

    def _dispatch(self, name: str, request: Request, view: View) -> Maybe:
        if name in self._routes:
            return self._routes[name](request, view)
        place, _, key = name.partition("/")
        if place == "posts" and key.isdecimal():
            return self.posts.show(int(key), request, view)
        if place == "tags" and key.isdecimal():
            return self.tags.show(int(key), request, view)
        if place == "wiki_pages" and key:
            return self.tags.wiki_page(key, request, view)
        return error_response(404, "NilClass", "Page not found", known_route=False)

    def _view(self, request: Request) -> View:
        account = self.options.accounts.identify(request.headers.get("authorization"), request.params)
        requested = request.params.get("safe_mode", "").lower() in TRUE_WORDS
        safe = self.options.safe_mode or account.enable_safe_mode or requested
        return View(self.pictures.gallery, account, self.options.files_at, safe)

    def _limit(self, name: str, account: Account) -> Response | None:
        bucket = self.options.bucket
        if bucket is None:
            return None
        key = f"users/{account.id}" if account.id is not None else "ip/127.0.0.0/24"
        if bucket.take(key, time.monotonic()):
            return None
        message = "You're doing that too fast. Wait a minute and try again."
        response = error_response(429, "RateLimiter::RateLimitError", message)
        response.headers["X-Rate-Limit"] = bucket.header(f"{name}:index", key)
        return response

    def _truth(self, _request: Request, _view: View) -> Response:
        """`/demo/truth.json`: what each picture really shows. No part of the real site."""
        posts = self.pictures.gallery.posts
        return json_response(
            {
                str(post_id): {
                    "characters": list(post.truth.characters),
                    "hidden": list(post.truth.hidden),
                    "wrong": list(post.truth.wrong),
                }
                for post_id, post in posts.items()
            }
        )


def refused(refusal: SiteRefusal) -> Response:
    """The error body of a refusal."""
    return error_response(refusal.status, refusal.kind, refusal.message)


def _overridden(request: Request) -> Request:
    """A POST that stands for a long GET, read as one."""
    if request.method != "POST" or request.headers.get("x-http-method-override", "").upper() != "GET":
        return request
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    return Request("GET", request.target, request.headers, b"", request.remote_port, form)


def _route_name(request: Request) -> tuple[str, bool]:
    """The route without its `.json`, and whether the format can be served."""
    path = request.path.strip("/")
    if path.endswith(".json"):
        return path.removesuffix(".json"), True
    if request.params.get("format") == "json" or path == "up" or path.startswith("up/"):
        return path.partition("/")[0] if path.startswith("up/") else path, True
    suffix = path.rpartition("/")[2].rpartition(".")[2] if "." in path.rpartition("/")[2] else ""
    return path, suffix in ("", "html") or path.startswith("wiki_pages/")


def _wants_page(request: Request) -> bool:
    if request.path.endswith(".json") or request.params.get("format") == "json":
        return False
    return request.path.rstrip("/") in ("", "/posts") or re.fullmatch(r"/posts/\d+", request.path) is not None


def _nothing(_request: Request, _view: View) -> Response:
    """What the demo does not have, but the site would answer."""
    return json_response([])


def _absent(_request: Request, _view: View) -> Response:
    raise SiteRefusal(501, "NotImplementedError", "Archive service is not configured.")


def _profile(request: Request, view: View) -> Response:
    demand(view.account, "users:profile")
    return json_response(profile_object(view.account, iso_time(EPOCH, VISITOR.time_zone)))


def _status(_request: Request, _view: View) -> Response:
    return json_response({"status": "demo", "version": "1"})
