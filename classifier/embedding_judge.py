"""Looks at pictures with a package's network: encoded bytes in, embeddings out; whom they show is asked afterwards.

The same decoders, windows and scorer process as in `classifier.judge`, without a target's head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import numpy as np

from classifier.errors import PictureFault
from classifier.head import EMBEDDING_DTYPE, read_embedding
from classifier.inference.batcher import PackagePin, Scorer
from classifier.judge import JudgeSettings
from classifier.package.package import Package
from classifier.pictures.decoder_pool import Decoders
from classifier.recognition.package import RecogniserPackage
from classifier.recognition.recogniser import Recogniser
from storage.records import JudgeStats, Look


class EmbeddingJudge:
    """One network at work; use as an async context manager."""

    def __init__(self, package: Package | RecogniserPackage, settings: JudgeSettings | None = None) -> None:
        """Nothing is loaded before the context is entered."""
        self._package = package
        self._settings = settings or JudgeSettings()
        self._room = asyncio.Semaphore(self._settings.in_flight)
        self._stack = AsyncExitStack()
        self._decoders: Decoders | None = None
        self._scorer: Scorer | None = None

    async def __aenter__(self) -> Self:
        """Load the network, start the processes.

        Raises:
            ModelError: it is altered, fails its canaries, or loads too slowly.
        """
        package, preprocessing = self._package, self._package.preprocessing
        async with AsyncExitStack() as stack:
            settings = self._settings
            decoders = Decoders([preprocessing], settings.decoders, windows=[preprocessing], standby=settings.standby)
            self._decoders = await stack.enter_async_context(decoders)
            pins: dict[str, PackagePin] = {package.target: PackagePin(package.folder, package.hash)}
            scorer = Scorer(pins, settings.scorer, standby=settings.standby)
            self._scorer = await stack.enter_async_context(scorer)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoders = self._scorer = None
        await self._stack.aclose()

    @property
    def device(self) -> str:
        """What computes: cpu | gpu."""
        return self.stats().device

    def stats(self) -> JudgeStats:
        """How busy it has been."""
        scorer = self._scorer
        if scorer is None:
            return JudgeStats(0, 0, 0.0, 0, "none", "none")
        counts, device = scorer.counts, scorer.backbones[0]
        return JudgeStats(counts.pictures, counts.batches, counts.busy_s, 0, device.device, device.runtime)

    async def look(self, picture: bytes) -> Look:
        """Decode and embed one encoded picture; never raises for a bad picture.

        Raises:
            ModelError: the model or its device fails as a whole.
        """
        decoders, scorer = self._decoders, self._scorer
        if decoders is None or scorer is None:
            raise RuntimeError("the judge is not open; use `async with`")
        async with self._room:
            try:
                decoded = await decoders.decode(picture)
            except PictureFault as fault:
                return Look(fault=fault.reason)
            views = (decoded.pixels[0], *(decoded.windows[0] if decoded.windows else ()))
            answers = await asyncio.gather(*(scorer.embed(0, pixels) for pixels in views))
        hash_ = self._package.backbone_hash
        return Look(
            embeddings={hash_: answers[0]},
            width=decoded.width,
            height=decoded.height,
            format=decoded.format,
            picture_hash=decoded.hash,
            windows={hash_: b"".join(answers[1:])} if len(answers) > 1 else {},
            too_small=decoded.too_small,
        )

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """What `look` gave, from stored embeddings: the whole picture's, then its windows'."""
        length = self._package.dimension * EMBEDDING_DTYPE.itemsize
        windows = {name: views[length:] for name, views in embeddings.items() if len(views) > length}
        return Look(embeddings={name: views[:length] for name, views in embeddings.items()}, windows=windows)


def named_in_views(recogniser: Recogniser, stored: bytes) -> tuple[str | None, float]:
    """Whom a picture shows, or nobody, and how likely that is, from the embeddings of its looks, end to end.

    The looks' probabilities are averaged: a picture of extreme shape is looked at whole and in windows.

    Raises:
        ValueError: they are not of the recogniser's length.
    """
    views = read_embedding(stored).reshape(-1, recogniser.dimension)
    probabilities = recogniser.scores(views).mean(axis=0, keepdims=True)
    return recogniser.decide(probabilities)[0], float(np.max(probabilities))
