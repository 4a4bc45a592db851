"""Copying a gallery's pictures into an object store, or into its folder: all compared, and only then believed.

Until the root names the new place the gallery is in the old one, so a copy that is killed anywhere costs nothing: the
same call goes on with what is not there yet. What lay in the old place stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Connection

from storage.archive_records import ArchiveSettings
from storage.database.engines.location import database_of
from storage.database.error_translation import at_border
from storage.database.slow_work import SlowWork
from storage.errors import StorageError
from storage.files.layout import IDENTITY, OBJECTS
from storage.files.single_files import digest_of_file, sync_folder
from storage.files.store import FileStore
from storage.files.tree import Tree
from storage.lifecycle.gallery_row import connected
from storage.lifecycle.opening import open_gallery
from storage.lifecycle.verify import claims_of
from storage.objects.address import ObjectAddress, checked_address
from storage.objects.bucket import Bucket, require_library
from storage.objects.location import remembered_objects
from storage.objects.object_tree import ObjectTree
from storage.objects.ownership import claim, remember
from storage.objects.shared_models import share_model
from storage.records import ModelCard
from storage.rows.models import models

_SIDE_BY_SIDE = 256  # files that are handed to threads at once
_OTHERWISE = "{}: {}; crawl verify --set-aside sees to such files, then run the same again; nothing was moved"


@dataclass(frozen=True, slots=True)
class CopiedFiles:
    """Where a gallery's pictures are now."""

    place: str
    files: int  # that are there, each compared
    sent: int  # of these, by this call; 0, too, where the gallery was there already
    kept: str  # where they lie as well; empty: the gallery was there already


def copy_files(root: Path, address: str, settings: ArchiveSettings) -> CopiedFiles:
    """Copy a gallery's pictures and models to an address, or into its folder, and let its root name that place.

    Args:
        root: of the gallery.
        address: of a bucket; empty: into the folder.
        settings: how the gallery is kept; its own `files` and `create` are not looked at.
    Raises:
        the storage family: nothing was lost; the gallery is where it was unless its root names the new place.
    """
    wanted = checked_address(address) if address else None
    if wanted is not None:
        require_library()
    opened = open_gallery(root, replace(settings, files="", create=False), settings.clock())
    clean = False
    try:
        with at_border(opened.tree.root):
            done = _copy(opened.tree, wanted, settings)
        clean = True
        return done
    finally:
        opened.tree.close()
        opened.lock.release(clean=clean)


def _copy(source: FileStore, wanted: ObjectAddress | None, settings: ArchiveSettings) -> CopiedFiles:
    root = source.root
    if remembered_objects(root) == wanted:
        return CopiedFiles(source.where(""), 0, 0, "")
    target = _opened(root, wanted, settings)
    database = database_of(root)
    work = SlowWork(settings.tell, settings.tell_every_s)
    with closing(target), work, connected(database) as connection:  # on a server it holds the gallery for all machines
        copying = _Copying(source, target, work.part)
        while missing := _claims_but(connection, copying.done):  # a page may fetch larger pictures meanwhile
            copying.copy(missing)
        copying.copy(dict.fromkeys(path for path, _regular in source.walk("damaged")))
        work.part("copying models")
        for model in _models(connection):
            share_model(target, model)
        if wanted is None:
            (root / OBJECTS).unlink()
            sync_folder(root, settings.disk)
        else:
            remember(root, wanted, settings.disk)
        return CopiedFiles(target.where(""), len(copying.done), copying.sent, source.where(""))


def _opened(root: Path, wanted: ObjectAddress | None, settings: ArchiveSettings) -> FileStore:
    if wanted is None:
        return Tree(root, settings.disk, settings.picture_mode)
    bucket = Bucket(wanted)
    claim(bucket, (root / IDENTITY).read_text("ascii").strip())
    return ObjectTree(root, bucket, settings.disk)


def _claims_but(connection: Connection, done: Collection[str]) -> dict[str, str | None]:
    """The files that rows claim, with their sha256, but for those that are done."""
    claims = claims_of(connection)
    connection.rollback()
    if claims.bad_paths:
        raise StorageError(f"{claims.bad_paths[0]}; crawl verify names all such rows; nothing was moved")
    return {path: sha256 for path, (_size, sha256) in claims.files.items() if path not in done}


def _models(connection: Connection) -> list[ModelCard]:
    found = [model.card for model in models(connection)]
    connection.rollback()
    return found


@dataclass(slots=True)
class _Copying:
    """Files on their way, several at once."""

    source: FileStore
    target: FileStore
    tell: Callable[[str], None]
    done: set[str] = field(default_factory=set)
    sent: int = 0

    def copy(self, wanted: Mapping[str, str | None]) -> None:
        """Copy these; what is there already is compared.

        Args:
            wanted: paths, and the sha256 that a row says; None: no row says any.
        Raises:
            StorageError: one is not what its row says, or a place refuses; the others of its batch were tried.
        """
        paths = sorted(wanted)
        with ThreadPoolExecutor(max(self.source.at_once, self.target.at_once)) as threads:
            for start in range(0, len(paths), _SIDE_BY_SIDE):
                some = paths[start : start + _SIDE_BY_SIDE]
                self.tell(f"copying pictures: {len(self.done)} there")
                self.sent += sum(threads.map(lambda path: self._bring(path, wanted[path]), some))
                self.done.update(some)

    def _bring(self, path: str, sha256: str | None) -> bool:
        try:
            with self.source.at(path) as copy:
                digest = digest_of_file(copy)
                if sha256 not in (None, digest.sha256):
                    raise StorageError(_OTHERWISE.format(self.source.where(path), "is not what its row says"))
                if self.target.holds(path, digest):
                    return False
                self.target.bring_in(copy, path)
        except FileNotFoundError:
            raise StorageError(_OTHERWISE.format(self.source.where(path), "is missing")) from None
        return True
