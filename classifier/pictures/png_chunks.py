"""A PNG's chunks: what pixels depend on, and what is left out before anybody decodes it.

Colour profiles, text and animation frames change no pixel of ours, but a decoder that reads them can be made to
unpack gigabytes, or gives up on a whole picture for a wrong checksum in a comment. Whoever shows a PNG does without
them; so do we. What is needed to show a picture is kept as it is, damage included: then the decoder speaks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from classifier.errors import PictureFault

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE = 0, 2, 3  # colour types that may have a transparent colour
MOST_CHUNKS = 500_000  # pieces of pixels of a picture of 64 MB are not so many
MOST_METADATA = 1_000_000  # bytes, unpacked, of the little that is kept because it may tell the orientation
_ANCILLARY = 0x20  # bit of a chunk's first letter: the pixels do without it
_KEPT = (b"tRNS", b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # of the ancillary ones, and only what tells something of use
_ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # keywords of text that may tell it


@dataclass(frozen=True, slots=True)
class _Chunk:
    kind: bytes
    start: int  # of the chunk, its length field
    end: int  # after its checksum


def header(png: bytes) -> tuple[int, int]:
    """Bits a sample and colour type, as the header says; zeros where it is cut short."""
    return (png[24], png[25]) if len(png) > 25 else (0, 0)


def without_metadata(png: bytes, most_chunks: int = MOST_CHUNKS) -> bytes:
    """The same PNG with nothing but what its pixels and its orientation need.

    Raises:
        PictureFault: `undecodable`, it has more chunks than any picture.
    """
    kept: list[memoryview] = [memoryview(png)[: len(SIGNATURE)]]
    seen: set[bytes] = set()
    view, whole, at = memoryview(png), True, len(SIGNATURE)
    for chunk in _chunks(png, most_chunks):
        key = png[chunk.start + 4 : chunk.start + 16]  # the kind and, of text, the beginning of its keyword
        once = key not in seen or not chunk.kind[0] & _ANCILLARY
        if once and _needed(png, chunk):
            seen.add(key)
            kept.append(view[chunk.start : chunk.end])
        else:
            whole = False
        at = chunk.end
        if chunk.kind == b"IEND":
            break
    else:
        rest = view[at:]  # cut short: the decoder tells whether that matters, unless it is metadata
        if len(rest) >= 8 and rest[4] & _ANCILLARY:
            whole = False
        else:
            kept.append(rest)
    return png if whole else b"".join(kept)


def _chunks(png: bytes, most: int) -> Iterator[_Chunk]:
    """The chunks that are there to their end."""
    at = len(SIGNATURE)
    for _ in range(most):
        if at + 8 > len(png):
            return
        size, kind = struct.unpack_from(">I4s", png, at)
        end = at + 12 + size
        if end > len(png):
            return
        yield _Chunk(kind, at, end)
        at = end
    raise PictureFault("undecodable", f"more than {most} chunks")


def _needed(png: bytes, chunk: _Chunk) -> bool:
    if not chunk.kind[0] & _ANCILLARY:
        return True
    size = chunk.end - chunk.start - 12
    if chunk.kind not in _KEPT or size > MOST_METADATA or not _intact(png, chunk):
        return False
    body = png[chunk.start + 8 : chunk.end - 4]
    if chunk.kind == b"tRNS":
        return size in {GREY: (2,), RGB: (6,), PALETTE: range(1, 257)}.get(header(png)[1], ())
    return chunk.kind == b"eXIf" or (body.startswith(_ORIENTATION) and _unpacks_to_little(chunk.kind, body))


def _intact(png: bytes, chunk: _Chunk) -> bool:
    """Whether the checksum is right."""
    body = memoryview(png)[chunk.start + 4 : chunk.end - 4]
    return zlib.crc32(body) == int.from_bytes(png[chunk.end - 4 : chunk.end], "big")


def _unpacks_to_little(kind: bytes, text: bytes) -> bool:
    """Whether text is no more than `MOST_METADATA` unpacked; no more than that is unpacked to see."""
    packed = text.partition(b"\0")[2]
    if kind == b"iTXt" and packed[:1] == b"\1":
        packed = b"\0" + packed[2:].split(b"\0", 2)[-1]
    elif kind != b"zTXt":
        return True
    try:
        unpacking = zlib.decompressobj()
        unpacking.decompress(packed[1:], MOST_METADATA)
        return unpacking.eof
    except zlib.error:
        return False
