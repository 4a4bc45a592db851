"""Looks on their way to disk: the rendition's bytes and name first, then all their rows, many looks at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakValueDictionary

from sqlalchemy import Connection

from storage.archive_records import Sighting
from storage.database.access import Access
from storage.database.error_translation import translated
from storage.files.renditions import store_rendition, store_renditions
from storage.looks.attempts import Attempts
from storage.looks.look_rows import LookRows, Seen
from storage.looks.together import Together, each_alone
from storage.records import StoredRendition
from storage.rows.posts import PostRows


@dataclass(frozen=True, slots=True)
class _Stored:
    """A look whose rendition, if it has one, is on disk."""

    sighting: Sighting
    rendition: StoredRendition | None
    now: datetime


class Looks:
    """The archive's looks."""

    def __init__(self, access: Access, posts: PostRows, rows: LookRows, attempts: Attempts) -> None:
        self._access = access
        self._posts = posts
        self._rows = rows
        self._attempts = attempts
        self._one_file: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by the original's md5
        self._storing = Together(self._store_all)
        self._recording = Together(self._record_all)

    async def file(self, sighting: Sighting) -> None:
        """Record one look; returns when it is durable."""
        now = self._access.now()
        async with self._alone_with(sighting.post.file.md5 if sighting.post.file else ""):
            with self._attempts.settling(sighting.attempt):
                stored = await self._store(sighting)
                await self._recording.do(_Stored(sighting, stored, now))

    def _alone_with(self, md5: str) -> asyncio.Lock:
        """Posts may share a file and be sent different renditions of it: which one is on disk, its row must say."""
        return self._one_file.setdefault(md5, asyncio.Lock())

    async def _store(self, sighting: Sighting) -> StoredRendition | None:
        if sighting.rendition is None or sighting.stored is None:
            return None
        tree = self._access.tree
        if tree.flushes_together():
            return await self._storing.do(sighting)
        return await self._access.on_disk(lambda: store_rendition(tree, sighting))

    async def _store_all(self, sightings: Sequence[Sighting]) -> Sequence[StoredRendition | BaseException]:
        tree = self._access.tree
        found = await self._access.on_disk(lambda: store_renditions(tree, sightings))
        return [translated(one, tree.root) if isinstance(one, BaseException) else one for one in found]

    async def _record_all(self, looks: Sequence[_Stored]) -> Sequence[BaseException | None]:
        def record(some: Sequence[_Stored]) -> Callable[[Connection], Sequence[None]]:
            def write(connection: Connection) -> Sequence[None]:
                first = some[0]
                posts = [one.sighting.post for one in some]
                versions = self._posts.versions_of(connection, posts, first.sighting.run_id, first.now)
                seen = zip(versions, some, strict=True)
                self._rows.file(connection, [Seen(id_, one.sighting, one.rendition, one.now) for id_, one in seen])
                return [None] * len(some)

            return write

        return await each_alone(looks, lambda some: self._access.write(record(some)))
