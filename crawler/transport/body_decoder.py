"""Bodies decompressed by ourselves, under a cap: a small answer may otherwise unpack into gigabytes."""

from __future__ import annotations

import zlib
from typing import Protocol

from crawler.errors import TransientError

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32  # recognise either by its header


class BodyDecoder(Protocol):
    """Takes a body piece by piece."""

    def feed(self, piece: bytes) -> bytes:
        """The decoded bytes that this piece yields."""
        ...

    def finish(self) -> None:
        """The body has ended. Raises: TransientError: in the middle of something."""
        ...


class Plain:
    """No compression."""

    def feed(self, piece: bytes) -> bytes:
        """The piece itself."""
        return piece

    def finish(self) -> None:
        """Nothing to check: the length is compared elsewhere."""


class Inflated:
    """gzip or zlib, never yielding more than the cap plus one byte."""

    def __init__(self, cap: int) -> None:
        """Args: cap: bytes that the whole decoded body may have."""
        self._left = cap + 1
        self._inflate = zlib.decompressobj(GZIP_OR_ZLIB)

    def feed(self, piece: bytes) -> bytes:
        """The decoded bytes; the caller notices when the cap is passed."""
        if self._left <= 0:
            return b""
        try:
            decoded = self._inflate.decompress(piece, self._left)
        except zlib.error as error:
            raise TransientError(f"the compressed body is damaged: {error}") from error
        self._left -= len(decoded)
        return decoded

    def finish(self) -> None:
        """A gzip stream says where it ends; one that does not was cut."""
        if not self._inflate.eof:
            raise TransientError("the compressed body was cut short")


def decoder_for(encoding: str, cap: int) -> BodyDecoder:
    """The decoder for a Content-Encoding.

    Raises: TransientError: one that we did not ask for and cannot read.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return Plain()
        case "gzip" | "x-gzip" | "deflate":
            return Inflated(cap)
        case other:
            raise TransientError(f"the body came encoded as {other[:20]!r}, which we did not ask for")
