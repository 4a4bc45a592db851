"""A WebP that was cut behind its pixels: in its metadata, in a later frame, or before the byte that fills up a chunk.

The decoder refuses a file that is shorter than its header says, whatever is missing. Here what is whole is put
together again; a picture whose own bytes are cut stays refused.
"""

from __future__ import annotations

import struct

_PIXELS = (b"VP8 ", b"VP8L", b"ANMF")  # chunks with a picture, or a frame of one
_NEEDED = (*_PIXELS[:2], b"VP8X", b"ALPH", b"ANIM")  # none of them may be cut
_FLAGS = {b"ICCP": 0x20, b"EXIF": 0x08, b"XMP ": 0x04}  # in the header that announces such chunks
_HEADER = 12  # bytes before the first chunk


def completed(webp: bytes) -> bytes | None:
    """The same picture without what was cut; None where its pixels were, or nothing was."""
    if len(webp) < _HEADER or int.from_bytes(webp[4:8], "little") + 8 <= len(webp):
        return None
    kept: dict[int, tuple[bytes, bytes]] = {}
    at = _HEADER
    while at + 8 <= len(webp):
        kind, size = webp[at : at + 4], int.from_bytes(webp[at + 4 : at + 8], "little")
        if at + 8 + size > len(webp):
            if kind in _NEEDED:
                return None
            break
        kept[at] = kind, webp[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    kinds = {kind for kind, _ in kept.values()}
    if not kinds & set(_PIXELS):
        return None
    body = b"WEBP" + b"".join(_chunk(kind, content, kinds) for kind, content in kept.values())
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(kind: bytes, content: bytes, kinds: set[bytes]) -> bytes:
    if kind == b"VP8X" and content:
        absent = sum(flag for name, flag in _FLAGS.items() if name not in kinds)
        content = bytes([content[0] & ~absent & 0xFF]) + content[1:]
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
