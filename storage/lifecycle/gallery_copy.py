"""Moving a gallery's rows from its file to a server, or back: all of them, compared, and only then believed.

Until the root names the new database the gallery is the old one, so a copy that is killed anywhere costs nothing; the
same call goes on. While it copies, nobody else writes: it has the gallery's lock and the old database's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from migrations import HEAD
from storage.archive_records import ArchiveSettings
from storage.database.engine import Database, database_behind
from storage.database.engines.backup import time_stamp
from storage.database.engines.location import database_of
from storage.database.engines.old_events import gather_statistics
from storage.database.engines.postgres import PostgresDatabase, checked_url, driver_or_refusal
from storage.database.engines.resting_indexes import let_rest, put_back
from storage.database.engines.sqlite import SqliteDatabase
from storage.database.error_translation import at_border
from storage.database.migrate import build, upgrade
from storage.database.schema import schema_of
from storage.database.slow_work import SlowWork
from storage.database.tables import GalleryRow
from storage.errors import DatabaseBusy, DatabaseError, RefusedRequest, WrongRoot
from storage.files.layout import ADDRESS, BACKUPS, COPY, DATABASE
from storage.files.single_files import FILE_MODE, FOLDER_MODE, sync_folder, write_whole
from storage.lifecycle.gallery_row import build_on_server, connected, enter_gallery, stored_ids
from storage.lifecycle.opening import open_gallery
from storage.lifecycle.row_copy import Batches, copy_numbers, copy_rows, first_difference, is_large, remove_rows
from storage.rows.state_digest import digest_lines, digest_of

_UNFINISHED = "unfinished copy of "  # before the gallery's id, in a database that is being filled

USUAL = Batches()


@dataclass(frozen=True, slots=True)
class CopiedGallery:
    """Where a gallery's rows are now."""

    database: Database
    rows: int  # that were written by this call
    digest: str  # the state digest of the rows, equal in both; empty: they were there before
    kept: Path | None  # where the old file lies now; None: the old rows are on a server, which keeps them


def copy_gallery(root: Path, address: str, settings: ArchiveSettings, batches: Batches = USUAL) -> CopiedGallery:
    """Move a gallery's rows to a server, or into the file in its root.

    Args:
        root: of the gallery.
        address: of an empty database on a server; empty: into the file.
        settings: how the gallery is kept; its own `database` and `create` are not looked at.
        batches: how many rows share a transaction, and what is told then.
    Raises:
        the storage family: nothing was lost; the gallery is where it was unless its root names the new database.
    """
    url = checked_url(address) if address else ""
    if url:
        driver_or_refusal()
    opened = open_gallery(root, replace(settings, database="", create=False), settings.clock())
    root = opened.tree.root
    clean = False
    try:
        done = _copy(root, url, settings, batches)
        clean = True
        return done
    finally:
        opened.tree.close()
        opened.lock.release(clean=clean)


def _copy(root: Path, url: str, settings: ArchiveSettings, batches: Batches) -> CopiedGallery:
    source = database_of(root)
    if str(source) == url or (source.is_file and not url):
        return CopiedGallery(source, 0, "", _put_away(root, settings) if url else None)
    if url and not source.is_file:
        raise RefusedRequest(f"{source}: is on a server already; pg_dump and --database move it to another one")
    if not url:
        _put_away(root, settings)  # left by a copy to this server that was killed at its last step
    target: Database = PostgresDatabase(url, root) if url else SqliteDatabase(root / COPY)
    work = SlowWork(settings.tell, settings.tell_every_s)
    with work, at_border(source), connected(source) as old, old.begin():
        work.part("preparing the copy")
        rows, digest = _filled(old, target, settings, work, batches)
        work.part("pointing the gallery at the copy")  # who waits to write to the old database is refused after it
        if url:
            write_whole(root / ADDRESS, url.encode() + b"\n", settings.disk)
        else:
            (root / COPY).replace(root / DATABASE)
            sync_folder(root, settings.disk)
            (root / ADDRESS).unlink()
            sync_folder(root, settings.disk)
    return CopiedGallery(database_of(root), rows, digest, _put_away(root, settings) if url else None)


