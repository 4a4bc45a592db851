"""The one place that knows the HTTP library: requests with a permit, deadlines, caps, and errors of our own.

Nothing is taken from the environment but the certificates to trust (SSL_CERT_FILE, SSL_CERT_DIR): no proxies, no
.netrc. Redirects are followed by hand within the site's own
hosts, bodies are decompressed by ourselves under a cap, and the account's key goes to the API host alone, request by
request. Cookies are neither kept nor sent. Every request that leaves takes a permit of the budget first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import NoReturn
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

import httpx2

from crawler.errors import (
    BadSite,
    ConnectionTrouble,
    CrawlError,
    HostUnknown,
    Throttled,
    TooLarge,
    TransientError,
    UnreachableError,
    UrlRefused,
)
from crawler.sites import Site, Software, how_to_allow
from crawler.transport.body_decoder import decoder_for
from crawler.transport.budget import Budget, Kind, Permit
from crawler.transport.credentials import Credentials
from crawler.transport.proxies import Proxy
from crawler.transport.responses import Refusal, meaning
from crawler.transport.trust import trusted
from system.program_version import installed_version

log = logging.getLogger(__name__)

PROJECT = "https://github.com/boorusieve/boorusieve"
MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REFUSAL_BODY = 64 * 1024  # bytes of an error's body that we read
PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy")
POOL_SPARE = 4  # connections beyond what our own limits let run, so that no request ever waits in the pool
MOST_HOSTS_NAMED = 5  # hosts that files lie on and that are not the site's; further ones are in the log only
IDLE_S = 30.0  # seconds after which an unused connection is not trusted any more


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for what, in seconds; tests shrink them."""

    connect_s: float = 10.0
    headers_s: float = 30.0  # from sending the request to the last header
    silence_s: float = 20.0  # without a single byte
    body_s: float = 90.0  # for a whole body that is read into memory
    stall_window_s: float = 20.0  # a streamed file must bring the floor's worth of bytes in every window
    stall_floor: float = 2048.0  # bytes a second


@dataclass(slots=True)
class Traffic:
    """What went over the wire; bytes are of bodies, as transferred, those of attempts that failed included."""

    requests: int = 0
    api_requests: int = 0  # of these, to the API
    api_bytes: int = 0
    original_bytes: int = 0
    rendition_bytes: int = 0  # of every file that is no original
    failures_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    url: str
    kind: Kind
    headers: Mapping[str, str] = field(default_factory=dict)
    form: bytes | None = None  # a body of form fields; makes it a POST that stands for a GET
    original: bool = False  # of a file: whether it is a post's own

    def what(self, url: str) -> str:
        """The request for logs and messages: no query, no user name, nothing that a terminal would obey."""
        path = urlsplit(url).path[:200]
        return f"{'GET' if self.form is None else 'POST'} {path if path.isprintable() else ascii(path)}"


