"""What the crawler's tests are played on: a clock that never waits, a site of a few posts, a server that misbehaves."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

import httpx2

from crawler.sites import Site, site_from_url
from crawler.sources.danbooru_client import DanbooruClient
from crawler.transport.budget import Allowance, Bucket, Budget, Kind, Manners, budget_for
from crawler.transport.credentials import Credentials, Secret
from crawler.transport.http import Deadlines, Http
from crawler.transport.retry import Patience
from crawler.transport.shared_state import OwnRecord
from tests.speed import patient

MD5 = "0123456789abcdef0123456789abcdef"
KEY = "canary-key-7f3a"
_Budget = TypeVar("_Budget", bound=Budget)


def hasty() -> Deadlines:
    """Deadlines as short as this machine allows at present."""
    return Deadlines(
        connect_s=patient(1.0),
        headers_s=patient(0.3),
        silence_s=patient(0.3),
        body_s=patient(0.5),
        stall_window_s=patient(0.2),
        stall_floor=1000.0,
    )


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def quick(clock: Clock | None = None, tries: int = 6) -> Patience:
    """As many tries as usual, none of them waited for."""
    return Patience(tries=tries, sleep=(clock or Clock()).sleep, chance=random.Random(1))


def raw_post(post_id: int, **changes: Any) -> dict[str, Any]:
    """A row of /posts.json."""
    md5 = changes.pop("md5", f"{post_id:032x}")
    url = f"http://127.0.0.1:1/original/{md5[:2]}/{md5[2:4]}/{md5}.jpg"
    row = {
        "id": post_id,
        "created_at": "2024-05-01T12:00:00.000-04:00",
        "updated_at": "2024-05-02T12:00:00.000-04:00",
        "uploader_id": 3,
        "score": -2,
        "fav_count": 4,
        "source": "https://example.com/a",
        "md5": md5,
        "rating": "g",
        "image_width": 900,
        "image_height": 1200,
        "file_ext": "jpg",
        "file_size": 1000,
        "parent_id": None,
        "has_children": False,
        "is_pending": False,
        "is_flagged": False,
        "is_deleted": False,
        "is_banned": False,
        "bit_flags": 0,
        "file_url": url,
        "tag_string_general": "hat solo",
        "tag_string_artist": "",
        "tag_string_copyright": "genshin_impact",
        "tag_string_character": "mona_(genshin_impact)",
        "tag_string_meta": "highres",
        "media_asset": {
            "duration": None,
            "pixel_hash": MD5,
            "variants": [
                {
                    "type": "720x720",
                    "url": url.replace("original", "720x720"),
                    "width": 540,
                    "height": 720,
                    "file_ext": "webp",
                },
                {
                    "type": "180x180",
                    "url": url.replace("original", "180x180"),
                    "width": 135,
                    "height": 180,
                    "file_ext": "jpg",
                },
                {"type": "original", "url": url, "width": 900, "height": 1200, "file_ext": "jpg"},
            ],
        },
        "ai_tags": [{"score": 93, "tag": {"name": "mona_(genshin_impact)", "category": 4}}],
    }
    return row | changes


def hidden(post_id: int, **changes: Any) -> dict[str, Any]:
    """A row whose file the site does not show us."""
    row = raw_post(post_id, **changes)
    del row["md5"], row["file_url"]
    del row["media_asset"]["variants"]
    return row


class _Wire(httpx2.AsyncByteStream):
    """A body as it comes from a network: in pieces, once."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), 65536):
            yield self.body[start : start + 65536]


Answering = Callable[[httpx2.Request], "httpx2.Response | Exception | Awaitable[httpx2.Response]"]


@dataclass
class Heard:
    """What a pretended site was asked."""

    requests: list[httpx2.Request] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.requests]

    def asked(self, key: str) -> list[str]:
        """The values of one query parameter, in order."""
        return [parse_qs(request.url.query.decode()).get(key, [""])[0] for request in self.requests]


def pretend(answer: Answering) -> tuple[httpx2.MockTransport, Heard]:
    """A network that is one function."""
    heard = Heard()

    async def handle(request: httpx2.Request) -> httpx2.Response:
        heard.requests.append(request)
        given = answer(request)
        if isinstance(given, Exception):
            raise given
        response = given if isinstance(given, httpx2.Response) else await given
        return httpx2.Response(response.status_code, headers=response.headers.raw, stream=_Wire(response.content))

    return httpx2.MockTransport(handle), heard


def json_response(content: Any, status: int = 200, **headers: str) -> httpx2.Response:
    """A JSON answer."""
    return httpx2.Response(
        status, content=json.dumps(content).encode(), headers={"content-type": "application/json"} | headers
    )