def _filled(
    old: Connection, target: Database, settings: ArchiveSettings, work: SlowWork, batches: Batches
) -> tuple[int, str]:
    """Make the target a whole copy; gives the rows that were written, and the digest of both."""

    def count(table: str, rows: int) -> None:
        work.part(f"copying {table}: {rows} rows")
        batches.on_end(table, rows)

    gallery = old.execute(select(GalleryRow.id, GalleryRow.created_at)).one()
    went_on = _prepared(target, gallery.id, gallery.created_at)
    with at_border(target), connected(target) as new:
        if stored_ids(new) == [gallery.id]:  # killed after its end, or from an earlier time
            work.part("comparing every row")
            if _differing(old, new) is not None:
                raise WrongRoot(
                    f"{target}: holds another state of this gallery, from an earlier time; make an empty database"
                )
            rows = 0
        else:
            rows = _copied(old, new, replace(batches, on_end=count), work, settings, went_on=went_on)
        work.part("comparing what holds")
        digests = {digest_of(digest_lines(where, None)) for where in (old, new)}
        new.rollback()
        if len(digests) > 1:
            raise DatabaseError(f"{target}: the copy has another state digest; the gallery stays where it is")
        with new.begin():
            new.execute(update(GalleryRow).values(id=gallery.id))
        target.fold_in(new)
    return rows, digests.pop()


def _copied(
    old: Connection, new: Connection, batches: Batches, work: SlowWork, settings: ArchiveSettings, *, went_on: bool
) -> int:
    """Copy and compare; what went on, and was changed meanwhile, is begun anew."""
    try:
        if is_large(old, batches):
            with new.begin():
                let_rest(new)
        rows = copy_rows(old, new, batches)
        work.part("making indexes, asking what refers to what")
        with at_border(database_behind(new)), new.begin():
            put_back(new)
            copy_numbers(old, new)
            gather_statistics(new)
        work.part("comparing every row")
        differing = _differing(old, new)
    except DatabaseError as error:
        if not (went_on and isinstance(error.__cause__, IntegrityError)):
            raise
        differing = "what refers to what"
    if differing is None:
        return rows
    if not went_on:
        raise DatabaseError(f"the copy differs from the gallery ({differing}); the gallery stays where it is")
    settings.tell("the gallery was changed since its copy was interrupted; copying anew")
    with new.begin():
        remove_rows(new)
    return _copied(old, new, batches, work, settings, went_on=False)


def _differing(old: Connection, new: Connection) -> str | None:
    with new.begin():
        return first_difference(old, new)


def _prepared(target: Database, identity: str, created_at: datetime) -> bool:
    """Give the target the schema, and the mark of a copy that is under way; whether it had them.

    Raises:
        WrongRoot: another gallery is there.
        DatabaseError: something else is there.
    """
    if isinstance(target, SqliteDatabase) and not _is_ours(target, identity):
        for left in target.path.parent.glob(target.path.name + "*"):
            left.unlink()
        os.close(os.open(target.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, FILE_MODE))
        build(target)
    elif isinstance(target, PostgresDatabase):
        build_on_server(target)
    was_there = enter_gallery(target, _UNFINISHED + identity, created_at, (_UNFINISHED + identity, identity))
    with at_border(target), connected(target) as new:
        if schema_of(new, target) != HEAD:
            new.rollback()
            if stored_ids(new) != [_UNFINISHED + identity]:
                raise WrongRoot(f"{target}: holds this gallery as an older program left it; make an empty database")
            with new.begin():
                put_back(new)  # steps may speak of them
            upgrade(new)
    return was_there


def _is_ours(target: SqliteDatabase, identity: str) -> bool:
    """Whether a half-made file can be filled further."""
    if not target.exists or target.problem() is not None:
        return False
    try:
        with at_border(target), connected(target) as new:
            return stored_ids(new) == [_UNFINISHED + identity] and schema_of(new, target) == HEAD
    except DatabaseError:
        return False


def _put_away(root: Path, settings: ArchiveSettings) -> Path | None:
    """Keep the old file among the backups.

    Raises:
        DatabaseBusy: another program reads it, and what was written last waits beside it.
    """
    old = SqliteDatabase(root / DATABASE)
    if not old.exists:
        return None
    with at_border(old):
        with connected(old) as connection:
            old.fold_in(connection)
        if old.log_size:
            raise DatabaseBusy(f"{old}: another program still reads it; end that program, and run the same again")
        for end in ("-wal", "-shm"):
            old.path.with_name(old.path.name + end).unlink(missing_ok=True)
        (root / BACKUPS).mkdir(mode=FOLDER_MODE, exist_ok=True)
        kept = root / BACKUPS / f"crawl-moved-{time_stamp()}.db"
        old.path.replace(kept)
        sync_folder(root / BACKUPS, settings.disk)
        sync_folder(root, settings.disk)
    return kept
