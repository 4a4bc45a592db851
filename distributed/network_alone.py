"""The judge of a worker that is asked for embeddings alone; whom they show is found where the head is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from classifier.embedding_judge import EmbeddingJudge
from classifier.judge import JudgeSettings
from classifier.package.package import Package
from classifier.recognition.package import RecogniserPackage, load_either
from classifier.taggers.client import TaggerClient
from storage.records import JudgeStats, Look


class NetworkAlone:
    """One network at work; use as an async context manager."""

    tagger: TaggerClient | None = None

    def __init__(self, folder: Path, expected_hash: str, settings: JudgeSettings) -> None:
        """Nothing is read before the context is entered."""
        self._folder, self._hash, self._settings = folder, expected_hash, settings
        self._stack = AsyncExitStack()
        self._judge: EmbeddingJudge | None = None

    async def __aenter__(self) -> Self:
        """Verify and load the package.

        Raises:
            ModelError: it is altered, fails its check pictures, or loads too slowly.
        """
        package = await asyncio.to_thread(self._load)
        self._judge = await self._stack.enter_async_context(EmbeddingJudge(package, self._settings))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def look(self, picture: bytes) -> Look:
        """See `EmbeddingJudge.look`."""
        if self._judge is None:
            raise RuntimeError("the judge is not open; use `async with`")
        return await self._judge.look(picture)

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """Nobody asks for frames of a file here.

        Raises:
            ValueError: always.
        """
        raise ValueError("embeddings alone are of whole pictures")

    def stats(self) -> JudgeStats:
        """How busy it has been."""
        return JudgeStats(0, 0, 0.0, 0, "none", "none") if self._judge is None else self._judge.stats()

    def _load(self) -> Package | RecogniserPackage:
        return load_either(self._folder, expected_hash=self._hash)