@dataclass(slots=True)
class HttpResponse:
    """A success whose body is still to be read, within the deadlines."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    url: str
    _response: httpx2.Response
    _deadlines: Deadlines
    _traffic: Traffic
    _ask: Ask
    received: int = field(default=0)  # bytes of the body so far, as transferred

    @property
    def declared(self) -> int | None:
        """The body's length in bytes as the headers state it."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() and len(text) < 20 else None

    @property
    def encoded(self) -> bool:
        """Whether the body came compressed."""
        return self.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body as it is transferred.

        Raises: TransientError: it was cut, or it comes so slowly that waiting is pointless.
        """
        window_end = time.monotonic() + self._deadlines.stall_window_s
        enough = self._deadlines.stall_floor * self._deadlines.stall_window_s
        before = 0
        try:
            async with aclosing(self._response.aiter_raw()) as raw:
                async for piece in raw:
                    self.received += len(piece)
                    yield piece
                    now = time.monotonic()
                    if now >= window_end:
                        if self.received - before < enough:
                            raise TransientError(f"the transfer stalled after {self.received} bytes")
                        before, window_end = self.received, now + self._deadlines.stall_window_s
        except httpx2.HTTPError as error:
            _translate(error, "the body")
        finally:
            self._account()

    async def read(self, cap: int) -> bytes:
        """The whole body, decompressed.

        Raises: TooLarge: more than `cap` bytes. TransientError: cut, damaged or too slow.
        """
        declared = self.declared
        if declared is not None and declared > cap:
            raise TooLarge(f"{declared} bytes are announced, {cap} at most are accepted")
        decoder = decoder_for(self.headers.get("content-encoding", ""), cap) if self.encoded else None
        body = bytearray()
        try:
            async with asyncio.timeout(self._deadlines.body_s), aclosing(self._response.aiter_raw()) as raw:
                async for piece in raw:
                    self.received += len(piece)
                    body += piece if decoder is None else decoder.feed(piece)
                    if len(body) > cap:
                        raise TooLarge(f"more than {cap} bytes arrived")
        except httpx2.HTTPError as error:
            _translate(error, "the body")
        except TimeoutError:
            raise TransientError(f"the body was not complete after {self._deadlines.body_s:g} s") from None
        finally:
            self._account()
        if decoder is not None:
            decoder.finish()
        return bytes(body)

    def _account(self) -> None:
        if self._ask.kind is Kind.API:
            self._traffic.api_bytes += self.received
        elif self._ask.original:
            self._traffic.original_bytes += self.received
        else:
            self._traffic.rendition_bytes += self.received


class Http:
    """Everything that goes out to one site."""

    def __init__(
        self,
        site: Site,
        budget: Budget,
        *,
        credentials: Credentials | None = None,
        deadlines: Deadlines = Deadlines(),
        transport: httpx2.AsyncBaseTransport | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        """Args: transport: stands in for the network in tests."""
        self.site = site
        self.budget = budget
        self.traffic = Traffic()
        self._credentials = credentials
        self._deadlines = deadlines
        self._transport = transport
        self._user_agent = user_agent()
        self.notify: Callable[[str], None] = log.warning  # called once for each problem that a setting would solve
        self._proxy = proxy
        self._refused_hosts: set[str] = set()
        self._retired: list[httpx2.AsyncClient] = []
        self._most_failures = 100 + 10 * sum(budget.at_once(kind) for kind in Kind)
        # httpx2 logs whole URLs at INFO; ours, without queries, are the only ones wanted.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        self._client = self._new_client()
        self._fresh: httpx2.AsyncClient | None = None  # keeps no connection; made when one is found dead

    @property
    def logged_in(self) -> bool:
        """Whether requests to the API carry an account's key."""
        return self._credentials is not None

    def introduce(self, user_id: int) -> None:
        """Name the account in the user agent from now on, as the site asks of programs."""
        self._user_agent = user_agent(user_id)

    async def __aenter__(self) -> Http:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for client in (*self._retired, self._client, *([self._fresh] if self._fresh else [])):
            await client.aclose()

    @asynccontextmanager
    async def exchange(self, ask: Ask) -> AsyncIterator[HttpResponse]:
        """Send one request, follow its redirects, and hand out the answer while the permit is held.

        Raises:
            CrawlError: of the kind that says what to do; nothing but a success (200, 206) is handed out.
        """
        url = ask.url
        async with self.budget.permit(ask.kind) as permit:
            for _ in range(MAX_REDIRECTS + 1):
                response = await self._send(ask, url, permit)
                try:
                    if response.status_code not in REDIRECTS:
                        yield await self._judged(ask, url, response, permit)
                        return
                    url = self._redirected(ask, url, response)
                finally:
                    await response.aclose()
                await permit.again()
        raise self._failed(TransientError(f"{ask.what(ask.url)}: more than {MAX_REDIRECTS} redirects"))

    async def _send(self, ask: Ask, url: str, permit: Permit) -> httpx2.Response:
        """Send, and read the headers; when a kept connection turns out to be dead, once more at once on a fresh one.

        The others that are kept may have died with it, so the second try goes out by a client that keeps none.
        """
        self._check(ask, url)
        try:
            return await self._send_once(self._client, ask, url)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
            log.debug("%s: connection lost before an answer (%s)", ask.what(url), type(error).__name__)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            self._give_up(error, ask, url)
        await permit.again()
        self._fresh = self._fresh or self._new_client(kept=0)
        try:
            return await self._send_once(self._fresh, ask, url)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            self._give_up(error, ask, url)

    async def _send_once(self, client: httpx2.AsyncClient, ask: Ask, url: str) -> httpx2.Response:
        self.traffic.requests += 1
        self.traffic.api_requests += ask.kind is Kind.API
        async with asyncio.timeout(self._deadlines.headers_s):
            method, address = "GET" if ask.form is None else "POST", self._with_key(ask, url)
            request = client.build_request(method, address, headers=self._headers(ask, url), content=ask.form)
            return await client.send(request, stream=True)

    def _key_header(self, credentials: Credentials) -> dict[str, str]:
        """The header that carries the key, where the site takes it there."""
        if self.site.software is Software.GELBOORU:
            return {}
        return {"authorization": credentials.authorization()}

    def _with_key(self, ask: Ask, url: str) -> str:
        """The address, with the key among its parameters where the site takes it nowhere else."""
        if self._credentials is None or self.site.software is not Software.GELBOORU or ask.kind is not Kind.API:
            return url
        if not self.site.serves_api(urlsplit(url)):
            return url
        return f"{url}&{urlencode({'user_id': self._credentials.login, 'api_key': self._credentials.key.reveal()})}"

    def _headers(self, ask: Ask, url: str) -> dict[str, str]:
        headers = {"user-agent": self._user_agent, "accept": "*/*", "accept-encoding": "identity", **ask.headers}
        if ask.kind is Kind.API:
            headers |= {"accept": "application/json", "accept-encoding": "gzip"}
            if self._credentials is not None and self.site.serves_api(urlsplit(url)):
                headers |= self._key_header(self._credentials)
        if ask.form is not None:
            headers |= {"x-http-method-override": "GET", "content-type": "application/x-www-form-urlencoded"}
        return headers

    def _check(self, ask: Ask, url: str) -> None:
        """Whether the address is one that we go to, before anything is sent there."""
        if ask.kind is not Kind.FILE or (reason := self.site.why_not(url)) is None:
            return
        host = self.site.unknown_host(url)
        if host is not None and host not in self._refused_hosts and len(self._refused_hosts) < MOST_HOSTS_NAMED:
            self._refused_hosts.add(host)
            self.notify(how_to_allow(self.site, host))
        raise UrlRefused(reason)

    def _redirected(self, ask: Ask, url: str, response: httpx2.Response) -> str:
        try:
            target = urljoin(url, response.headers.get("location", ""))
            parts = urlsplit(target)
            own = self.site.serves_api(parts) and "@" not in parts.netloc
        except ValueError:
            raise UrlRefused("it redirects to something that is not an address") from None
        if ask.kind is Kind.API and not own:
            raise BadSite(
                f"{self.site.name} sends its API requests on to {_origin(parts)}; name that site if you mean it"
            )
        self._check(ask, target)
        return target

    async def _judged(self, ask: Ask, url: str, response: httpx2.Response, permit: Permit) -> HttpResponse:
        """The answer, when it is a success; its meaning as an error otherwise."""
        status = response.status_code
        headers = {name.lower(): value for name, value in response.headers.items()}
        answer = HttpResponse(status, headers, url, response, self._deadlines, self.traffic, ask)
        log.debug("%s: %d, %s bytes", ask.what(url), status, answer.declared)
        if status in (200, 206):
            self.traffic.failures_in_a_row = 0
            await self.budget.fine(ask.kind)
            return answer
        error = meaning(Refusal(status, headers, await _some(answer), ask.what(url), ask.kind))
        if isinstance(error, Throttled):
            await self.budget.throttled(ask.kind, error.retry_after, permit.granted)
        elif isinstance(error, TransientError) and error.retry_after is not None:
            await self.budget.stated_wait(ask.kind, error.retry_after)
        raise self._failed(error)

    def _failed(self, error: CrawlError) -> CrawlError:
        """Count the failure; a long row of them is about the site or us, not about this request."""
        if isinstance(error, TransientError):
            self.traffic.failures_in_a_row += 1
            if self.traffic.failures_in_a_row >= self._most_failures:
                return UnreachableError(f"{self._most_failures} requests in a row failed; the last: {error}")
        return error

    def _give_up(self, error: Exception, ask: Ask, url: str) -> NoReturn:
        if isinstance(error, httpx2.PoolTimeout):
            # Connections are leaking. Start afresh; the old client is closed at the end, when nobody uses it.
            self._retired.append(self._client)
            self._client = self._new_client()
        try:
            _translate(error, f"{urlsplit(url).hostname}{self._way(error)}: {ask.what(url)}")
        except TransientError as ours:
            raise self._failed(ours) from error

    def _way(self, error: Exception) -> str:
        """How the connection was tried, where that may explain its failure."""
        if self._proxy is not None:
            return f", through the proxy {self._proxy.host}"
        ignored = next((name for name in PROXY_VARIABLES if os.environ.get(name)), None)
        if ignored is None or self.site.loopback or not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return ""
        return f", without a proxy ({ignored} is ignored; set proxy in crawl.toml or CRAWL_PROXY)"

    def _new_client(self, kept: int | None = None) -> httpx2.AsyncClient:
        """Args: kept: connections that may wait for another request; None: all."""
        connections = sum(self.budget.at_once(kind) for kind in Kind) + POOL_SPARE
        plain = urlsplit(self.site.api_url).scheme == "http"
        return httpx2.AsyncClient(
            # A context of its own that trusts nobody: loading the authorities takes longer than all the rest, and a
            # site that is reached by plain http needs none.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain and self._proxy is None else trusted(os.environ),
            proxy=None if self._proxy is None else self._proxy.url,
            trust_env=False,
            follow_redirects=False,
            cookies=_NoCookies(),
            timeout=httpx2.Timeout(
                connect=self._deadlines.connect_s,
                read=self._deadlines.silence_s,
                write=self._deadlines.silence_s,
                pool=self._deadlines.connect_s,
            ),
            limits=httpx2.Limits(
                max_connections=connections,
                max_keepalive_connections=connections if kept is None else kept,
                keepalive_expiry=IDLE_S,
            ),
            transport=self._transport,
        )


