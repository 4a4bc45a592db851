"""Originals on their way into the gallery, between targets, and to the trash: the bytes first, then the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from storage.archive_records import Attempt, Digest
from storage.database.access import Access
from storage.database.engine import insert_or_update, update_or_insert
from storage.database.tables import CurrentRow, FileRow, RenditionRow
from storage.errors import BadPath, RefusedFile, StorageError
from storage.files.disk import is_unreadable
from storage.files.paths import staging_path
from storage.files.store import FileStore
from storage.looks.attempts import Attempts, clear_trouble, end_attempt
from storage.moves.moves import Move, Mover, intend_to_restore, intend_to_trash
from storage.moves.original_names import NamedPost, name_of
from storage.records import FileVersion, Place, Post
from storage.rows.posts import PostRows
from storage.uninterrupted import uninterrupted

_FILE_FACTS = ("place", "path", "md5", "sha256", "size", "stored_at", "moved_at")
_FILE_ID = select(FileRow.id).where(
    FileRow.version_id == bindparam("version"), FileRow.target == bindparam("for_target")
)
_STAND_FILE = insert_or_update(CurrentRow, ("version_id", "target"), ("file_id",))


class Originals:
    """The archive's originals: how their bytes come into the gallery, and into its trash and back for one post."""

    def __init__(self, access: Access, posts: PostRows, attempts: Attempts, mover: Mover) -> None:
        self._access = access
        self._posts = posts
        self._attempts = attempts
        self._mover = mover
        self._changing_places = asyncio.Lock()  # one post at a time: another one may be taking its copy from there

    @uninterrupted
    async def file(self, attempt: Attempt, post: Post, targets: Sequence[str], digest: Digest) -> None:
        """Bring the attempt's verified file into the gallery, under a name for every target.

        Raises:
            RefusedFile: the bytes are not the published ones, or the file type is unknown.
            StorageError: another file has the name, or the disk refuses.
        """
        now, tree = self._access.now(), self._access.tree
        source = staging_path(attempt.id)
        with self._attempts.settling(attempt):
            names = await self._access.read(lambda c: names_of(c, post, targets))
            paths = await self._access.on_disk(lambda: place_original(tree, source, post, names, digest))
            await self._access.write(lambda c: self._record(c, attempt.id, post, paths, digest, now))

    @uninterrupted
    async def adopt(self, post: Post, targets: Sequence[str]) -> bool:
        """Use bytes that are already here: in the trash, in the gallery for another post or target, or as a rendition.

        Returns:
            Whether every target has its file now; if not, it must be downloaded.
        """
        file = post.file
        if file is None:
            return False
        if not await self._access.read(lambda c: copies_of(c, file)):
            return False
        async with self._changing_places:
            return await self._adopt(post, file, targets)

    async def _adopt(self, post: Post, file: FileVersion, targets: Sequence[str]) -> bool:
        tree = self._access.tree
        copies = await self._access.read(lambda c: copies_of(c, file))
        await self._move(post, targets, intend_to_restore)
        whole = await self._access.on_disk(lambda: whole_copy(tree, copies, file))
        if whole is None:
            copies = await self._access.read(lambda c: copies_of(c, file))  # a restored one has moved
            whole = await self._access.on_disk(lambda: whole_copy(tree, copies, file))
        if whole is None:
            return False
        source, digest = whole
        attempt = await self._attempts.begin(post, "adopt", "")
        now = self._access.now()
        names = await self._access.read(lambda c: names_of(c, post, targets))
        paths = await self._access.on_disk(lambda: link_original(tree, source, post, names, digest))
        await self._access.write(lambda c: self._record(c, attempt.id, post, paths, digest, now))
        return True

    async def trash(self, post: Post, targets: Sequence[str]) -> int:
        """Move the post's originals to the trash, for those targets whose effective decision is *delete*.

        What was ever kept stays, and so does what a person restored: `apply` sees to those.

        Returns:
            How many were moved. A file that is not what its row says stays where it is.
        """
        async with self._changing_places:
            return await self._move(post, targets, intend_to_trash)

    @uninterrupted
    async def _move(
        self,
        post: Post,
        targets: Sequence[str],
        intend: Callable[[Connection, int, Sequence[str], datetime], list[Move]],
    ) -> int:
        now, version_of = self._access.now(), self._posts.version_of
        moves = await self._access.write(lambda c: intend(c, version_of(c, post, None, now), tuple(targets), now))
        carried = await self._mover.carry_out(moves)
        return carried.done - carried.came_back

    def _record(
        self,
        connection: Connection,
        attempt_id: int,
        post: Post,
        paths: Mapping[str, str],
        digest: Digest,
        now: datetime,
    ) -> None:
        version = self._posts.version_of(connection, post, None, now)
        file_rows(connection, version, paths, digest, now)
        end_attempt(connection, attempt_id, "done", None, now)
        clear_trouble(connection, [version])


