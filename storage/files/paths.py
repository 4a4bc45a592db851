"""Paths of a gallery, built from checked names, ids, md5 and fixed lists alone; no text of the site ever reaches one.

The one place where a path below `gallery/` or `models/` is put together; a test holds it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from storage.errors import RefusedFile
from storage.files.layout import MODELS, require_folder
from storage.names import ModelName, TargetName
from storage.records import FILE_EXTENSIONS, RENDITION_NAMES

SHOWN = "shown"  # among a picture's renditions: a larger one for people, that no decision rests on
_MD5 = re.compile(r"[0-9a-f]{32}")


def models_folder(root: Path) -> Path:
    """The folder below which a gallery's models lie.

    Raises:
        StorageError: there is a link, or no folder.
    """
    return _plain(root / MODELS)


def target_models(models: Path, target: str) -> Path:
    """The folder of one target's models.

    Args:
        models: as `models_folder` gives it.

    Raises:
        BadName: the target's name cannot be one.
        StorageError: there is a link, or no folder.
    """
    return _plain(models / TargetName(target))


def model_folder(models: Path, name: ModelName) -> Path:
    """The folder of one model.

    Args:
        models: as `models_folder` gives it.

    Raises:
        StorageError: there is a link, or no folder.
    """
    return _plain(target_models(models, name.target) / str(name.number))


def _plain(folder: Path) -> Path:
    require_folder(folder)
    return folder


def gallery_folder(target: str) -> str:
    """Where a target's originals lie.

    Raises:
        BadName: the target's name cannot be one.
    """
    return f"gallery/{TargetName(target)}"


def original_path(target: str, post_id: int, md5: str, ext: str, *, apart: str = "") -> str:
    """Where a post's original lies in the gallery.

    Args:
        target: whom it shows.
        post_id: the site's number.
        md5: of the file.
        ext: its type.
        apart: the post's site, where a post of another site with this number and file has the name; mirrors share both.

    Raises:
        BadName: the target's name cannot be one.
        RefusedFile: the id, md5 or extension cannot be one.
    """
    mark = f"_{hashlib.sha256(apart.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}" if apart else ""
    return f"{gallery_folder(target)}/{_checked_id(post_id)}_{_checked_md5(md5)}{mark}.{checked_ext(ext)}"


def is_text(path: str) -> bool:
    """Whether a path of the user's can be kept in a row: a file system's names need not be UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def rendition_path(md5: str, name: str, ext: str) -> str:
    """Where a rendition lies."""
    if name not in (*RENDITION_NAMES, SHOWN):
        raise RefusedFile(f"rendition {name!r}: not one of {', '.join(RENDITION_NAMES)}")
    return f"renditions/{_checked_md5(md5)[:2]}/{md5[2:4]}/{md5}.{name}.{checked_ext(ext)}"


def staging_path(attempt_id: int) -> str:
    """Where an attempt's bytes are collected."""
    return f"staging/{int(attempt_id)}.part"


def moved_path(place: str, move_id: int, ext: str, again: int = 0) -> str:
    """Where a file goes that leaves the gallery; `place` is `trash` or `damaged`, `again` makes another name."""
    return f"{place}/{int(move_id)}{f'-{int(again)}' if again else ''}.{checked_ext(ext)}"


def checked_ext(ext: str) -> str:
    """An extension from the fixed list.

    Raises:
        RefusedFile: it is not in the list.
    """
    if ext not in FILE_EXTENSIONS:
        raise RefusedFile(f"file type {ext!r}: not one of {', '.join(sorted(FILE_EXTENSIONS))}")
    return ext


def _checked_md5(md5: str) -> str:
    if not _MD5.fullmatch(md5):
        raise RefusedFile(f"md5 {md5!r}: not 32 hex digits")
    return md5


def _checked_id(post_id: int) -> int:
    if not 0 <= post_id < 2**63:
        raise RefusedFile(f"post id {post_id}: out of range")
    return post_id
