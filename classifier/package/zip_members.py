"""Archives as we write them: a few members, none of them compressed, each under its own name.

Both files of a package that are archives (`.npz` and `.keras`) are written so. What is not so was not written by us,
and is refused from its directory, before anything is unpacked: then it cannot unpack to more than its own size.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from typing import BinaryIO

_END = struct.Struct("<4sHHHHIIH")  # the record at an archive's end; we write no comment behind it
_LOCAL = struct.Struct("<4s5H3I2H")  # the header before each member
_DIRECTORY_LIMIT = 64 * 1024  # bytes


class NotOurArchive(ValueError):
    """An archive that this program does not write."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes lie in its archive."""

    start: int
    size: int  # bytes


def members(
    archive: BinaryIO, size: int, expected: Collection[str], optional: Collection[str] = ()
) -> dict[str, Member]:
    """The members of an archive, all of which are there as plain bytes.

    Args:
        archive: open for reading; can seek.
        size: of the archive, bytes.
        expected: names that it must have, and no others.
        optional: names that it may have besides.

    Raises:
        NotOurArchive: it is none, or not one as we write them; says why.
    """
    _check_end(archive, size, len(expected) + len(optional))
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, struct.error, NotImplementedError) as error:
        raise NotOurArchive(f"it is not an archive: {error}") from error
    names = [entry.filename for entry in entries]
    if sorted(set(names) - set(optional)) != sorted(expected) or len(set(names)) != len(names):
        raise NotOurArchive(
            f"it holds {', '.join(map(repr, sorted(names)[:5]))}, expected {', '.join(sorted(expected))}"
        )
    located: dict[str, Member] = {}
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size or entry.flag_bits & 1:
            raise NotOurArchive(f"{entry.filename} is compressed or encrypted; nothing in it may be")
        located[entry.filename] = Member(_start(archive, entry), entry.file_size)
    _check_apart(located, size)
    return located


def _check_end(archive: BinaryIO, size: int, most: int) -> None:
    """Before the directory is read: it is small, and has no more entries than are expected."""
    if size < _END.size:
        raise NotOurArchive("it is not an archive: too short")
    archive.seek(size - _END.size)
    magic, disk, first, here, entries, length, at, comment = _END.unpack(archive.read(_END.size))
    if magic != b"PK\x05\x06" or comment:
        raise NotOurArchive("it is not an archive: it does not end like one")
    if (disk, first) != (0, 0) or here != entries or entries > most or length > _DIRECTORY_LIMIT:
        raise NotOurArchive(f"its directory says {entries} members in {length} bytes, expected {most} members")
    if at + length + _END.size != size:
        raise NotOurArchive("its directory is not where it says")


def _start(archive: BinaryIO, entry: zipfile.ZipInfo) -> int:
    archive.seek(entry.header_offset)
    head = archive.read(_LOCAL.size)
    if len(head) != _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise NotOurArchive(f"{entry.filename} is not where its directory says")
    name, extra = _LOCAL.unpack(head)[-2:]
    return entry.header_offset + _LOCAL.size + int(name) + int(extra)


def _check_apart(members: dict[str, Member], size: int) -> None:
    """No two members share bytes, and all lie within the archive."""
    end = 0
    for member in sorted(members.values(), key=lambda one: one.start):
        if member.start < end or member.start + member.size > size:
            raise NotOurArchive("its members overlap")
        end = member.start + member.size
