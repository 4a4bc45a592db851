"""From a path to a gallery that may be worked on: refuse, lock, make or check, upgrade, recover; in this order."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from storage.archive_records import ArchiveSettings, RecoveryReport
from storage.database.error_translation import at_border, free_words
from storage.database.migrate import migrate
from storage.database.slow_work import SlowWork
from storage.errors import DatabaseDamaged, DiskFull
from storage.files.lock import GalleryLock
from storage.files.store import FileStore
from storage.lifecycle import roots
from storage.lifecycle.recovery import recover
from storage.objects.location import files_of
from storage.objects.ownership import follow_objects
from storage.objects.shared_models import bring_models
from storage.rows.models import models

SMALL_DATABASE = 16 * 1024 * 1024  # bytes; checked on every start, larger ones only after an unclean end


@dataclass(frozen=True, slots=True)
class OpenedRoot:
    """A gallery whose lock this process holds."""

    lock: GalleryLock
    tree: FileStore
    report: RecoveryReport


def open_gallery(path: Path, settings: ArchiveSettings, now: datetime) -> OpenedRoot:
    """Take a gallery over; raises what `Archive.open` says, with the lock let go and nothing replaced."""
    with at_border(path):
        root = roots.examine(path, create=settings.create)
        if settings.database:
            roots.follow_database(root.path, settings.database)
        if settings.files:
            follow_objects(root.path, settings.files)
        if not settings.network_disk:
            settings.disk.require_local(root.path)
        roots.prepare(root.path, settings)
        lock = GalleryLock.take(root.path, settings.command, settings.disk)
        try:
            return _take_over(root, lock, settings, now)
        except BaseException:
            lock.release(clean=lock.was_clean)
            raise


def _take_over(root: roots.Root, lock: GalleryLock, settings: ArchiveSettings, now: datetime) -> OpenedRoot:
    root = roots.examine(root.path, create=True)  # again: another program may have made it before we had the lock
    if settings.reserve_bytes and shutil.disk_usage(root.path).free < settings.reserve_bytes:
        reserve = f"the reserve of {settings.reserve_bytes / 1e6:.0f} MB"
        raise DiskFull(f"{root.path}: {free_words(root.path)}, less than {reserve}; free some space and run again")
    if root.is_new:
        roots.create(root, settings)
    roots.check_identity(root)
    migrated = migrate(root.database, root.path / "backups", SlowWork(settings.tell, settings.tell_every_s))
    roots.make_folders(root.path, settings)
    tree = files_of(root.path, settings.disk, settings.picture_mode)
    try:
        tree.try_promises()
        report = _checked_and_recovered(root, tree, lock, settings, now)
    except BaseException:
        tree.close()
        raise
    report = replace(
        report,
        created=root.is_new,
        clean=lock.was_clean,
        migrated_from=migrated.before if migrated.backup else None,
        backup=migrated.backup,
        notes=settings.disk.notes(root.path),
    )
    return OpenedRoot(lock, tree, report)


def _checked_and_recovered(
    root: roots.Root, tree: FileStore, lock: GalleryLock, settings: ArchiveSettings, now: datetime
) -> RecoveryReport:
    engine = root.database.writing_engine(busy_timeout_s=settings.busy_timeout_s)
    try:
        with engine.connect() as connection:
            size = root.database.size_of(connection)
            connection.rollback()  # a server is asked in a transaction, and recovery has its own
            if size <= (SMALL_DATABASE if lock.was_clean else settings.quick_check_limit):
                problems = root.database.check(connection)
                connection.rollback()
                if problems:
                    raise DatabaseDamaged(
                        f"{root.database}: damaged ({problems[0]}); it was left as it is; put a backup in its place"
                    )
            report = recover(connection, tree, now)
            bring_models(root.path, models(connection))
            connection.rollback()
            return report
    finally:
        engine.dispose()
