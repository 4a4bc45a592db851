"""What an answer that is not a plain success means, and which error of this program stands for it.

A status is read by what was asked for. The API answers questions, so its refusals may concern everything that we ask;
a file's status concerns that file. Only a challenge page, a throttle or a login that the API refuses is about the site
as a whole, whatever was asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from crawler.errors import (
    AccessError,
    BlockedError,
    CrawlError,
    FileRefused,
    Forbidden,
    GoneError,
    NotOffered,
    PageLimitError,
    PostError,
    QuestionRefused,
    RangeRefused,
    SiteTimeout,
    TagLimit,
    Throttled,
    TransientError,
    UsageError,
)
from crawler.transport.budget import Kind

CHALLENGE_ADVICE = (
    "the site answered with a challenge page for browsers, so it blocks this program or this network for now; "
    "wait some hours, log in with an API key, and do not run through a shared proxy or VPN"
)
LONGEST_MESSAGE = 300  # characters of the site's own words that we repeat
CHALLENGE_WORDS = (b"challenge", b"just a moment", b"captcha", b"checking your browser", b"cf-chl", b"ddos-guard")
BLOCK_WORDS = (b"you have been blocked", b"attention required")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer other than success, with as much of its body as says why."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    what: str  # what was asked for, without query: `GET /posts.json`
    kind: Kind = Kind.API

    @property
    def is_html(self) -> bool:
        """Whether it is a page for people."""
        return "html" in self.headers.get("content-type", "").lower() or looks_like_html(self.body)

    def stated_error(self) -> tuple[str, str]:
        """The error class and message of the site's JSON error, or empty texts."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return "", ""
        if not isinstance(content, dict):
            return "", ""
        return _one_line(content.get("error")), _one_line(content.get("message"))


def looks_like_html(body: bytes) -> bool:
    """Whether a body begins like a page."""
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script", b"<title"))


def meaning(refusal: Refusal, now: datetime | None = None) -> CrawlError:
    """The error that an answer other than success amounts to.

    Args:
        now: the wall clock, aware; only a Retry-After that names a date needs it.
    """
    if is_challenge(refusal):
        return BlockedError(CHALLENGE_ADVICE)
    kind, message = refusal.stated_error()
    # A file's reason stands beside its post, and is counted with others of its kind: its own path would be in the way.
    subject = "the site answers" if refusal.kind is Kind.FILE else f"{refusal.what}:"
    text = f"{subject} {refusal.status}" + (f" {message or kind}" if message or kind else "")
    if refusal.status == 429:
        return Throttled(text, retry_after=retry_after(refusal.headers, now or datetime.now(UTC)))
    if refusal.status >= 500:
        return _server_trouble(refusal, kind, text, now or datetime.now(UTC))
    if refusal.kind is Kind.FILE:
        return _file_trouble(refusal, message or kind, text)
    return _api_trouble(refusal.status, kind, message, text)


def _server_trouble(refusal: Refusal, kind: str, text: str, now: datetime) -> CrawlError:
    if refusal.status == 501 and refusal.kind is Kind.API:
        return NotOffered(text)
    if kind == "ActiveRecord::QueryCanceled":
        return SiteTimeout(text)
    return TransientError(text, retry_after=retry_after(refusal.headers, now))


def _file_trouble(refusal: Refusal, message: str, text: str) -> CrawlError:
    """What a status below 500 means for one file: it is gone, not for us, or open. Never more than that."""
    match refusal.status:
        case 403 if refusal.is_html:
            return FileRefused(f"{text}: forbidden")  # a page may be a proxy's word: not for good
        case 403:
            return Forbidden(message or "no reason given")
        case 404 | 410:
            return GoneError()
        case 416:
            return RangeRefused(text)
        case 451:
            return PostError("unavailable for legal reasons", "unavailable")
        case 408 | 421 | 425:
            return TransientError(text)
        case status if 400 <= status < 500:
            return FileRefused(text)
    return TransientError(text)


def _api_trouble(status: int, kind: str, message: str, text: str) -> CrawlError:
    match status:
        case 401:
            return AccessError(f"the site refuses the login or API key: {message or 'Invalid API key'}")
        case 403:
            return Forbidden(message or kind or "no reason given")
        case 410 if kind == "PaginationExtension::PaginationError":
            return PageLimitError(text)
        case 404 | 410:
            return GoneError()
        case 422 if kind == "PostQuery::TagLimitError":
            return TagLimit(message or "the search has too many terms for this account")
        case 422:
            return UsageError(message or text)
        case 400 | 405 | 406:
            return QuestionRefused(f"{text}: the site does not understand the request; is it a Danbooru site?")
        case 451:
            return PostError("unavailable for legal reasons", "unavailable")
    return TransientError(text)


def is_challenge(refusal: Refusal) -> bool:
    """A page that wants a browser: it is never solved here, so the request is never repeated.

    The API never answers with pages of its own, so there any forbidding page is one. A file may well be forbidden by
    its server's plain page, which is no challenge.
    """
    if "challenge" in refusal.headers.get("cf-mitigated", "").lower():
        return True
    if not refusal.is_html:
        return False
    if refusal.status == 403 and refusal.kind is Kind.API:
        return True
    body = refusal.body.lower()
    if refusal.status == 503:
        return b"challenge" in body and "cloudflare" in refusal.headers.get("server", "").lower()
    return refusal.status in (401, 403) and any(word in body for word in (*CHALLENGE_WORDS, *BLOCK_WORDS))


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, 0 when it lies in the past; None when it says nothing usable.

    Repeated headers arrive joined by commas, and so does the comma of a date: the largest reading wins.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    readings = [_seconds(part, now) for part in (value, *value.split(","))]
    readings += [_seconds(date, now) for date in re.findall(r"[A-Z][a-z]{2}, [^,]+", value)]
    usable = [reading for reading in readings if reading is not None]
    return max(usable) if usable else None


def _seconds(text: str, now: datetime) -> float | None:
    text = text.strip()
    if re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?([eE]\d{1,2})?", text):
        return max(0.0, float(text))
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


def _one_line(value: object) -> str:
    """The site's own words, made harmless for a terminal."""
    if not isinstance(value, str):
        return ""
    words = " ".join(value.split())[:LONGEST_MESSAGE]
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)
