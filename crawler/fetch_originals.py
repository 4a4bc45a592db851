"""Originals of posts that are to be kept and were never fetched: a label or a better model came after the crawl."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crawler.attempts import attempting
from crawler.crew import ArchiveProtocol, Fetcher, PostSource
from crawler.errors import CrawlError, GoneError, PostError
from storage.errors import RefusedFile
from storage.records import ORIGINAL, Post, RunError

IN_FLIGHT = 8  # posts at a time; the site's budget for files is narrower


@dataclass(slots=True)
class OriginalFetcher:
    """Fetches originals into the archive, a few posts at a time, and counts what became of them."""

    archive: ArchiveProtocol
    fetcher: Fetcher
    source: PostSource
    reachable: Callable[[str], bool]  # whether an address is still one of the site's own
    stop: asyncio.Event
    fetched: int = 0  # posts
    bytes: int = 0  # that came over the network
    failed: list[str] = field(default_factory=list)  # one line a post whose fetch failed and can be tried again
    gone: list[str] = field(default_factory=list)  # one line a post whose file the site no longer has

    async def fetch(self, wanted: Sequence[tuple[Post, Sequence[str]]]) -> None:
        """Fetch the originals of posts, each for its targets; a post that fails does not stop the others.

        Raises:
            CrawlError, StorageError: nothing more can be fetched from this site, or written to this disk.
        """
        waiting = iter(wanted)

        async def carry() -> None:
            for post, targets in waiting:
                if self.stop.is_set():
                    return
                await self._fetch_one(post, targets)

        carriers = [asyncio.create_task(carry()) for _ in range(IN_FLIGHT)]
        try:
            await asyncio.gather(*carriers)
        finally:
            for carrier in carriers:
                carrier.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)

    async def _fetch_one(self, post: Post, targets: Sequence[str]) -> None:
        try:
            self.bytes += await self._adopt_or_fetch(post, targets)
        except RunError:
            raise
        except (CrawlError, RefusedFile) as error:
            unavailable = isinstance(error, PostError) and error.state == "unavailable"
            (self.gone if unavailable else self.failed).append(f"post {post.id}: {error}")
        else:
            self.fetched += 1

    async def _adopt_or_fetch(self, post: Post, targets: Sequence[str]) -> int:
        if await self.archive.adopt_known_original(post, targets):
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
        stated = now if now is not None and now.file is not None else post
        async with attempting(self.archive, stated, ORIGINAL, stated.file.url if stated.file else "") as attempt:
            if now is None:
                raise GoneError
            if now.file is None:
                raise PostError(f"hidden ({now.hidden_reason})")
            digest = await self.fetcher.fetch_file(now.file.url, attempt.staging, version=now.file)
            await self.archive.file_original(attempt, now, targets, digest)
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
        """The post with an address that is valid now: sites move, and a demo gallery has another port each time.

        Returns: None where the site no longer has the post.
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
