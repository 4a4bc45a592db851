"""The files of a package as its manifest lists them: what is used is what was hashed.

Only listed files are ever read, each a regular file of the listed size below the package's own folder, no link on the
way. Small ones are read once, hashed, and used as they were read; the networks are hashed where the libraries that
load them find them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from classifier.errors import PackageError
from classifier.package.bounded_json import read_json
from classifier.package.keras_file import MOST_BYTES
from classifier.package.kinds import check_kind
from storage.errors import BadName
from storage.names import TargetName
from system.regular_files import UnsafeFile, open_regular, read_regular

MANIFEST, HEAD, CANARIES, KERAS = "manifest.json", "head.npz", "canaries.npz", "backbone.keras"
REFERENCES = "references.npz"  # absent where nobody gave any
SMALL_LOOKS = "small_looks.npz"  # absent where nobody looked at small renditions, as in packages of before
RUNTIME_FILES = {"litert": "backbone.tflite"}  # runtime -> file; whoever reads the same format shares the file
REPORT = "report"
REPORT_NAME = re.compile(r"report/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_HEX64 = re.compile(r"[0-9a-f]{64}")
_MANIFEST_LIMIT = 4 * 1024 * 1024  # bytes
_LIMITS = {
    HEAD: 16 << 20,
    CANARIES: 64 << 20,
    REFERENCES: 64 << 20,
    SMALL_LOOKS: 64 << 20,
    KERAS: MOST_BYTES,
    "backbone.tflite": MOST_BYTES,
}  # bytes
_REPORT_LIMIT = 64 << 20
_MOST_FILES = 100
_PIECE = 1 << 20  # bytes that are hashed at once

Read = TypeVar("Read")


def main_file(files: Container[str]) -> str:
    """Name of the file that makes a network the one that it is: Keras', or, of an int8 model, the light one.

    Args:
        files: names of those that a package has.
    """
    light = RUNTIME_FILES["litert"]
    return light if light in files and KERAS not in files else KERAS


@dataclass(frozen=True, slots=True)
class ListedFile:
    """What the manifest says of a file."""

    size: int  # bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class PackageFiles:
    """The listed files below a folder."""

    folder: Path
    listed: Mapping[str, ListedFile]

    @classmethod
    def of(cls, folder: Path, files: Any) -> PackageFiles:
        """What a manifest lists.

        Raises:
            PackageError: it lists what no package has, or too little, or too much.
        """
        where = folder / MANIFEST
        if not isinstance(files, dict) or len(files) > _MOST_FILES:
            raise PackageError(f"{where} lists no files, or more than {_MOST_FILES}")
        for required in (main_file(files), HEAD, CANARIES):
            if required not in files:
                raise PackageError(f"{where} does not list {required}; it is not a whole package")
        listed: dict[str, ListedFile] = {}
        for name, facts in files.items():
            if name not in _LIMITS and not REPORT_NAME.fullmatch(name):
                raise PackageError(f"{where} lists {name[:200]!r}, which is not a file of a model package")
            listed[name] = _listed(where, name, facts)
        return cls(folder, listed)

    def check(self) -> None:
        """Check every file that is not read by `content`: size first, then hash.

        Raises:
            PackageError: one is missing, altered or no regular file; the message says what is really wrong.
        """
        for name in self.listed:
            if name not in (HEAD, CANARIES, REFERENCES, SMALL_LOOKS):
                self._hashed(name)

    def content(self, name: str) -> bytes:
        """A small file's content, checked.

        Raises:
            PackageError: as `check`; or it is not listed.
        """
        if name not in self.listed:
            raise PackageError(f"{self.folder / MANIFEST} does not list {name}")
        path, facts = self._path(name), self.listed[name]
        try:
            content = read_regular(path, _limit(name), links=False).content
        except OSError as error:
            raise _unreadable(path, error) from error
        self._compare(path, facts, len(content), hashlib.sha256(content).hexdigest())
        return content

    def report(self, name: str) -> bytes | None:
        """A file of the report, checked; None when the package lists none of that name.

        Raises:
            PackageError: it was altered since.
        """
        listed = f"{REPORT}/{name}"
        return self.content(listed) if listed in self.listed else None

    def _path(self, name: str) -> Path:
        """Where a listed file lies.

        Raises:
            PackageError: the folder on the way is a link.
        """
        path = self.folder / name
        if path.parent != self.folder and path.parent.is_symlink():
            raise PackageError(f"{path.parent} is a link; a package has all its files in its own folder")
        return path

    def _hashed(self, name: str) -> None:
        path, facts = self._path(name), self.listed[name]
        size, digest = 0, hashlib.sha256()
        try:
            with open_regular(path, _limit(name), links=False) as file:
                size = file.seek(0, 2)
                if size == facts.size:
                    file.seek(0)
                    while piece := file.read(_PIECE):
                        digest.update(piece)
        except OSError as error:
            raise _unreadable(path, error) from error
        self._compare(path, facts, size, digest.hexdigest())

    def _compare(self, path: Path, facts: ListedFile, size: int, sha256: str) -> None:
        if size != facts.size:
            raise PackageError(f"{path} has {size} bytes, the manifest says {facts.size}; restore it or train again")
        if sha256 != facts.sha256:
            raise PackageError(f"{path} was altered: its hash is not the manifest's; restore it or train again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Which manifests are read, and what they are called."""

    kind: str  # of `classifier.package.kinds`
    number: int  # of the format
    name: str  # key of the name under which it is registered
    called: str  # "package", "recogniser"
    manifest: str  # "a manifest"
    trained: str  # what to train again: "target", "recogniser"


