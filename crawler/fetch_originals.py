"""Originals of posts that are to be kept and were never fetched: a label or a better model came after the crawl."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crawler.attempts import attempting
from crawler.crew import Fetcher, Shelf, Source
from crawler.errors import CrawlError, GoneError, PostError
from storage.errors import RefusedFile
from storage.records import ORIGINAL, Post, RunError

IN_FLIGHT = 8  # posts at a time; the site's budget for files is narrower


@dataclass(slots=True)
class Homecoming:
    """What is being brought home, and what became of it so far."""

    shelf: Shelf
    fetcher: Fetcher
    source: Source
    reachable: Callable[[str], bool]  # whether an address is one of the site's own still
    stop: asyncio.Event
    fetched: int = 0  # posts
    bytes: int = 0  # that came over the network
    failed: list[str] = field(default_factory=list)  # one line a post that is not here, and open
    gone: list[str] = field(default_factory=list)  # one line a post whose file the site has no more

    async def bring(self, wanted: Sequence[tuple[Post, Sequence[str]]]) -> None:
        """Bring the originals of posts home, each for its targets; one post's trouble stays with it.

        Raises:
            CrawlError, or the storage's own error: nothing more can be had from this site, or put on this disk.
        """
        waiting = iter(wanted)

        async def carry() -> None:
            for post, targets in waiting:
                if self.stop.is_set():
                    return
                await self._one(post, targets)

        carriers = [asyncio.create_task(carry()) for _ in range(IN_FLIGHT)]
        try:
            await asyncio.gather(*carriers)
        finally:
            for carrier in carriers:
                carrier.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)

    async def _one(self, post: Post, targets: Sequence[str]) -> None:
        try:
            self.bytes += await self._home(post, targets)
        except RunError:
            raise
        except (CrawlError, RefusedFile) as error:
            unavailable = isinstance(error, PostError) and error.state == "unavailable"
            (self.gone if unavailable else self.failed).append(f"post {post.id}: {error}")
        else:
            self.fetched += 1

    async def _home(self, post: Post, targets: Sequence[str]) -> int:
        if await self.shelf.adopt_known_original(post, targets):
            return 0
        now = await self._addressed(post)
        try:
            return await self._fetch(post, now, targets)
        except PostError as error:
            fresh = await self._elsewhere(post) if error.ask_again and now is post else None
            if fresh is None:
                raise
        return await self._fetch(post, fresh, targets)

    async def _fetch(self, post: Post, now: Post | None, targets: Sequence[str]) -> int:
        asked = now if now is not None and now.file is not None else post
        async with attempting(self.shelf, asked, ORIGINAL, asked.file.url if asked.file else "") as attempt:
            if now is None:
                raise GoneError
            if now.file is None:
                raise PostError(f"hidden ({now.hidden_reason})")
            digest = await self.fetcher.fetch_file(now.file.url, attempt.staging, version=now.file)
            await self.shelf.file_original(attempt, now, targets, digest)
        return digest.size

    async def _elsewhere(self, post: Post) -> Post | None:
        """The post as the site states it now, where its file has another address; None where that is no help."""
        try:
            fresh = await self.source.again(post)
        except RunError:
            raise
        except CrawlError:
            return None
        if fresh is None or fresh.file is None or post.file is None or fresh.file.url == post.file.url:
            return None
        return _same_file(post, fresh)

    async def _addressed(self, post: Post) -> Post | None:
        """The post with an address that holds: sites move, and a demo gallery has another port each time.

        Returns: None: the site has it no more.
        """
        if post.file is not None and self.reachable(post.file.url):
            return post
        fresh = await self.source.again(post)
        return fresh if fresh is None else _same_file(post, fresh)


def _same_file(post: Post, fresh: Post) -> Post:
    """The post as it is now.

    Raises:
        PostError: it is about another file now.
    """
    if fresh.file is not None and post.file is not None and fresh.file.md5 != post.file.md5:
        raise PostError("its file was replaced since it was judged; the next crawl looks at the new one")
    return fresh
