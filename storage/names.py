"""Names on disk, built from checked ids, md5, and fixed lists alone; no text of the site ever reaches a path."""

from __future__ import annotations

import re

from storage.errors import RefusedFile, RefusedRequest
from storage.records import FILE_EXTENSIONS, RENDITION_NAMES

_MD5 = re.compile(r"[0-9a-f]{32}")
_TARGET = re.compile(r"[a-z0-9][a-z0-9_'().!+&~-]{0,99}")
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def original_path(target: str, post_id: int, md5: str, ext: str) -> str:
    """Where a post's original lies in the gallery."""
    return f"gallery/{checked_target(target)}/{_checked_id(post_id)}_{_checked_md5(md5)}.{checked_ext(ext)}"


def rendition_path(md5: str, name: str, ext: str) -> str:
    """Where a rendition lies."""
    if name not in RENDITION_NAMES:
        raise RefusedFile(f"rendition {name!r}: not one of {', '.join(RENDITION_NAMES)}")
    return f"renditions/{_checked_md5(md5)[:2]}/{md5[2:4]}/{md5}.{name}.{checked_ext(ext)}"


def staging_path(attempt_id: int) -> str:
    """Where an attempt's bytes are collected."""
    return f"staging/{int(attempt_id)}.part"


def moved_path(place: str, move_id: int, ext: str, again: int = 0) -> str:
    """Where a file goes that leaves the gallery; `place` is `trash` or `damaged`, `again` makes another name."""
    return f"{place}/{int(move_id)}{f'-{int(again)}' if again else ''}.{checked_ext(ext)}"


def checked_target(target: str) -> str:
    """A target's name, when it can name a folder.

    Raises:
        RefusedRequest: it cannot.
    """
    if not _TARGET.fullmatch(target) or target.endswith(".") or _WINDOWS_DEVICES.fullmatch(target):
        raise RefusedRequest(f"{target!r}: cannot name a folder; use up to 100 of a-z 0-9 _ - ( ) '")
    return target


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