def published(post: Post, digest: Digest) -> FileVersion:
    """The post's file version, when the bytes are the published ones.

    Raises:
        RefusedFile: the post is hidden, or size or md5 differ; where the site states no size, the md5 decides.
    """
    file = post.file
    if file is None:
        raise RefusedFile(f"post {post.id}: hidden ({post.hidden_reason}), there is no file to store")
    if digest.md5 != file.md5 or (file.size and digest.size != file.size):
        raise RefusedFile(
            f"post {post.id}: got {digest.size} bytes with md5 {digest.md5}, "
            f"the site published {file.size} bytes with md5 {file.md5}"
        )
    return file


def names_of(connection: Connection, post: Post, targets: Sequence[str]) -> Mapping[str, str]:
    """Target -> path in the gallery. None for a hidden post, which has no file."""
    file = post.file
    if file is None:
        return {}
    named = NamedPost(post.site, post.id, file.md5, file.ext)
    return {target: name_of(connection, target, named) for target in targets}


def place_original(
    tree: FileStore, source: str, post: Post, paths: Mapping[str, str], digest: Digest
) -> Mapping[str, str]:
    """Give a verified file its names in the gallery; `source` is gone afterwards.

    Returns:
        Target -> path.
    Raises:
        RefusedFile: the bytes are not the published ones.
        StorageError: another file has one of the names, or the disk refuses.
    """
    published(post, digest)
    if tree.make_durable(source).size != digest.size:
        tree.remove(source)
        raise RefusedFile(f"post {post.id}: the file on disk is not as long as what was received; it was dropped")
    for path in paths.values():
        if not _holds(tree, path, digest):
            tree.link(source, path)
    tree.remove(source)
    return paths


def link_original(
    tree: FileStore, source: str, post: Post, paths: Mapping[str, str], digest: Digest
) -> Mapping[str, str]:
    """Give a file that is in the gallery or trash already further names; `source` stays."""
    published(post, digest)
    for path in paths.values():
        if not _holds(tree, path, digest):
            tree.link(source, path)
    return paths


def _holds(tree: FileStore, path: str, digest: Digest) -> bool:
    """Whether the name is taken by exactly these bytes, as after a kill between naming and recording."""
    if tree.facts(path) is None:
        return False
    if tree.digest(path) != digest:
        raise StorageError(f"{tree.where(path)}: another file has this name; move it away and run again")
    tree.make_durable(path, keep=True)
    return True


def file_rows(connection: Connection, version_id: int, paths: Mapping[str, str], digest: Digest, now: datetime) -> None:
    """Record that the originals are in the gallery."""
    for target, path in paths.items():
        row = {
            "version_id": version_id,
            "target": target,
            "place": Place.GALLERY.value,
            "path": path,
            "md5": digest.md5,
            "sha256": digest.sha256,
            "size": digest.size,
            "stored_at": now,
            "moved_at": None,
        }
        update_or_insert(connection, FileRow, ("version_id", "target"), _FILE_FACTS, [row])
        file_id = connection.execute(_FILE_ID, {"version": version_id, "for_target": target}).scalar_one()
        connection.execute(_STAND_FILE, {"version_id": version_id, "target": target, "file_id": file_id})


@dataclass(frozen=True, slots=True)
class Copy:
    """Bytes on disk that were once verified."""

    path: str
    size: int
    sha256: str


def copies_of(connection: Connection, file: FileVersion) -> list[Copy]:
    """Where the same bytes already lie: gallery first, then trash, then the original among the renditions."""
    placed = (
        select(FileRow.path, FileRow.size, FileRow.sha256)
        .where(FileRow.md5 == file.md5, FileRow.place.in_(("gallery", "trash")))
        .order_by(FileRow.place, FileRow.id)
    )
    kept = select(RenditionRow.path, RenditionRow.size, RenditionRow.sha256).where(
        RenditionRow.md5 == file.md5, RenditionRow.name == "original"
    )
    if file.size:  # else the site does not state it
        placed, kept = placed.where(FileRow.size == file.size), kept.where(RenditionRow.size == file.size)
    found = (*connection.execute(placed).all(), *connection.execute(kept).all())
    return [Copy(row.path, row.size, row.sha256) for row in found if row.path is not None]


def _digest_at(tree: FileStore, path: str) -> Digest | None:
    """What a file's bytes are; None: the disk cannot read them any more."""
    try:
        return tree.digest(path)
    except OSError as error:
        if is_unreadable(error):
            return None
        raise


def whole_copy(tree: FileStore, copies: Sequence[Copy], file: FileVersion) -> tuple[str, Digest] | None:
    """The first copy whose bytes are still what they were; others, and damaged rows, are passed over."""
    for copy in copies:
        try:
            facts = tree.facts(copy.path)
        except BadPath:
            continue
        if facts is None or facts.size != copy.size:
            continue
        digest = _digest_at(tree, copy.path)
        if digest is not None and digest.sha256 == copy.sha256 and digest.md5 == file.md5:
            return copy.path, digest
    return None
