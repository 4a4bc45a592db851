"""What may be a gallery's root, how a new one is made, and whether a root and its database belong together."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, inspect, select

from storage.archive_records import ArchiveSettings
from storage.database.engine import Database
from storage.database.engines.location import database_of, remembered_address
from storage.database.engines.postgres import PostgresDatabase, checked_url, driver_or_refusal
from storage.database.engines.sqlite import SqliteDatabase
from storage.database.error_translation import at_border
from storage.database.migrate import build
from storage.database.tables import GalleryRow
from storage.errors import DatabaseDamaged, DatabaseMissing, RefusedRoot, WrongRoot
from storage.files.layout import ADDRESS, DATABASE, FOLDERS, IDENTITY, OWN, require_folder, require_plain
from storage.files.obstacles import file_in_the_way
from storage.files.single_files import FOLDER_MODE, HANDLES, UMASK_FOLDER, folder_mode, sync_folder, write_whole
from storage.lifecycle.gallery_row import build_on_server, enter_gallery, ids_on_server
from storage.objects.address import ObjectAddress, checked_address
from storage.objects.location import remembered_objects
from storage.objects.ownership import begin_objects, shared_identity


@dataclass(frozen=True, slots=True)
class Root:
    """A root that may be opened."""

    path: Path  # absolute, links resolved
    is_new: bool  # no database yet, and nothing that says there should be one

    @property
    def database(self) -> Database:
        """Where the rows are."""
        return database_of(self.path)


def examine(root: Path, *, create: bool) -> Root:
    """Look at a root before anything is written.

    Raises:
        RefusedRoot: `/`, the home folder, a folder with foreign things in it, or a root inside another.
        WrongRoot: it is not there (and must not be made), or not ours.
        DatabaseMissing: it has files and no database.
        StorageError: a name of ours in it is a link, or something else that is no plain file or folder.
    """
    path = Path(os.path.realpath(root))
    _refuse_places(path)
    for above in path.parents:
        if (above / IDENTITY).exists():
            raise RefusedRoot(f"{path}: lies inside another gallery, {above}; choose a folder outside it")
    if not path.exists():
        if not create:
            raise WrongRoot(f"{path}: there is no gallery here; is the disk mounted?")
        if blocked := file_in_the_way(path):
            raise RefusedRoot(f"{path}: {blocked} is not a folder; choose another place")
        return Root(path, is_new=True)
    if not path.is_dir():
        raise RefusedRoot(f"{path}: is not a folder")
    require_plain(path)
    return _examine_folder(path, create=create)


def _examine_folder(path: Path, *, create: bool) -> Root:
    names = {entry.name for entry in path.iterdir()}
    if DATABASE in names or ADDRESS in names:
        if IDENTITY not in names:
            raise WrongRoot(f"{path}: has a database but no {IDENTITY}; this is not the gallery it belongs to")
        return Root(path, is_new=False)
    if IDENTITY in names and any(_has_files(path / folder) for folder in FOLDERS if folder != "staging"):
        raise DatabaseMissing(
            f"{path / DATABASE}: is gone, but the gallery has files; put a backup from {path}/backups in its place"
        )
    if foreign := sorted(names - OWN):
        raise RefusedRoot(f"{path}: is not empty and no gallery (it holds {foreign[0]}); choose an empty folder")
    if IDENTITY not in names and names & set(FOLDERS):
        raise RefusedRoot(
            f"{path}: is not empty and no gallery (it holds {min(names & set(FOLDERS))}); choose an empty folder"
        )
    if not create:
        raise WrongRoot(f"{path}: there is no gallery here; is the disk mounted?")
    return Root(path, is_new=True)


def _refuse_places(path: Path) -> None:
    if path == Path(path.anchor):
        raise RefusedRoot(f"{path}: the whole disk cannot be a gallery; choose a folder")
    try:
        home = Path(os.path.realpath(Path.home()))
    except RuntimeError:
        return  # there is no home to protect
    if path == home or path in home.parents:
        raise RefusedRoot(f"{path}: is or holds the home folder; choose a folder below it")


def _has_files(folder: Path) -> bool:
    return any(files for _, _, files in os.walk(folder))


def prepare(path: Path, settings: ArchiveSettings) -> None:
    """Make the root itself; who may enter it may see the pictures, but neither database nor log."""
    if not path.exists():
        path.mkdir(parents=True, exist_ok=True)
        _set_folder_mode(path, settings)


def create(root: Root, settings: ArchiveSettings) -> None:
    """Make a gallery; killed at any moment, the next call goes on from there. The lock must be held."""
    identity = _identity(root.path)
    if identity is None:
        identity = _shared_identity(settings) or secrets.token_hex(16)
        write_whole(root.path / IDENTITY, identity.encode() + b"\n", settings.disk)
    if address := _objects_for(root.path, settings):
        begin_objects(root.path, address, identity, settings)
    if settings.database:
        make_folders(root.path, settings)
        begin_on_server(PostgresDatabase(checked_url(settings.database), root.path), identity, settings)
    else:
        _begin_in_file(root, identity, settings)


def _shared_identity(settings: ArchiveSettings) -> str | None:
    """The id of a gallery whose rows and pictures both lie elsewhere already: this root is another machine's."""
    if not (settings.database and settings.files):
        return None
    database = PostgresDatabase(checked_url(settings.database), Path())
    identity = shared_identity(settings.files)
    return identity if identity is not None and identity in ids_on_server(database) else None


