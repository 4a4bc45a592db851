"""Originals that stay where the user has them, outside the gallery: known by md5 and path, read when they are needed.

The gallery writes, moves and removes nothing there. A small copy of each picture lies among the renditions, so that it
is looked at, shown and trained on without its file; what a target keeps is copied in (`bring`) and is the gallery's own
from then on.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, select

from storage.archive_records import Digest
from storage.database.access import Access
from storage.database.chunks import chunked
from storage.database.tables import RenditionRow
from storage.errors import RefusedFile
from storage.files.paths import checked_ext, rendition_path
from storage.files.single_files import CHUNK, digest_of
from storage.looks.look_rows import file_rendition
from storage.moves.arrivals import LARGEST_FILE, Arrival, Arrivals, Taken, refuse_other_bytes
from storage.records import ELSEWHERE, FileVersion, StoredRendition
from storage.uninterrupted import uninterrupted
from system.regular_files import open_regular


@dataclass(frozen=True, slots=True)
class SmallCopy:
    """A picture made smaller, for the gallery to look at."""

    name: str  # of the rendition that it stands for
    content: bytes
    ext: str
    width: int  # pixels
    height: int


@dataclass(frozen=True, slots=True)
class LeftFile:
    """An original outside, as it was when it was left there."""

    md5: str
    path: str  # absolute
    ext: str
    size: int  # bytes

    @property
    def there(self) -> bool:
        """Whether a file of this size is there still; its bytes are compared when they are used."""
        try:
            return os.lstat(self.path).st_size == self.size
        except (OSError, ValueError):
            return False


class LeftFiles:
    """The archive's knowledge of originals outside it."""

    def __init__(self, access: Access, arrivals: Arrivals) -> None:
        self._access = access
        self._arrivals = arrivals

    async def here(self, md5s: Collection[str]) -> frozenset[str]:
        """Which of these originals still lie outside where they were left, by size and name."""
        known = await self._access.read(lambda c: left_files(c, md5s))
        return await asyncio.to_thread(lambda: frozenset(one.md5 for one in known if one.there))

    @uninterrupted
    async def leave(self, arrival: Arrival, small: SmallCopy | None) -> Taken:
        """Remember where an original lies, and keep a small copy of it; bytes first, then both rows.

        Args:
            arrival: the file; it is read, and nothing else.
            small: a copy of the picture; None: it is none, or cannot be decoded, and crawls look at the site's.

        Raises:
            RefusedFile: its bytes are not those of the md5, or its type is none of a post's.
            OSError: the file cannot be read.
            StorageError: the disk of the gallery refuses.
        """
        checked_ext(arrival.ext)
        digest = await asyncio.to_thread(_digest_outside, arrival.path)
        refuse_other_bytes(arrival, digest)
        rows = [_row_of(arrival, digest)]
        if small is not None:
            rows.append(await self._access.on_disk(lambda: self._put(digest.md5, small)))
        now = self._access.now()

        def record(connection: Connection) -> None:
            for row in rows:
                file_rendition(connection, digest.md5, row, now)

        await self._access.write(record)
        return Taken(digest, linked=False, left=True)

    async def bring(self, file: FileVersion) -> bool:
        """Copy an original in that was left outside; False: none was, or it is gone, or another one now."""
        for left in await self._access.read(lambda c: left_files(c, [file.md5])):
            try:
                await self._arrivals.take(
                    Arrival(Path(left.path), (left.md5,), left.ext, file.width, file.height), link=False
                )
            except (RefusedFile, OSError):
                continue
            return True
        return False

    def _put(self, md5: str, small: SmallCopy) -> StoredRendition:
        path = rendition_path(md5, small.name, small.ext)
        self._access.tree.put(f"staging/import-{secrets.token_hex(8)}.part", path, small.content)
        sha256 = hashlib.sha256(small.content).hexdigest()
        return StoredRendition(small.name, path, small.ext, small.width, small.height, len(small.content), sha256)


def left_files(connection: Connection, md5s: Collection[str] | None = None) -> list[LeftFile]:
    """Originals that lie outside, of these or all."""
    statement = select(RenditionRow.md5, RenditionRow.path, RenditionRow.ext, RenditionRow.size)
    left = statement.where(RenditionRow.name == ELSEWHERE)
    if md5s is None:
        return [LeftFile(*row) for row in connection.execute(left.order_by(RenditionRow.path))]
    found: list[LeftFile] = []
    for chunk in chunked(sorted(set(md5s))):
        found += [LeftFile(*row) for row in connection.execute(left.where(RenditionRow.md5.in_(chunk)))]
    return found


def _row_of(arrival: Arrival, digest: Digest) -> StoredRendition:
    """Its sides are not stated: nothing of the gallery can be shown of it."""
    return StoredRendition(ELSEWHERE, os.fspath(arrival.path), arrival.ext, 0, 0, digest.size, digest.sha256)


def _digest_outside(path: Path) -> Digest:
    with open_regular(path, LARGEST_FILE, links=False) as file:
        return digest_of(iter(partial(file.read, CHUNK), b""))
