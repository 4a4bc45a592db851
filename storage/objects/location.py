"""Where a gallery's pictures are: in its folder, or objects of a store that the root remembers."""

from __future__ import annotations

from pathlib import Path

from storage.errors import RefusedRequest, WrongRoot
from storage.files.disk import Disk
from storage.files.layout import IDENTITY, OBJECTS
from storage.files.store import FileStore
from storage.files.tree import Tree
from storage.objects.address import ObjectAddress, checked_address
from storage.objects.bucket import Bucket
from storage.objects.object_tree import ObjectTree


def files_of(root: Path, disk: Disk | None = None, mode: int | None = None) -> FileStore:
    """The files of the gallery with this root.

    Args:
        root: must be there.
        disk: its file system; None: this machine's.
        mode: of pictures in a folder, 0..0o777; None: as the umask says.
    Raises:
        WrongRoot: the root remembers something that is no address, or the objects are another gallery's.
        StorageError: the store refuses, or cannot be reached.
        RefusedRequest: there is no library for it.
    """
    address = remembered_objects(root)
    if address is None:
        return Tree(root, disk, mode)
    bucket = Bucket(address)
    require_identity(root, bucket)
    return ObjectTree(root, bucket, disk)


def remembered_objects(root: Path) -> ObjectAddress | None:
    """In which store the gallery's pictures are; None: in its folder, or there is no gallery.

    Raises:
        WrongRoot: what is remembered is no address.
    """
    try:
        return checked_address((root / OBJECTS).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (RefusedRequest, UnicodeDecodeError) as error:
        raise WrongRoot(f"{root / OBJECTS}: does not say where the pictures are ({error})") from None


def require_identity(root: Path, bucket: Bucket) -> None:
    """Compare the root's id with that of the objects: a wrong prefix must not look like a gallery without pictures.

    Raises:
        WrongRoot: they differ, or there is none.
        StorageError: the store refuses, or cannot be reached.
    """
    stored, own = identity_in(bucket), (root / IDENTITY).read_text("ascii", "replace").strip()
    if stored is None:
        raise WrongRoot(f"{bucket.address}: there is no gallery, and {root} says that its pictures are there")
    if stored != own:
        raise WrongRoot(f"{bucket.address}: the pictures of another gallery than {root} are there")


def identity_in(bucket: Bucket) -> str | None:
    """The id of the gallery whose objects are there; None: there are none yet.

    Raises:
        StorageError: there is no such bucket, the store refuses, or it cannot be reached.
    """
    try:
        return bucket.read(IDENTITY).decode("ascii", "replace").strip()
    except FileNotFoundError:
        bucket.require_bucket()
        return None
