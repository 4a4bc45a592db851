"""Looks at a video with a model: frames from one process, embeddings from another, names from the timeline here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np

from classifier.arrays import FloatArray
from classifier.head import read_embedding
from classifier.inference.batcher import PackagePin, Scorer, ScorerSettings
from classifier.inference.pooling import score_views
from classifier.package.package import Package
from classifier.pictures.preprocessing import Pixels, Preprocessing
from classifier.recognition.package import RecogniserPackage
from classifier.video.frame_reader import FrameReader, ReaderSettings
from classifier.video.records import Piece, Sampling, Source, VideoInfo, Wanted
from classifier.video.timeline import Appearance, NameRule, RecogniserRule, ThresholdRule, Timeline

THUMBNAIL = 240  # pixels of the longer side

Probabilities = Callable[[bytes], FloatArray]  # of one embedding, in the columns that the rule wants


@dataclass(frozen=True, slots=True)
class Watching:
    """Who is looked for, and by which rule."""

    package: Package | RecogniserPackage
    rule: NameRule
    probabilities: Probabilities

    @classmethod
    def of(cls, package: Package | RecogniserPackage, name: str, threshold: float) -> Watching:
        """By a target's model, or by a recogniser.

        Args:
            package: of either kind.
            name: the target's.
            threshold: the target's, 0..1.
        """
        if isinstance(package, RecogniserPackage):
            recogniser = package.recogniser
            return cls(
                package,
                RecogniserRule(recogniser),
                lambda stored: recogniser.scores(read_embedding(stored).reshape(1, -1))[0],
            )
        head = package.head
        return cls(package, ThresholdRule(name, threshold), lambda stored: np.array([score_views(head, stored)]))


@dataclass(slots=True)
class Watched:
    """What a video came to."""

    info: VideoInfo
    decoded: int = 0  # frames
    looks: int = 0  # frames that the network saw
    end_s: float = 0.0  # of the video, as far as it was read
    seconds: float = 0.0  # that it took, without loading the model
    trouble: str = ""  # why it ended early; "": it did not


class Watcher:
    """One model at work on one video; use as an async context manager."""

    def __init__(
        self, watching: Watching, every_s: float, scorer: ScorerSettings, reader: ReaderSettings, *, thumbnails: bool
    ) -> None:
        """Nothing is loaded before the context is entered."""
        self._watching, self._every_s, self._scorer_settings, self._reader = watching, every_s, scorer, reader
        self._thumbnail = THUMBNAIL if thumbnails else 0
        self._stack = AsyncExitStack()
        self._scorer: Scorer | None = None
        self.watched = Watched(VideoInfo("", 0, 0, 0.0, 0.0))

    async def __aenter__(self) -> Watcher:
        """Load the network.

        Raises:
            ModelError: it is altered, fails its canaries, or loads too slowly.
        """
        package = self._watching.package
        pin = PackagePin(package.folder, package.hash)
        self._scorer = await self._stack.enter_async_context(Scorer({package.folder.name: pin}, self._scorer_settings))
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    @property
    def device(self) -> str:
        """What computes: cpu | gpu."""
        return "none" if self._scorer is None else self._scorer.backbones[0].device

    async def appearances(
        self, source: Source, report: Callable[[Watched], None] = lambda watched: None
    ) -> AsyncIterator[Appearance]:
        """Everybody who appears, in the order of their ends.

        Raises:
            VideoFault: nothing of it can be decoded.
            ModelError: the model or its device fails.
        """
        wanted = Wanted(preprocessing=self._preprocessing, thumbnail=self._thumbnail)
        timeline, started = Timeline(self._watching.rule), time.monotonic()
        async with FrameReader(source, Sampling(self._every_s), wanted, self._reader) as reader:
            watched = self.watched = Watched(reader.info)
            async for piece in reader.pieces():
                scored = await self._scored(piece)
                watched.decoded += piece.decoded
                watched.looks += len(piece.frames)
                watched.end_s = max(watched.end_s, piece.position_s)
                watched.seconds, watched.trouble = time.monotonic() - started, piece.trouble
                for frame, probabilities in zip(piece.frames, scored, strict=True):
                    for appearance in timeline.add(frame.time_s, probabilities, frame.thumbnail):
                        yield appearance
                report(watched)
        frame_s = 1 / watched.info.frames_per_second if watched.info.frames_per_second else self._every_s
        watched.end_s += frame_s
        for appearance in timeline.finish(watched.end_s):
            yield appearance

    @property
    def _preprocessing(self) -> Preprocessing:
        return self._watching.package.preprocessing

    async def _scored(self, piece: Piece) -> list[FloatArray]:
        scorer, side = self._scorer, self._preprocessing.size
        if scorer is None:
            raise RuntimeError("the watcher is not open; use `async with`")
        stored = await asyncio.gather(*(scorer.embed(0, _pixels(one.pixels, side)) for one in piece.frames))
        return [self._watching.probabilities(one) for one in stored]


def _pixels(content: bytes, side: int) -> Pixels:
    return np.frombuffer(content, dtype=np.uint8).reshape(side, side, 3)
