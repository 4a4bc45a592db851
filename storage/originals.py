"""Originals on their way into the gallery, between targets, and to the trash: the bytes first, then the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from storage.database import insert_or_update, new_id
from storage.errors import RefusedFile, StorageError
from storage.files import Tree
from storage.filing import Digest
from storage.names import moved_path, original_path
from storage.records import FileVersion, Place, Post
from storage.results import DECISION
from storage.tables import DecisionRow, FileRow, LabelRow, MoveRow, PostRow, RenditionRow, StandingRow, VersionRow

_FILE = insert_or_update(
    FileRow, ("version_id", "target"), ("place", "path", "md5", "sha256", "size", "stored_at", "moved_at")
)
_FILE_ID = select(FileRow.id).where(
    FileRow.version_id == bindparam("version"), FileRow.target == bindparam("for_target")
)
_STAND_FILE = insert_or_update(StandingRow, ("version_id", "target"), ("file_id",))


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
        connection.execute(_FILE, row)
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


def whole_copy(tree: Tree, copies: Sequence[Copy], file: FileVersion) -> tuple[str, Digest] | None:
    """The first copy whose bytes are still what they were; damaged or missing ones are passed over."""
    for copy in copies:
        facts = tree.facts(copy.path)
        if facts is None or facts.size != copy.size:
            continue
        digest = tree.digest(copy.path)
        if digest.sha256 == copy.sha256 and digest.md5 == file.md5:
            return copy.path, digest
    return None


@dataclass(frozen=True, slots=True)
class Move:
    """A committed intent to move a file."""

    id: int
    file_id: int
    source: str
    target: str
    to_place: Place
    sha256: str
    size: int


def intend_to_trash(connection: Connection, version_id: int, targets: Sequence[str], now: datetime) -> list[Move]:
    """Open a move to the trash for every original whose effective decision is *delete*, read in this transaction."""
    rows = connection.execute(
        _movable().where(
            FileRow.version_id == version_id,
            FileRow.target.in_(targets),
            FileRow.place == Place.GALLERY.value,
            DECISION == "delete",
        )
    )
    return [_intend(connection, row, Place.TRASH, now) for row in rows.all()]


def intend_to_restore(connection: Connection, version_id: int, targets: Sequence[str], now: datetime) -> list[Move]:
    """Open a move back for every original of the version that lies in the trash."""
    rows = connection.execute(
        _movable().where(
            FileRow.version_id == version_id, FileRow.target.in_(targets), FileRow.place == Place.TRASH.value
        )
    )
    return [_intend(connection, row, Place.GALLERY, now) for row in rows.all()]


def _movable() -> Any:
    return (
        select(
            FileRow.id,
            FileRow.path,
            FileRow.place,
            FileRow.target,
            FileRow.sha256,
            FileRow.size,
            VersionRow.ext,
            VersionRow.md5,
            PostRow.post_id,
            StandingRow.decision_seq,
            StandingRow.label_seq,
        )
        .join(VersionRow, VersionRow.id == FileRow.version_id)
        .join(PostRow, PostRow.key == VersionRow.post_key)
        .join(StandingRow, and_(StandingRow.version_id == FileRow.version_id, StandingRow.target == FileRow.target))
        .outerjoin(DecisionRow, DecisionRow.seq == StandingRow.decision_seq)
        .outerjoin(LabelRow, LabelRow.seq == StandingRow.label_seq)
    )


def _intend(connection: Connection, row: Any, to_place: Place, now: datetime) -> Move:
    values = {
        "file_id": row.id,
        "from_place": row.place,
        "to_place": to_place.value,
        "from_path": row.path,
        "to_path": "",
        "decision_seq": row.decision_seq,
        "label_seq": row.label_seq,
        "opened_at": now,
    }
    move_id = new_id(connection, insert(MoveRow), values)
    if to_place is Place.GALLERY:
        target = original_path(row.target, row.post_id, row.md5, row.ext)
    else:
        target = moved_path(to_place.value, move_id, row.ext)
    connection.execute(update(MoveRow).where(MoveRow.id == move_id).values(to_path=target))
    return Move(move_id, row.id, row.path, target, to_place, row.sha256, row.size)


def carry_out(tree: Tree, move: Move) -> bool:
    """Move the file as intended; False when the file on disk is not the one that the rows describe.

    Raises:
        StorageError: a link or folder is in the way.
    """
    facts = tree.facts(move.source)
    if facts is None or facts.size != move.size or tree.digest(move.source).sha256 != move.sha256:
        return False
    if tree.facts(move.target) is not None:
        raise StorageError(f"{tree.root / move.target}: is taken; move it away and run again")
    tree.move(move.source, move.target)
    return True


def close_move(connection: Connection, move: Move, outcome: str, now: datetime) -> None:
    """The move is done (the file's row follows), or cancelled (the row stays)."""
    connection.execute(update(MoveRow).where(MoveRow.id == move.id).values(outcome=outcome, closed_at=now))
    if outcome == "done":
        connection.execute(
            update(FileRow)
            .where(FileRow.id == move.file_id)
            .values(place=move.to_place.value, path=move.target, moved_at=now)
        )


def open_moves(connection: Connection) -> Iterator[Move]:
    """The intents that were never closed, oldest first."""
    rows = connection.execute(
        select(
            MoveRow.id,
            MoveRow.file_id,
            MoveRow.from_path,
            MoveRow.to_path,
            MoveRow.to_place,
            FileRow.sha256,
            FileRow.size,
        )
        .join(FileRow, FileRow.id == MoveRow.file_id)
        .where(MoveRow.outcome.is_(None))
        .order_by(MoveRow.id)
    ).all()
    for row in rows:
        yield Move(row.id, row.file_id, row.from_path, row.to_path, Place(row.to_place), row.sha256, row.size)


def still_wanted(connection: Connection, move: Move) -> bool:
    """Whether the effective decision still asks for an open move to the trash; a move back is always wanted."""
    if move.to_place is not Place.TRASH:
        return True
    value = connection.execute(
        select(DECISION)
        .select_from(FileRow)
        .join(StandingRow, and_(StandingRow.version_id == FileRow.version_id, StandingRow.target == FileRow.target))
        .outerjoin(DecisionRow, DecisionRow.seq == StandingRow.decision_seq)
        .outerjoin(LabelRow, LabelRow.seq == StandingRow.label_seq)
        .where(FileRow.id == move.file_id)
    ).scalar()
    return value == "delete"
