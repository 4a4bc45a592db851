"""Recover from a program that was killed, before anything else happens; the cost grows with what was in flight.

Every step is idempotent and committed by itself, so recovery may be killed anywhere as well. It never walks the
gallery: that is `crawl verify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from storage.archive_records import Digest, RecoveryReport
from storage.database.tables import AttemptRow, FileRow, PostRow, RenditionRow, VersionRow
from storage.errors import BadPath
from storage.files.model_work_folders import clear_unfinished_models
from storage.files.paths import staging_path
from storage.files.store import FileStore
from storage.moves.moves import Move, carry, close_move, is_half_done, open_moves, still_wanted, turned_back
from storage.moves.original_names import NamedPost, name_of
from storage.moves.originals import file_rows
from storage.names import can_name_a_folder
from storage.records import ELSEWHERE, Place
from storage.rows.runs import end_killed_runs


@dataclass(slots=True)
class _Mended:
    """Counts as they grow."""

    killed_runs: int = 0
    died_attempts: int = 0
    staging_removed: int = 0
    adopted: int = 0
    renditions_removed: int = 0
    moves_finished: int = 0
    moves_cancelled: int = 0
    models_removed: int = 0
    damaged: list[str] = field(default_factory=list)


def recover(connection: Connection, tree: FileStore, now: datetime) -> RecoveryReport:
    """Finish or drop whatever was in flight. The gallery lock must be held; no transaction may be open."""
    mended = _Mended()
    with connection.begin():
        mended.killed_runs = end_killed_runs(connection, now)
    _close_attempts(connection, tree, mended, now)
    _close_moves(connection, tree, mended, now)
    for name in tree.names("staging"):
        mended.staging_removed += tree.remove(f"staging/{name}")
    mended.models_removed = clear_unfinished_models(tree.root)
    return RecoveryReport(
        killed_runs=mended.killed_runs,
        died_attempts=mended.died_attempts,
        staging_removed=mended.staging_removed,
        adopted=mended.adopted,
        renditions_removed=mended.renditions_removed,
        moves_finished=mended.moves_finished,
        moves_cancelled=mended.moves_cancelled,
        models_removed=mended.models_removed,
        damaged=tuple(mended.damaged),
    )


def _close_attempts(connection: Connection, tree: FileStore, mended: _Mended, now: datetime) -> None:
    with connection.begin():
        rows = connection.execute(
            select(
                AttemptRow.id,
                AttemptRow.kind,
                VersionRow.id.label("version_id"),
                VersionRow.md5,
                VersionRow.ext,
                VersionRow.size,
                PostRow.post_id,
                PostRow.site,
            )
            .join(VersionRow, VersionRow.id == AttemptRow.version_id)
            .join(PostRow, PostRow.key == VersionRow.post_key)
            .where(AttemptRow.outcome.is_(None))
            .order_by(AttemptRow.id)
        ).all()
        company = connection.execute(select(func.count(AttemptRow.id)).where(AttemptRow.outcome.is_(None))).scalar_one()
        connection.execute(
            update(AttemptRow).where(AttemptRow.outcome.is_(None), AttemptRow.company.is_(None)).values(company=company)
        )
    folders = tree.names("gallery") if any(row.kind != "rendition" for row in rows) else []
    targets = [name for name in folders if can_name_a_folder(name)]
    for row in rows:
        mended.staging_removed += tree.remove(staging_path(row.id))
        if row.kind == "rendition":
            mended.renditions_removed += _drop_unknown_renditions(connection, tree, row.md5)
        with connection.begin():
            if row.kind != "rendition":
                _adopt(connection, tree, row, targets, mended, now)
            connection.execute(update(AttemptRow).where(AttemptRow.id == row.id).values(outcome="died", closed_at=now))
        mended.died_attempts += 1


def _drop_unknown_renditions(connection: Connection, tree: FileStore, md5: str) -> int:
    """Renditions of a picture whose row and bytes disagree: rows first, then files; they can be fetched again."""
    folder = f"renditions/{md5[:2]}/{md5[2:4]}"
    with connection.begin():
        statement = select(RenditionRow.path, RenditionRow.name, RenditionRow.sha256).where(
            RenditionRow.md5 == md5, RenditionRow.name != ELSEWHERE
        )
        whole = set()
        for row in connection.execute(statement).all():
            if _is_whole(tree, row.path, row.sha256):
                whole.add(row.path)
            else:
                its_row = (RenditionRow.md5 == md5, RenditionRow.name == row.name)
                connection.execute(delete(RenditionRow).where(*its_row))
    names = [name for name in tree.names(folder) if name.startswith(f"{md5}.") and f"{folder}/{name}" not in whole]
    return sum(tree.remove(f"{folder}/{name}") for name in names)


def _is_whole(tree: FileStore, path: str, sha256: str) -> bool:
    try:
        return tree.facts(path) is not None and tree.digest(path).sha256 == sha256
    except BadPath:
        return False


def _adopt(
    connection: Connection, tree: FileStore, row: Any, targets: Sequence[str], mended: _Mended, now: datetime
) -> None:
    """Originals that got their names but not their rows: hash them; right ones are ours, others are moved aside."""
    recorded = set(
        connection.execute(
            select(FileRow.path).where(FileRow.version_id == row.version_id, FileRow.path.is_not(None))
        ).scalars()
    )
    for target in targets:
        path = name_of(connection, target, NamedPost(row.site, row.post_id, row.md5, row.ext))
        if path in recorded or tree.facts(path) is None:
            continue
        digest = tree.digest(path)
        if (digest.md5, digest.size) == (row.md5, row.size):
            tree.make_durable(path)
            file_rows(connection, row.version_id, {target: path}, Digest(row.size, row.md5, digest.sha256), now)
            mended.adopted += 1
        else:
            aside = f"damaged/attempt-{row.id}-{target}.{row.ext}"
            tree.move(path, aside)
            mended.damaged.append(aside)


def _close_moves(connection: Connection, tree: FileStore, mended: _Mended, now: datetime) -> None:
    with connection.begin():
        moves = list(open_moves(connection))
    while moves:
        move = moves.pop(0)
        with connection.begin():
            outcome = _end(connection, tree, move)
            close_move(connection, move, outcome, now)
            if outcome == "missing":
                mark_damaged(connection, move.file_id, now)
                mended.damaged.append(f"{move.source} (missing)")
            elif outcome == "done" and (returning := turned_back(connection, move, now)) is not None:
                moves.append(returning)
        mended.moves_finished += outcome == "done"
        mended.moves_cancelled += outcome == "cancelled"


def _end(connection: Connection, tree: FileStore, move: Move) -> str:
    """How an open move ends: done, cancelled or missing; one whose row is damaged is cancelled."""
    if not move.is_sound:
        return "cancelled"
    gone = tree.facts(move.source) is None
    if gone and move.to_place is Place.PURGED:
        return "done"
    if gone:
        arrived = tree.facts(move.target) is not None and tree.digest(move.target).sha256 == move.sha256
        return "done" if arrived else "missing"
    if still_wanted(connection, move):
        return "done" if carry(tree, move) is None else "cancelled"
    if move.to_place is Place.TRASH and is_half_done(tree, move) and tree.digest(move.source).sha256 == move.sha256:
        tree.remove(move.target)  # a copy that nobody has a row of, while the file itself stays
    return "cancelled"


def mark_damaged(connection: Connection, file_id: int, now: datetime) -> None:
    """The file is not what its row says; nothing is removed."""
    connection.execute(update(FileRow).where(FileRow.id == file_id).values(place="damaged", path=None, moved_at=now))
