"""A package from one place to another: only the files that its manifest lists, durable, whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from classifier.package.files import MANIFEST
from classifier.package.package import Package, load_package
from classifier.package.whole_folder import sync_tree
from system.flush import flush


def copy_package(package: Package, folder: Path) -> Package:
    """Copy a checked package; it appears at `folder` whole or not at all, and is checked there again.

    Raises:
        FileExistsError: there is something at `folder` already.
        PackageError: the files changed while they were copied.
        OSError: the disk refuses.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; a package is never overwritten")
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = folder.with_name(f".work-{folder.name}-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)  # ours by name: left by a killed process with our number
    try:
        work.mkdir(mode=0o700)
        for name in (MANIFEST, *package.files.listed):  # names that `load_package` found harmless
            (work / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(package.folder / name, work / name, follow_symlinks=False)
        load_package(work, expected_hash=package.hash)
        sync_tree(work)
        work.rename(folder)
        flush(folder.parent)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return load_package(folder, expected_hash=package.hash)
