"""JSON over HTTP from one site: requests that are repeated within patience, and parts that we can do without."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from crawler.errors import (
    AccessError,
    BlockedError,
    CrawlError,
    GoneError,
    NotOffered,
    NotPermitted,
    PageLimitError,
    PostError,
    TransientError,
    UnreachableError,
)
from crawler.sites import Site
from crawler.transport.budget import Kind
from crawler.transport.http import Ask, Http
from crawler.transport.retry import Patience, patiently

log = logging.getLogger(__name__)
T = TypeVar("T")

JSON_CAP = 16 * 1024 * 1024  # bytes of one answer, decompressed; a full page has about two
LONGEST_QUERY = 3000  # characters of a query string; longer ones travel in the body


@dataclass(slots=True)
class JsonApi:
    """Asks one site."""

    site: Site
    http: Http
    patience: Patience = field(default_factory=Patience)
    without: Mapping[str, str] = field(default_factory=dict)  # optional parts by path, and what is lost without them
    notify: Callable[[str], None] = log.warning  # called once for each optional part that this site or key lacks
    _closed: set[str] = field(default_factory=set)  # optional parts that are not open to us

    def lacks(self, path: str) -> bool:
        """Whether a part of the API was asked and is not open to us: then an empty answer says nothing."""
        return path in self._closed

    async def optional(self, path: str, ask: Callable[[str], Awaitable[T]], without: T) -> T:
        """The answer of a part of the API that we can do without; a key need not have its permission."""
        if path in self._closed:
            return without
        try:
            return await ask(path)
        except (NotPermitted, NotOffered) as error:
            if path not in self.without:
                raise
            self._closed.add(path)
            self.notify(f"{error}; going on without: {self.without[path]}")
            return without

    async def rows(self, path: str, query: Mapping[str, str]) -> list[Any]:
        """The rows of one part of the API; none where it is closed to us and we can do without it."""
        return await self.optional(path, lambda path: self.json(path, query, want=list), [])

    async def json(
        self, path: str, query: Mapping[str, str], *, want: type | None = None, of_one_post: bool = False
    ) -> Any:
        """The parsed answer to one request, which is repeated within the client's patience."""
        return await self.answer(path, query, lambda body: _parsed(body, path, want), of_one_post=of_one_post)

    async def answer(
        self, path: str, query: Mapping[str, str], read: Callable[[bytes], T], *, of_one_post: bool = False
    ) -> T:
        """The answer to one request, as it is read; what cannot be read is asked for again, within patience.

        Args:
            read: the body as what it means; raises TransientError where it means nothing.
            of_one_post: whether a refusal concerns one post, and not a part of the API.
        """
        ask = self._ask(path, query)

        async def attempt() -> T:
            async with self.http.exchange(ask) as answer:
                body = await answer.read(JSON_CAP)
            return read(body)

        try:
            return await patiently(attempt, self.patience)
        except (AccessError, BlockedError, UnreachableError, TransientError):
            raise
        except CrawlError as error:
            meant = self._of_one(error) if of_one_post else self._of_all(path, error)
            if meant is error:
                raise
            raise meant from error

    def _of_one(self, error: CrawlError) -> PostError:
        """The error of one post that the API refuses: it does not end the run."""
        if isinstance(error, PostError):
            return error
        return GoneError() if isinstance(error, PageLimitError) else PostError(str(error))

    def _of_all(self, path: str, error: CrawlError) -> CrawlError:
        """The error of a whole part of the API that the site refuses or lacks."""
        if isinstance(error, GoneError):
            return NotOffered(f"{self.site.name} knows no {path}; is it a Danbooru site?")
        if isinstance(error, PostError):
            return NotPermitted(path, f"{self.site.name}: {path}: {error}")
        return error

    def _ask(self, path: str, query: Mapping[str, str]) -> Ask:
        """A GET, or a POST that stands for one where the query is too long for an address; blanks are left out."""
        text = urlencode({key: value for key, value in query.items() if value != ""}, safe=",[]:()*")
        url = f"{self.site.api_url}{path}"
        if len(text) > LONGEST_QUERY:
            return Ask(url, Kind.API, form=text.encode("ascii"))
        return Ask(f"{url}?{text}" if text else url, Kind.API)


def _parsed(body: bytes, path: str, want: type | None) -> Any:
    """JSON of the expected shape; anything else is an attempt that failed, never an empty page."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        start = re.sub(rb"\s+", b" ", body[:40])
        raise TransientError(f"{path}: the answer is not JSON: {ascii(start)[1:]}") from None
    if isinstance(parsed, dict) and parsed.get("success") is False:
        raise TransientError(f"{path}: the site reports {ascii(parsed.get('error'))[:80]}")
    if not isinstance(parsed, want or dict):
        raise TransientError(f"{path}: expected {(want or dict).__name__}, got {type(parsed).__name__}")
    return parsed
