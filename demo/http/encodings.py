"""Content encodings for rules: honest ones, a bomb, and one cut short. Brotli is written as stored blocks only."""

from __future__ import annotations

import gzip
import zlib

BOMB_BYTES = 200 * 1024 * 1024  # decoded
_BLOCK = 1 << 16


def encoded(body: bytes, how: str) -> tuple[str, bytes]:
    """The `Content-Encoding` and the encoded body; `how` is gzip, br, bomb or cut."""
    if how == "br":
        return "br", stored_brotli(body)
    if how == "bomb":
        return "gzip", gzip_bomb()
    packed = gzip.compress(body, 6, mtime=0)
    return "gzip", packed[: len(packed) // 2] if how == "cut" else packed


def gzip_bomb(size: int = BOMB_BYTES) -> bytes:
    """A small gzip body that unpacks to `size` zero bytes; made without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    parts = [packer.compress(zeros) for _ in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


def stored_brotli(body: bytes) -> bytes:
    """Valid brotli that compresses nothing (RFC 7932, uncompressed meta-blocks)."""
    bits, used, out = 0, 1, bytearray()  # WBITS: one 0 bit means a window of 16 bits
    for start in range(0, len(body), _BLOCK):
        block = body[start : start + _BLOCK]
        # ISLAST 0, MNIBBLES 4 (two 0 bits), length - 1 in 16 bits, ISUNCOMPRESSED 1; then fill up the byte
        bits |= (len(block) - 1) << (used + 3) | 1 << (used + 19)
        used += 20
        out += bits.to_bytes((used + 7) // 8, "little") + block
        bits, used = 0, 0
    bits |= 3 << used  # ISLAST 1, ISLASTEMPTY 1
    return bytes(out) + bits.to_bytes(1, "little")
