"""Requests from the page, parsed strictly: anything else than the page sends is refused, with the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from review.errors import BadRequest, NoSuchPicture, TooMuch
from review.likeness import MOST_ALIKE
from review.service import ANSWERS, LabelAnswer

MOST_CARDS = 200  # in one request
MOST_ANSWERS = 500  # in one request: they share a transaction, and a crawl waits for it
MOST_QUERY = 2000  # characters
_LARGEST_ID = 2**63 - 1
_KEY = re.compile(r"[A-Za-z0-9_-]{8,80}")
_WHY = re.compile(r"[a-z][a-z-]{0,31}")


def picture_id(text: str) -> int:
    """A picture's id.

    Raises:
        NoSuchPicture: nothing can have this id.
    """
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:20]) <= _LARGEST_ID or len(text) > 19:
        raise NoSuchPicture("no picture has this id")
    return int(text)


def card_ids(request: Request) -> Sequence[int]:
    """The ids of the requested cards."""
    words = [word for word in request.query_params.get("ids", "").split(",") if word]
    if len(words) > MOST_CARDS:
        raise TooMuch(f"at most {MOST_CARDS} pictures at once")
    return [picture_id(word) for word in words]


def most_alike(request: Request) -> int:
    """How many similar pictures are wanted."""
    text = request.query_params.get("most", "24")
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:6]) <= MOST_ALIKE:
        raise BadRequest(f"most: needs a whole number of 1 to {MOST_ALIKE}")
    return int(text)


def expression(request: Request) -> str:
    """The search expression."""
    text = request.query_params.get("q", "")
    if len(text) > MOST_QUERY:
        raise TooMuch(f"an expression has at most {MOST_QUERY} characters")
    return text


async def body_of(request: Request) -> Mapping[str, Any]:
    """The JSON object that was sent."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body is not a JSON object")
    return body


def answers_of(body: Mapping[str, Any]) -> Sequence[LabelAnswer]:
    """The answers in a body; no picture twice.

    Raises:
        BadRequest: one of them cannot be read; nothing is recorded.
        TooMuch: too many.
    """
    given = body.get("answers")
    if not isinstance(given, list) or not given:
        raise BadRequest("answers: needs a list with at least one answer")
    if len(given) > MOST_ANSWERS:
        raise TooMuch(f"at most {MOST_ANSWERS} answers at once")
    answers = [_answer(one) for one in given]
    if len({answer.id for answer in answers}) < len(answers):
        raise BadRequest("answers: the same picture twice")
    return answers


def _answer(given: object) -> LabelAnswer:
    if not isinstance(given, dict):
        raise BadRequest("answers: each needs to be an object")
    picture, seen = _whole(given, "id", 1), _whole(given, "seen", 0)
    value, key, why = given.get("value"), given.get("key"), given.get("why", "manual")
    if value not in ANSWERS:
        raise BadRequest(f"value: not one of {', '.join(ANSWERS)}")
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise BadRequest("key: needs 8 to 80 letters, digits, - and _, new for each click")
    if not isinstance(why, str) or not _WHY.fullmatch(why):
        raise BadRequest("why: needs one short word")
    return LabelAnswer(picture, value, key, seen, why)


def _whole(given: Mapping[str, Any], name: str, least: int) -> int:
    number = given.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= _LARGEST_ID:
        raise BadRequest(f"{name}: needs a whole number of at least {least}")
    return number