class _NoCookies(CookieJar):
    """A jar that stays empty: what a site sets in one answer must not travel with every request after it."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Leave them where they are."""

    def add_cookie_header(self, request: object) -> None:
        """There are none."""


def _origin(parts: SplitResult) -> str:
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    return origin[:200] if origin.isprintable() else ascii(origin)[:200]


def user_agent(user_id: int | None = None) -> str:
    """How we introduce ourselves: program, version, and whom to talk to about it."""
    number = installed_version() or "0"
    return f"boorusieve/{number} " + (f"(+{PROJECT})" if user_id is None else f"(user #{user_id})")


async def _some(answer: HttpResponse) -> bytes:
    """As much of a refusal's body as says why; a body that cannot be read says nothing."""
    try:
        return await answer.read(REFUSAL_BODY)
    except TransientError:
        return b""


def _translate(error: Exception, what: str) -> NoReturn:
    """Raise our error for one of the library's."""
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
        if _cause(error, socket.gaierror) is not None:
            raise HostUnknown(f"{what}: the host name does not resolve") from error
        broken = _cause(error, ssl.SSLError)
        if broken is not None:
            raise UnreachableError(f"{what}: no trustworthy connection: {broken}") from error
        raise ConnectionTrouble(f"{what}: no connection ({error or 'timed out'})") from error
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        raise UrlRefused("not a web address") from error
    if isinstance(error, TimeoutError | httpx2.TimeoutException):
        raise TransientError(f"{what}: no answer in time") from error
    raise TransientError(f"{what}: {error or type(error).__name__}") from error


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The error of a kind that an error goes back to."""
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None or isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
