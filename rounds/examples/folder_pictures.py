"""Reading and decoding pictures of a folder: many at a time, within a budget of bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

HELD_BYTES = 256 * 1024 * 1024  # of encoded pictures that are in memory at a time
_Picture = TypeVar("_Picture", covariant=True)


class PictureDecoder(Protocol[_Picture]):
    """Decodes pictures in processes of its own; `classifier.pictures.decoder_pool.Decoders` does."""

    async def decode(self, picture: bytes) -> _Picture:
        """Raises PictureFault for a picture that cannot be decoded."""
        ...


class PictureFile(Protocol):
    """A picture that is not read yet."""

    @property
    def size(self) -> int: ...  # bytes
    def read(self) -> bytes:
        """Raises PictureFault or OSError where it cannot be read."""
        ...


class ByteBudget:
    """How many bytes may be held at a time; further ones wait. What is larger than the whole budget is held alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._freed = asyncio.Event()

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold so many bytes while the block runs; waits for others to end."""
        while self._held and self._held + size > self._most:
            self._freed.clear()
            await self._freed.wait()
        self._held += size
        try:
            yield
        finally:
            self._held -= size
            self._freed.set()


async def decoded(picture: PictureFile, decoder: PictureDecoder[_Picture], budget: ByteBudget) -> _Picture:
    """Read and decode a picture, within a budget that all who do so at the same time share.

    Raises:
        PictureFault: it cannot be decoded.
        OSError: it cannot be read.
    """
    async with budget.hold(picture.size):
        return await decoder.decode(await asyncio.to_thread(picture.read))
