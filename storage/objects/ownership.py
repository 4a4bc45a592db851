"""Whose a store's objects are: the id that a new gallery leaves there, and every other one is asked for."""

from __future__ import annotations

from pathlib import Path

from storage.archive_records import ArchiveSettings
from storage.errors import DatabaseMissing, RefusedRoot, WrongRoot
from storage.files.disk import Disk
from storage.files.layout import ADDRESS, DATABASE, FOLDERS, IDENTITY, OBJECTS
from storage.files.single_files import write_whole
from storage.objects.address import ObjectAddress, checked_address
from storage.objects.bucket import Bucket, require_library
from storage.objects.location import identity_in, remembered_objects, require_identity

PICTURES = tuple(folder for folder in FOLDERS if folder != "staging")


def begin_objects(root: Path, address: ObjectAddress, identity: str, settings: ArchiveSettings) -> None:
    """Let objects be a new gallery's, and its root remember where they are; killed, the same call goes on.

    Args:
        root: of the gallery.
        address: where its objects are to be.
        identity: its id.
        settings: the root's disk.
    Raises:
        DatabaseMissing: this gallery's are there, with pictures, so that it once had a database.
        the rest: as `claim` says.
    """
    bucket = Bucket(address)
    if claim(bucket, identity) and set(bucket.entries("")) & set(PICTURES) and not settings.database:
        raise DatabaseMissing(
            f"{root / DATABASE}: is gone, but {address} has files; put a backup from {root}/backups in its place"
        )
    remember(root, address, settings.disk)


def claim(bucket: Bucket, identity: str) -> bool:
    """Let objects be a gallery's; says whether they were already.

    Raises:
        WrongRoot: another gallery's objects are there.
        RefusedRoot: somebody else's are.
        StorageError: the store refuses, or cannot be reached.
    """
    stored = identity_in(bucket)
    if stored is None and (foreign := sorted(set(bucket.entries("")) - {"trial"})):
        raise RefusedRoot(
            f"{bucket.address}: is not empty and no gallery (it holds {foreign[0]}); choose another prefix"
        )
    if stored is None:
        bucket.put(IDENTITY, identity.encode() + b"\n")
    if identity_in(bucket) != identity:
        raise WrongRoot(
            f"{bucket.address}: holds another gallery; choose another prefix, or name its database as well (--database)"
        )
    return stored is not None


def remember(root: Path, address: ObjectAddress, disk: Disk | None = None) -> None:
    """Let a gallery's root say where its pictures are."""
    write_whole(root / OBJECTS, f"{address}\n".encode(), disk)


def shared_identity(address: str) -> str | None:
    """The id of the gallery whose objects are at an address: a second machine's root takes it over.

    Raises:
        StorageError: the store refuses, or cannot be reached.
    """
    return identity_in(Bucket(checked_address(address)))


def follow_objects(root: Path, words: str) -> None:
    """Let a gallery's root remember another address of its pictures: of a store that has moved, or another way to it.

    Args:
        root: of a gallery; any other folder is left alone.
        words: the address, as typed.
    Raises:
        RefusedRequest: it is no address, the pictures are in the folder, or there is no library for it.
        WrongRoot: another gallery's are there, or none.
        StorageError: the store refuses, or cannot be reached.
    """
    address = checked_address(words)
    require_library()
    remembered = remembered_objects(root)
    is_begun = (root / DATABASE).exists() or (root / ADDRESS).exists()
    if remembered == address or not is_begun:
        return
    if remembered is None:
        raise RefusedRoot(f"{root}: its pictures are in the folder: leave --files out, or move them: crawl files copy")
    require_identity(root, Bucket(address))
    remember(root, address)