def error_of(kind: str, message: str = "", status: int = 500) -> httpx2.Response:
    """The site's standard error."""
    return json_response({"success": False, "error": kind, "message": message, "backtrace": []}, status)


ELSEWHERE = Site(
    name="elsewhere",
    api_url="https://booru.example",
    file_hosts=frozenset({"cdn.booru.example"}),
    group="booru.example",
)


def quiet_budget(site: Site, clock: Clock) -> Budget:
    """A budget that nobody else shares and nobody waits for."""
    return budget_of(Budget, site, clock)


def budget_of(kind: type[_Budget], site: Site, clock: Clock) -> _Budget:
    """The same of a class of its own."""
    manners = Manners()
    allowances = {Kind.API: Allowance(None, 1, site.api_at_once), Kind.FILE: Allowance(None, 1, site.files_at_once)}
    buckets = {kind: Bucket(kind, one, OwnRecord(), manners, "boot", None) for kind, one in allowances.items()}
    return kind(buckets, manners, clock=clock, sleep=clock.sleep)


@asynccontextmanager
async def http_to(
    answer: Answering,
    site: Site = ELSEWHERE,
    *,
    clock: Clock | None = None,
    account: bool = False,
    budget: Budget | None = None,
) -> AsyncIterator[tuple[Http, Heard]]:
    """A connection to a pretended site."""
    transport, heard = pretend(answer)
    credentials = Credentials("alice", Secret(KEY)) if account else None
    budget = budget or quiet_budget(site, clock or Clock())
    async with Http(site, budget, credentials=credentials, transport=transport) as http:
        yield http, heard


@asynccontextmanager
async def client_of(
    answer: Answering, site: Site = ELSEWHERE, *, clock: Clock | None = None, account: bool = False
) -> AsyncIterator[tuple[DanbooruClient, Heard]]:
    """A client of a pretended site."""
    clock = clock or Clock()
    async with http_to(answer, site, clock=clock, account=account) as (http, heard):
        yield DanbooruClient(site, http, quick(clock)), heard


# --- a real server on loopback, with tiny hand-written misbehaviour ------------------------------------------

Act = Callable[["Visit"], Awaitable[None]]


@dataclass
class Visit:
    """One request to the misbehaving server."""

    number: int  # from 1
    head: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def path(self) -> str:
        return self.head.split(" ", 2)[1]

    def header(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name:
                return value.strip()
        return None

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
        await self.writer.drain()

    async def reset(self) -> None:
        """End the connection with RST, not FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()


def head(status: int = 200, length: int | None = None, **headers: str) -> bytes:
    """The first lines of an answer; underscores in names stand for dashes."""
    lines = [f"HTTP/1.1 {status} Whatever", "content-type: image/jpeg"]
    if length is not None:
        lines.append(f"content-length: {length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class Misbehaving:
    """A server that acts out the n-th act for the n-th request, the last one for all further."""

    acts: list[Act]
    visits: list[Visit] = field(default_factory=list)
    url: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while not writer.is_closing():
                text = await reader.readuntil(b"\r\n\r\n")
                visit = Visit(len(self.visits) + 1, text.decode("latin-1"), reader, writer)
                self.visits.append(visit)
                await self.acts[min(visit.number, len(self.acts)) - 1](visit)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def misbehaving(*acts: Act) -> AsyncIterator[Misbehaving]:
    """Serve some acts on a free port of this machine."""
    stage = Misbehaving(list(acts))
    server = await asyncio.start_server(stage.serve, "127.0.0.1", 0)
    stage.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield stage
    finally:
        server.close()
        await stage.stop()
        await server.wait_closed()


@asynccontextmanager
async def http_to_stage(stage: Misbehaving, deadlines: Deadlines | None = None) -> AsyncIterator[Http]:
    """A real connection to the misbehaving server."""
    clock = Clock()
    site = site_from_url(stage.url)
    budget = budget_for(site, clock=clock, sleep=clock.sleep)
    async with Http(site, budget, deadlines=deadlines or hasty()) as http:
        yield http


def whole(body: bytes, **headers: str) -> Act:
    """Answer properly."""

    async def act(visit: Visit) -> None:
        await visit.send(head(200, len(body), **headers), body)

    return act


def plain(body: bytes, length: int | None, then: str = "close", **headers: str) -> Act:
    """Announce a length, send a body, then close or reset the connection, or keep it."""

    async def act(visit: Visit) -> None:
        await visit.send(head(200, length, **headers), body)
        if then == "reset":
            await visit.reset()
        elif then == "close":
            await visit.close()

    return act