def _objects_for(root: Path, settings: ArchiveSettings) -> ObjectAddress | None:
    return checked_address(settings.files) if settings.files else remembered_objects(root)


def _begin_in_file(root: Root, identity: str, settings: ArchiveSettings) -> None:
    new = root.path / (DATABASE + ".new")
    for leftover in root.path.glob(new.name + "*"):
        leftover.unlink()
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    database = SqliteDatabase(new)
    build(database)
    engine = database.writing_engine()
    with engine.connect() as connection:
        with connection.begin():
            connection.execute(insert(GalleryRow).values(id=identity, created_at=settings.clock()))
        database.fold_in(connection)
    engine.dispose()
    for leftover in root.path.glob(new.name + "-*"):
        leftover.unlink()
    make_folders(root.path, settings)
    new.replace(root.path / DATABASE)
    sync_folder(root.path, settings.disk)


def begin_on_server(database: PostgresDatabase, identity: str, settings: ArchiveSettings) -> None:
    """Build the schema on a server unless it is there, enter the gallery, and let its root remember the address.

    Raises:
        WrongRoot: the database is another gallery's.
        DatabaseError: it is another program's, or cannot be reached.
    """
    build_on_server(database)
    enter_gallery(database, identity, settings.clock(), (identity,))
    write_whole(database.folder / ADDRESS, database.url.encode() + b"\n", settings.disk)


def follow_database(root: Path, words: str) -> None:
    """Let a gallery's root remember another address of its database: of a server that has moved, or another way to it.

    Args:
        root: of a gallery; any other folder is left alone.
        words: the address, as typed.
    Raises:
        RefusedRequest: it is no address, the gallery's rows are in a file, or there is no library for it.
        WrongRoot: another gallery is there.
        DatabaseError: it cannot be reached.
    """
    database = PostgresDatabase(checked_url(words), Path(os.path.realpath(root)))
    driver_or_refusal()
    if (root / DATABASE).exists():
        raise RefusedRoot(
            f"{root}: its rows are in {DATABASE}: leave --database out, or move them: crawl database copy"
        )
    if remembered_address(root) in (None, database.url):
        return
    engine = database.reading_engine()
    with at_border(database):
        try:
            with engine.connect() as connection:
                is_gallery = inspect(connection).has_table(GalleryRow.__tablename__)
                stored = connection.execute(select(GalleryRow.id)).scalars().all() if is_gallery else []
        finally:
            engine.dispose()
    if stored != [_identity(root)]:
        raise WrongRoot(
            f"{database}: is not the database of {root}, which is {remembered_address(root)}: leave --database out, or"
            " bring its rows there first: pg_dump, pg_restore"
        )
    write_whole(database.folder / ADDRESS, database.url.encode() + b"\n")


def make_folders(path: Path, settings: ArchiveSettings) -> None:
    """Make the folders that are not there: for pictures as the umask or the settings say, others for us alone."""
    elsewhere = remembered_objects(path) is not None
    for name in FOLDERS:
        folder = path / name
        if not folder.exists() and (name == "staging" or not elsewhere):
            folder.mkdir(mode=FOLDER_MODE if name == "staging" else UMASK_FOLDER, exist_ok=True)
            if name != "staging":
                _set_folder_mode(folder, settings)


def _set_folder_mode(folder: Path, settings: ArchiveSettings) -> None:
    if settings.picture_mode is None or not HANDLES:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        settings.disk.set_mode(handle, folder_mode(settings.picture_mode))
    finally:
        os.close(handle)


def check_identity(root: Root) -> None:
    """Compare the root's id with the database's, the folders' devices with the root's.

    Raises:
        WrongRoot: they differ; nothing was changed.
        DatabaseDamaged: the database cannot be read.
    """
    if problem := root.database.problem():
        raise DatabaseDamaged(f"{root.database}: {problem}; it was left as it is; put a backup in its place")
    identity = _identity(root.path)
    engine = root.database.writing_engine()
    try:
        with engine.connect() as connection:
            stored = connection.execute(select(GalleryRow.id)).scalars().all()
    finally:
        engine.dispose()
    if stored != [identity]:
        raise WrongRoot(
            f"{root.path}: the files and the database belong to different galleries; is the right disk mounted?"
        )
    device = root.path.stat().st_dev
    for name in FOLDERS:
        require_folder(root.path / name)
        try:
            info = os.lstat(root.path / name)
        except FileNotFoundError:
            continue
        if info.st_dev != device:
            raise WrongRoot(
                f"{root.path / name}: lies on another disk than {root.path}; files could not be moved safely"
            )


def _identity(path: Path) -> str | None:
    try:
        return (path / IDENTITY).read_text("ascii").strip() or None
    except (FileNotFoundError, UnicodeDecodeError):
        return None
