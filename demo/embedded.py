"""The gallery inside another program's event loop: what tests and `python -m demo` use."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.accounts import Accounts
from demo.api.site import DemoSite, SiteOptions
from demo.dialects.software import DIALECTS
from demo.faults.injector import RuleBook
from demo.faults.rules import Rule
from demo.galleries.gallery import Gallery
from demo.galleries.painter_pool import PainterPool
from demo.galleries.picture_store import Pictures
from demo.http.rate_limit import TokenBucket
from demo.server import Server


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """How to serve a gallery."""

    port: int = 0  # 0 = a free one
    media_host: str = ""  # another loopback address for the files, e.g. 127.0.0.2; "" = the same
    cache: Path | None = None  # where painted files are kept; None = a folder that goes away again
    workers: int = 0  # painter processes; 0 = paint in a thread
    ahead: bool = False  # paint in the background before anybody asks
    latency_s: float = 0.0
    safe_mode: bool = False
    rate: tuple[float, float] | None = None  # requests a second and burst of the site's token bucket
    accounts: Accounts | None = None
    control: bool = True  # whether /demo/requests.json and /demo/rules.json are there, and requests recorded
    seed: int = 0
    software: str = "danbooru"  # whose API is answered: danbooru | e621 | moebooru


@dataclass(slots=True)
class Running:
    """A gallery that is being served."""

    url: str  # http://127.0.0.1:PORT
    gallery: Gallery
    server: Server
    book: RuleBook | None

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, oldest first; empty without `control`."""
        return list(self.book.requests) if self.book is not None else []

    @property
    def rules(self) -> list[Rule]:
        """The rules in force, with how often each fired."""
        return self.book.rules if self.book is not None else []

    def unfired(self) -> list[str]:
        """Names of rules that never fired: the fault that they stand for was not injected."""
        return [rule.name for rule in self.rules if rule.fired == 0]


@contextlib.asynccontextmanager
async def serve(
    gallery: Gallery, rules: Sequence[dict[str, Any]] = (), options: ServeOptions | None = None
) -> AsyncIterator[Running]:
    """Serve a gallery on loopback for as long as the context lasts.

    Raises:
        RuleError: a rule is not understood.
        OSError: the port is taken.
    """
    options = options or ServeOptions()
    with contextlib.ExitStack() as stack:
        cache = options.cache or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="boorusieve-demo-")))
        pictures = Pictures(gallery, cache.resolve(), PainterPool(options.workers))
        pictures.remember()
        book = RuleBook(gallery, rules) if options.control or rules else None
        server = _server(pictures, book, options)
        port = await server.listen("127.0.0.1", options.port)
        if options.media_host:
            await server.listen(options.media_host, port)
        server.site = DemoSite(pictures, _site_options(options, f"http://{options.media_host or '127.0.0.1'}:{port}"))
        if options.ahead:
            pictures.paint_ahead()
        try:
            yield Running(f"http://127.0.0.1:{port}", gallery, server, book)
        finally:
            await server.close()


def _server(pictures: Pictures, book: RuleBook | None, options: ServeOptions) -> Server:
    site = DemoSite(pictures, _site_options(options, ""))
    server = Server(site, latency_s=options.latency_s, fault_injector=book)
    if book is not None:
        book.server = server
    return server


def _site_options(options: ServeOptions, files_at: str) -> SiteOptions:
    return SiteOptions(
        accounts=options.accounts or Accounts(),
        files_at=files_at,
        safe_mode=options.safe_mode,
        bucket=TokenBucket(*options.rate) if options.rate else None,
        seed=options.seed,
        dialect=DIALECTS[options.software],
    )