def read_package(
    folder: Path,
    form: Format,
    expected_hash: str | None,
    read: Callable[[PackageFiles, Mapping[str, Any], str], Read],
) -> Read:
    """Read a package after checking that every file is what its manifest, and the caller, say.

    Args:
        folder: the package.
        form: which manifests to read.
        expected_hash: the hash under which it was registered; None trusts the manifest.
        read: gives the package from its files, the manifest with a checked name, and the manifest's hash.

    Raises:
        WrongKind: it is a package of another kind.
        PackageError: something is missing or altered; the message names it.
    """
    raw, where = read_manifest(folder), folder / MANIFEST
    digest = hashlib.sha256(raw).hexdigest()
    if expected_hash is not None and digest != expected_hash:
        raise PackageError(
            f"{where} was altered: its hash is {digest[:12]}, registered was {expected_hash[:12]}; "
            f"restore the folder from a backup or train the {form.trained} again"
        )
    try:
        manifest = read_json(raw)
        check_kind(manifest, form.kind, folder)
        if manifest["format"] != form.number:
            raise PackageError(
                f"{folder} has {form.called} format {manifest['format']!r:.40}, this program reads {form.number}; "
                f"use the program version that wrote it, or train the {form.trained} again"
            )
        name = TargetName(manifest[form.name])  # first: a name that is none is the package's worst fault
        files = PackageFiles.of(folder, manifest["files"])
        files.check()
        return read(files, manifest | {form.name: name}, digest)
    except BadName as error:
        raise PackageError(f"{where} names no {form.trained}: {error}") from error
    except KeyError as error:
        raise PackageError(f"{where} is not {form.manifest}: it does not say {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise PackageError(f"{where} is not {form.manifest}: {str(error)[:300]}") from error


def read_manifest(folder: Path) -> bytes:
    """The manifest of a package, as it lies there.

    Raises:
        PackageError: there is none.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise PackageError(f"{folder} is missing; train the target again or restore the folder")
    try:
        return read_regular(path, _MANIFEST_LIMIT, links=False).content
    except FileNotFoundError as error:
        raise PackageError(f"{path} is missing; {folder} is not a model package") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _listed(where: Path, name: str, facts: Any) -> ListedFile:
    size, sha256 = (facts.get("size"), facts.get("sha256")) if isinstance(facts, dict) else (None, None)
    if type(size) is not int or size < 0 or not isinstance(sha256, str) or not _HEX64.fullmatch(sha256):
        raise PackageError(f"{where} does not say size and hash of {name}")
    if size > _limit(name):
        raise PackageError(f"{where} says that {name} has {size} bytes, the limit is {_limit(name)}")
    return ListedFile(size, sha256)


def _limit(name: str) -> int:
    return _LIMITS.get(name, _REPORT_LIMIT)


def _unreadable(path: Path, error: OSError) -> PackageError:
    if isinstance(error, FileNotFoundError):
        return PackageError(f"{path} is missing; restore it or train the target again")
    why = error.why if isinstance(error, UnsafeFile) else f"cannot be read: {error.strerror or error}"
    own = ", the package's own file is missing" if path.is_symlink() else ""
    return PackageError(f"{path} {why}{own}; restore it or train the target again")
