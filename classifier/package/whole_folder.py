"""A package folder that appears at its place whole or not at all: written beside it, made durable, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.package.files import MANIFEST
from system.flush import flush

ListedFiles = Mapping[str, Mapping[str, int | str]]  # path below the folder -> size in bytes, and sha256


@dataclass(frozen=True, slots=True)
class WrittenFolder:
    """What names a folder that was written."""

    hash: str  # SHA-256 of its manifest, 64 hex digits
    files: ListedFiles  # all but the manifest


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Make a folder: the block fills the empty one that it is given; where it raises, nothing is left.

    Raises:
        FileExistsError: there is something at `folder` already.
        OSError: the disk refuses.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; a package is never overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".work-{folder.name}-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)  # ours by name: left by a killed process with our number
    try:
        work.mkdir(mode=0o700)
        yield work
        _sync_tree(work)
        put_in_place(work, folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def put_in_place(work: Path, folder: Path) -> None:
    """Rename a durable folder to its place on the same disk, and make the new name durable.

    Raises:
        OSError: there is something at `folder` already, or the disk refuses.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work.rename(folder)
    flush(folder.parent)


def write_whole(
    folder: Path, fill: Callable[[Path], None], manifest: Callable[[ListedFiles], Mapping[str, Any]]
) -> WrittenFolder:
    """Write a folder with a manifest durably.

    Args:
        folder: where it is to be.
        fill: writes every file but the manifest into the folder that it is given.
        manifest: gives the manifest's values, of JSON's types, from the files that were written.

    Raises:
        FileExistsError: there is something at `folder` already.
        OSError: the disk refuses.
    """
    with whole_folder(folder) as work:
        fill(work)
        files = _hashed_files(work)
        content = json.dumps(manifest(files), indent=1, sort_keys=True, allow_nan=False).encode()
        (work / MANIFEST).write_bytes(content)
    return WrittenFolder(hashlib.sha256(content).hexdigest(), files)


def sha256_of(path: Path) -> str:
    """Of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_tree(folder: Path) -> None:
    """Make a folder and everything in it durable."""
    for path in sorted(folder.rglob("*"), reverse=True):
        flush(path)
    flush(folder)


def _hashed_files(work: Path) -> ListedFiles:
    files = sorted(path for path in work.rglob("*") if path.is_file())
    return {
        path.relative_to(work).as_posix(): {"size": path.stat().st_size, "sha256": sha256_of(path)} for path in files
    }
