"""A larger rendition of one picture for the review page, asked of its site within the same limits as a crawl."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from commands.context.connection import Connected, connect
from commands.context.gallery import archive_settings
from commands.context.workspace import Workspace
from crawler.errors import CrawlError, UsageError
from crawler.sources.renditions import fits, likeness, rendition_to_score
from crawler.transport.downloads import Downloader
from review.errors import LargerMissing, NoSuchPicture
from storage.archive import open_reader
from storage.archive_records import StoredFacts
from storage.moves.shown_renditions import ShownRendition, post_of, store_shown
from storage.records import ORIGINAL, Look, Post, Rendition
from storage.run_error import RunError

SHOWN_FROM = "720x720"  # which rendition is fetched to be looked at


class LargerPictures:
    """A `review.service.LargerPictures`: one picture at a time, its connection closed when nobody needs it."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._one_at_a_time = asyncio.Lock()

    async def fetch(self, picture: int) -> None:
        """Fetch and store a larger rendition of a picture, by the id of its file version.

        Raises:
            NoSuchPicture: there is no such picture, or its post has another file by now.
            LargerMissing: the site has no larger one, or does not give it.
        """
        async with self._one_at_a_time:
            post = await asyncio.to_thread(self._post, picture)
            rendition = rendition_to_score(post, SHOWN_FROM)
            if rendition is None or rendition.name == ORIGINAL:
                raise LargerMissing(f"{post.site} serves no larger copy of post {post.id}")
            try:
                shown = await self._fetched(post, rendition)
            except (CrawlError, RunError, UsageError) as error:
                raise LargerMissing(f"no larger picture of post {post.id}: {error}") from error
            settings = archive_settings(self._workspace, "review", create=False)
            await asyncio.to_thread(store_shown, self._workspace.root, post, shown, settings)

    def _post(self, picture: int) -> Post:
        with open_reader(self._workspace.root) as reader:
            post = post_of(reader, picture)
        if post is None or post.file is None:
            raise NoSuchPicture("there is no picture of this id any more")
        return post

    async def _fetched(self, post: Post, rendition: Rendition) -> ShownRendition:
        async with AsyncExitStack() as stack:
            connected = await connect(stack, _at_site(self._workspace, post.site))
            content = await _bytes_of(connected, post, rendition)
        return ShownRendition(content, await _facts(post, rendition, content))


def _at_site(workspace: Workspace, site: str) -> Workspace:
    """The gallery names the site here, not the user: a key that is bound to no host is not sent."""
    return workspace if workspace.site == site else replace(workspace, site=site, site_named=False)


async def _bytes_of(connected: Connected, post: Post, rendition: Rendition) -> bytes:
    downloader = Downloader(connected.http, connected.site, connected.pace.patience)
    return (await downloader.fetch_bytes(rendition.url, expect=likeness(post))).content


async def _facts(post: Post, rendition: Rendition, content: bytes) -> StoredFacts:
    """What a full decode, in a process of its own, finds.

    Raises:
        LargerMissing: it is not the picture that was announced.
    """
    from classifier.errors import PictureFault
    from classifier.pictures.decoder_pool import Decoders, DecoderSettings
    from classifier.pictures.preprocessing import Preprocessing

    try:
        async with Decoders([Preprocessing(64)], DecoderSettings(processes=1)) as decoders:
            decoded = await decoders.decode(content)
    except PictureFault as fault:
        raise LargerMissing(f"what the site gave of post {post.id} cannot be shown: {fault.reason}") from fault
    if not fits(Look(width=decoded.width, height=decoded.height), rendition):
        raise LargerMissing(f"what the site gave of post {post.id} has other dimensions than it says")
    ext = Path(rendition.url.partition("?")[0]).suffix.removeprefix(".")
    return StoredFacts(rendition.name, decoded.format or rendition.ext or ext, decoded.width, decoded.height)
