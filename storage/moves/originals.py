"""Originals on their way into the gallery, between targets, and to the trash: the bytes first, then the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from storage.archive_records import Digest
from storage.database.engine import insert_or_update, update_or_insert
from storage.database.tables import CurrentRow, FileRow, RenditionRow
from storage.errors import BadPath, RefusedFile, StorageError
from storage.files.disk import is_unreadable
from storage.files.paths import original_path
from storage.files.tree import Tree
from storage.records import FileVersion, Place, Post

_FILE_FACTS = ("place", "path", "md5", "sha256", "size", "stored_at", "moved_at")
_FILE_ID = select(FileRow.id).where(
    FileRow.version_id == bindparam("version"), FileRow.target == bindparam("for_target")
)
_STAND_FILE = insert_or_update(CurrentRow, ("version_id", "target"), ("file_id",))


def published(post: Post, digest: Digest) -> FileVersion:
    """The post's file version, when the bytes are the published ones.

    Raises:
        RefusedFile: the post is hidden, or size or md5 differ.
    """
    file = post.file
    if file is None:
        raise RefusedFile(f"post {post.id}: hidden ({post.hidden_reason}), there is no file to store")
    if digest.md5 != file.md5 or digest.size != file.size:
        raise RefusedFile(
            f"post {post.id}: got {digest.size} bytes with md5 {digest.md5}, "
            f"the site published {file.size} bytes with md5 {file.md5}"
        )
    return file


def place_original(tree: Tree, source: str, post: Post, targets: Sequence[str], digest: Digest) -> Mapping[str, str]:
    """Give a verified file its names in the gallery; `source` is gone afterwards.

    Returns:
        Target -> path.
    Raises:
        RefusedFile: the bytes are not the published ones.
        StorageError: another file has one of the names, or the disk refuses.
    """
    file = published(post, digest)
    paths = {target: original_path(target, post.id, file.md5, file.ext) for target in targets}
    if tree.make_durable(source).size != digest.size:
        tree.remove(source)
        raise RefusedFile(f"post {post.id}: the file on disk is not as long as what was received; it was dropped")
    for path in paths.values():
        if not _holds(tree, path, digest):
            tree.link(source, path)
    tree.remove(source)
    return paths


def link_original(tree: Tree, source: str, post: Post, targets: Sequence[str], digest: Digest) -> Mapping[str, str]:
    """Give a file that is in the gallery or trash already further names; `source` stays."""
    file = published(post, digest)
    paths = {target: original_path(target, post.id, file.md5, file.ext) for target in targets}
    for path in paths.values():
        if not _holds(tree, path, digest):
            tree.link(source, path)
    return paths


def _holds(tree: Tree, path: str, digest: Digest) -> bool:
    """Whether the name is taken by exactly these bytes, as after a kill between naming and recording."""
    if tree.facts(path) is None:
        return False
    if tree.digest(path) != digest:
        raise StorageError(f"{tree.root / path}: another file has this name; move it away and run again")
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
    placed = connection.execute(
        select(FileRow.path, FileRow.size, FileRow.sha256)
        .where(FileRow.md5 == file.md5, FileRow.size == file.size, FileRow.place.in_(("gallery", "trash")))
        .order_by(FileRow.place, FileRow.id)
    ).all()
    kept = connection.execute(
        select(RenditionRow.path, RenditionRow.size, RenditionRow.sha256).where(
            RenditionRow.md5 == file.md5, RenditionRow.name == "original", RenditionRow.size == file.size
        )
    ).all()
    return [Copy(row.path, row.size, row.sha256) for row in (*placed, *kept) if row.path is not None]


def _digest_at(tree: Tree, path: str) -> Digest | None:
    """What a file's bytes are; None: the disk cannot read them any more."""
    try:
        return tree.digest(path)
    except OSError as error:
        if is_unreadable(error):
            return None
        raise


def whole_copy(tree: Tree, copies: Sequence[Copy], file: FileVersion) -> tuple[str, Digest] | None:
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
