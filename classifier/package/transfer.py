"""A package from one place to another: only the files that its manifest lists, durable, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from classifier.package.files import MANIFEST
from classifier.package.package import Package, load_package
from classifier.package.whole_folder import whole_folder


def copy_package(package: Package, folder: Path) -> Package:
    """Copy a checked package; it appears at `folder` whole or not at all, and is checked there again.

    Raises:
        FileExistsError: there is something at `folder` already.
        PackageError: the files changed while they were copied.
        OSError: the disk refuses.
    """
    with whole_folder(folder) as work:
        for name in (MANIFEST, *package.files.listed):  # names that `load_package` found harmless
            (work / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(package.folder / name, work / name, follow_symlinks=False)
        load_package(work, expected_hash=package.hash)
    return load_package(folder, expected_hash=package.hash)
