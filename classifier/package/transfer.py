"""A package from one place to another: only the files that its manifest lists, durable, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from classifier.package.files import MANIFEST, PackageFiles
from classifier.package.package import load_package
from classifier.package.whole_folder import whole_folder


class Checked(Protocol):
    """A package of any kind whose files are as its manifest says."""

    @property
    def folder(self) -> Path: ...
    @property
    def files(self) -> PackageFiles: ...
    @property
    def hash(self) -> str: ...


class Load(Protocol):
    """Reads a package, checking it."""

    def __call__(self, folder: Path, *, expected_hash: str | None = None) -> Checked:
        """Raises PackageError where something is missing or altered."""
        ...


def copy_package(package: Checked, folder: Path, load: Load = load_package) -> None:
    """Copy a checked package; it appears at `folder` whole or not at all, and is checked there again.

    Args:
        package: of any kind.
        folder: where it is to be.
        load: reads a package of this kind, checking it.

    Raises:
        FileExistsError: there is something at `folder` already.
        PackageError: the files changed while they were copied.
        OSError: the disk refuses.
    """
    with whole_folder(folder) as work:
        for name in (MANIFEST, *package.files.listed):  # names that `load_package` found harmless
            (work / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(package.folder / name, work / name, follow_symlinks=False)
        load(work, expected_hash=package.hash)
    load(folder, expected_hash=package.hash)
