"""Posts of a site by the md5 of files on this disk, many a request and within the site's budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crawler.sources.site_client import SiteClient
from storage.records import Post

MOST_AT_ONCE = 80  # md5 in one search: with the rest of the query they fit into an address


@dataclass(frozen=True, slots=True)
class SitePosts:
    """Asks a site."""

    client: SiteClient

    async def __call__(self, md5s: Sequence[str]) -> Mapping[str, Post]:
        """The posts that the site has of these files, by md5.

        Raises:
            CrawlError: the site cannot be reached, refuses us, or does not answer.
        """
        found: dict[str, Post] = {}
        for start in range(0, len(md5s), MOST_AT_ONCE):
            page = await self.client.posts(f"md5:{','.join(md5s[start : start + MOST_AT_ONCE])}")
            found.update((post.file.md5, post) for post in page.posts if post.file is not None)
        return found
