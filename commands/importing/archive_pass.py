"""One pass over gallery-dl's download archive: which posts of our sites it has, and remembering them as seen."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from interchange.imports.gallery_dl import categories_of, key_reader
from storage.imports.download_archive import archived_posts

CHUNK = 5000  # posts in memory, and in one transaction

SitePost = tuple[str, int]  # a site and a post's number there


@dataclass(slots=True)
class ArchiveTally:
    """What an archive has, counted."""

    keys: Counter[str] = field(default_factory=Counter)  # by site: one post may have several
    posts: Counter[str] = field(default_factory=Counter)  # by site
    new: int = 0  # posts that it was not known to have
    other_keys: int = 0  # of other sites, or in a form of the user's own
    other_example: str = ""

    def to_json(self) -> Mapping[str, Any]:
        """For `--json`, and for the record of the run."""
        return {
            "keys": dict(self.keys),
            "posts": dict(self.posts),
            "new": self.new,
            "other_keys": self.other_keys,
            "other_example": self.other_example,
        }


class Remember(Protocol):
    """Takes posts in; says how many of them are new."""

    async def __call__(self, posts: Sequence[SitePost]) -> int: ...


async def read_archive(path: Path, sites: Iterable[str], remember: Remember, tally: ArchiveTally) -> None:
    """Hand on every post of these sites that an archive has, once.

    Raises:
        UnreadableFile: it is no such archive.
    """
    categories = categories_of(sites)
    found = archived_posts(path, key_reader(categories))
    while chunk := await asyncio.to_thread(lambda: list(islice(found, CHUNK))):
        posts: dict[SitePost, None] = {}  # two categories may have one site's posts
        for one in chunk:
            if one.key is None:
                tally.other_keys, tally.other_example = one.keys, one.example
                continue
            category, number = one.key
            for site in categories[category]:
                posts[site, number] = None
                tally.keys[site] += one.keys
        tally.posts.update(site for site, _ in posts)
        tally.new += await remember(list(posts))
