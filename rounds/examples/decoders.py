"""Protocols of the decoders that a round uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from classifier.pictures.preprocessing import Pixels


class Decoded(Protocol):
    """A preprocessed picture, one array a preprocessing."""

    @property
    def pixels(self) -> Sequence[Pixels]: ...


class PixelDecoder(Protocol):
    """Decodes pictures in processes of its own; `classifier.pictures.decoder_pool.Decoders` does."""

    async def decode(self, picture: bytes) -> Decoded:
        """Raises PictureFault for a picture that cannot be decoded."""
        ...


class Hashed(Decoded, Protocol):
    """A decoded picture with its hash."""

    @property
    def hash(self) -> int:
        """By `classifier.pictures.dhash`, 0..2**64-1."""
        ...


class HashingDecoder(Protocol):
    """Decodes pictures in processes of its own; `classifier.pictures.decoder_pool.Decoders` does."""

    async def decode(self, picture: bytes) -> Hashed:
        """Raises PictureFault for a picture that cannot be decoded."""
        ...
