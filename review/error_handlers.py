"""What becomes of an error that a route raised: an answer that says what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from review.error_answers import error_answer
from review.errors import ReviewError
from review.gate import BodyTooLong
from storage.errors import ArchiveError, DatabaseBusy, QueryError


async def _query_error(_request: Request, error: QueryError) -> Response:
    reply = {"error": str(error), "term": error.term, "problem": error.problem, "suggestion": error.suggestion}
    return JSONResponse(reply, status_code=422)


async def _review_error(request: Request, error: ReviewError) -> Response:
    return error_answer(request.headers, error.status, str(error))


async def _archive_error(request: Request, error: ArchiveError) -> Response:
    """The gallery refuses: the page shows why, and sends the same answers again when it was only busy."""
    busy = isinstance(error, DatabaseBusy)
    return error_answer(request.headers, 503 if busy else 500, str(error), facts={"again": busy})


async def _too_long(request: Request, error: BodyTooLong) -> Response:
    return error_answer(request.headers, 413, str(error))


async def _not_found(request: Request, _error: Exception) -> Response:
    return error_answer(request.headers, 404, "there is nothing at this address")


async def _bug(request: Request, _error: Exception) -> Response:
    """A bug of ours; the terminal names it."""
    return error_answer(request.headers, 500, "unexpected error, a bug; the terminal that runs this page says more")


HANDLERS: Mapping[Any, Callable[[Request, Any], Awaitable[Response]]] = {
    QueryError: _query_error,
    ReviewError: _review_error,
    ArchiveError: _archive_error,
    BodyTooLong: _too_long,
    404: _not_found,
    405: _not_found,
    Exception: _bug,
}
