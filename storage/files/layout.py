"""What lies where in a root, and the one rule about it: nothing of a gallery is a link, and none is followed.

Pictures are reached through directory handles (`storage.files.tree`), which see a link that is put there later as well.
What others open by its path - the database, the log, models, backups - is looked at here, before it is opened.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from storage.errors import StorageError

DATABASE = "crawl.db"
COPY = "crawl.db.copy"  # of a server's database, while it is made
ADDRESS = ".database"  # of a database on a server; where it is, there is no crawl.db
OBJECTS = ".files"  # address of the store that has the pictures; where it is, none lie in the root
IDENTITY = ".gallery-id"
LOCK = ".lock"
LOG = "crawl.log"
MODELS = "models"
BACKUPS = "backups"
VECTORS = "vectors"  # a cache of `storage.retrieval`
FOLDERS = ("gallery", "renditions", "trash", "damaged", "staging")

_BESIDE_A_DATABASE = ("", "-wal", "-shm", "-journal")
_OUR_FILES = (
    LOCK,
    IDENTITY,
    f"{IDENTITY}.part",
    ADDRESS,
    f"{ADDRESS}.part",
    OBJECTS,
    f"{OBJECTS}.part",
    *(f"{name}{end}" for name in (DATABASE, f"{DATABASE}.new", COPY) for end in _BESIDE_A_DATABASE),
)
_OUR_FOLDERS = (*FOLDERS, MODELS, BACKUPS, VECTORS)
OWN = frozenset({*_OUR_FILES, *_OUR_FOLDERS, LOG})


def require_plain(root: Path) -> None:
    """Refuse a root in which a name of ours is anything but a plain file or folder.

    The root itself may be reached through links: where it lies is its owner's choice.

    Raises:
        StorageError: the line names the path.
    """
    for name in _OUR_FOLDERS:
        require_folder(root / name)
    for name in _OUR_FILES:
        require_file(root / name)
    for path in _beginning_with(root, LOG):
        require_file(path)
    for path in _model_folders(root / MODELS):
        require_folder(path)


def require_folder(path: Path) -> None:
    """Refuse what is there and no plain folder.

    Raises:
        StorageError: a link, a file, a pipe …
    """
    mode = _mode(path)
    if mode is not None and not stat.S_ISDIR(mode):
        raise StorageError(f"{path}: is {kind_of(mode)} where a folder should be; move it away")


def require_file(path: Path) -> None:
    """Refuse what is there and no plain file.

    Raises:
        StorageError: a link, a folder, a pipe …
    """
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):
        raise StorageError(f"{path}: is {kind_of(mode)} where a file should be; move it away")


def gallery_around(path: Path) -> Path | None:
    """The gallery to whose own files and folders a path belongs, links followed; None: nobody's.

    Asked before something is written where a user says: a list that takes the place of a database costs all labels.
    """
    real = Path(os.path.realpath(path))
    for below, root in zip((real, *real.parents), real.parents, strict=False):
        name = below.name.casefold()  # the file system may not tell capitals from small letters
        if (name in OWN or name.startswith((LOG, DATABASE))) and is_gallery(root):
            return root
    return None


def is_gallery(root: Path) -> bool:
    """Whether a folder is a gallery's root; False where it cannot be looked into."""
    try:
        return (root / IDENTITY).exists()
    except OSError:  # a folder that is closed to us
        return False


def kind_of(mode: int) -> str:
    """What a file mode stands for, for people."""
    if stat.S_ISLNK(mode):
        return "a link"
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a file" if stat.S_ISREG(mode) else "a device, pipe or socket"


def _mode(path: Path) -> int | None:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _beginning_with(root: Path, name: str) -> Iterator[Path]:
    """The entries of a folder whose names begin so; none where it cannot be listed."""
    try:
        with os.scandir(root) as entries:
            yield from [root / entry.name for entry in entries if entry.name.startswith(name)]
    except (FileNotFoundError, NotADirectoryError):
        return


def _model_folders(models: Path) -> Iterator[Path]:
    """Links among `models/<target>` and `models/<target>/<number>`; whatever else lies there is nobody's."""
    for target in _beginning_with(models, ""):
        if target.is_symlink():
            yield target
        elif target.is_dir():
            yield from (path for path in _beginning_with(target, "") if path.is_symlink())
