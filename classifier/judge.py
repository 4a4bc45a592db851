"""The judge: encoded pictures in, calibrated probabilities for every target out.

Bytes go to a decoder process, pixels to the scorer process, and the embedding that comes back meets the heads here:
a few hundred multiplications. The event loop only moves bytes. Doubt is never an answer: a picture that cannot be
decoded, or a score that is no probability, becomes `Look.fault`; a model that fails as a whole raises `ModelError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from classifier.errors import PictureFault
from classifier.inference.batcher import PackagePin, Scorer, ScorerSettings
from classifier.package.package import Package
from classifier.pictures.decoder_pool import DecodedPicture, Decoders, DecoderSettings
from classifier.pictures.preprocessing import Preprocessing
from classifier.taggers.client import TaggerClient, TaggerSettings
from classifier.target_heads import TargetHeads
from classifier.video.frame_reader import ReaderSettings
from classifier.video.spread_frames import spread_frames
from classifier.workers.standby import Standby
from storage.records import JudgeStats, Look, ModelCard, TaggerTags


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """How the judge works."""

    decoders: DecoderSettings = field(default_factory=DecoderSettings)
    scorer: ScorerSettings = field(default_factory=ScorerSettings)
    in_flight: int = 64  # pictures that are decoded or scored at a time; more callers wait
    reader: ReaderSettings = field(default_factory=ReaderSettings)  # how moving files are decoded
    tagger: TaggerSettings | None = None  # the user's own tagger, which looks at every picture too
    standby: Standby | None = None  # where processes may wait already


class NetworkJudge:
    """Scores pictures with one model a target; use as an async context manager."""

    def __init__(
        self, cards: Mapping[str, ModelCard], packages: Mapping[str, Path], settings: JudgeSettings | None = None
    ) -> None:
        """Name the models; nothing is loaded before the context is entered.

        Args:
            cards: the active models by `Target.name`; their hashes pin the packages.
            packages: the packages' folders by `Target.name`.
            settings: how to work.
        Raises:
            ValueError: no target, or not the same targets in both.
        """
        self._heads = TargetHeads(cards, packages)
        self._settings = settings or JudgeSettings()
        self._inputs: list[int] = []  # by backbone: which of a decoded picture's pixels it takes
        self._room = asyncio.Semaphore(self._settings.in_flight)
        self._waiting = 0
        self._stack = AsyncExitStack()
        self._scorer: Scorer | None = None
        self._decoders: Decoders | None = None
        self._tagger: TaggerClient | None = None

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models in use, by `Target.name`; once they are loaded, with what their packages say of deciding."""
        return self._heads.cards

    @property
    def tagger(self) -> TaggerClient | None:
        """The user's own tagger, where there is one and the judge is open."""
        return self._tagger

    async def __aenter__(self) -> Self:
        """Verify and load the models, start the processes.

        Raises:
            ModelError: a package is missing or altered, fails its canaries, or loads too slowly.
        """
        packages = await asyncio.to_thread(self._heads.load)
        pins = {name: PackagePin(package.folder, package.hash) for name, package in packages.items()}
        async with AsyncExitStack() as stack:
            settings, tagger = self._settings, self._settings.tagger
            self._tagger = await stack.enter_async_context(TaggerClient(tagger)) if tagger is not None else None
            # decoders start while the scorer loads
            preprocessings, backbones = _unique(packages, self._tagger), _unique(packages, None)
            decoders = await stack.enter_async_context(
                Decoders(preprocessings, settings.decoders, windows=backbones, standby=settings.standby)
            )
            scorer = await stack.enter_async_context(Scorer(pins, settings.scorer, standby=settings.standby))
            by_hash = {package.backbone_hash: package.preprocessing for package in packages.values()}
            self._inputs = [preprocessings.index(by_hash[backbone.hash]) for backbone in scorer.backbones]
            self._decoders, self._scorer = decoders, scorer
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoders = self._scorer = self._tagger = None
        await self._stack.aclose()

    async def look(self, picture: bytes) -> Look:
        """Decode and score one encoded picture; never raises for a bad picture.

        Raises:
            ModelError: the model or its device fails as a whole; the run must stop.
        """
        decoders, scorer = self._decoders, self._scorer
        if decoders is None or scorer is None:
            raise RuntimeError("the judge is not open; use `async with`")
        self._waiting += 1
        try:
            async with self._room:
                try:
                    decoded = await decoders.decode(picture)
                except PictureFault as fault:
                    return Look(fault=fault.reason)
                if self._tagger is None:  # no more tasks than there is work for
                    return self._heads.scored(await self._embed(scorer, decoded), decoded)
                views, tags = await asyncio.gather(self._embed(scorer, decoded), self._tag(decoded))
        finally:
            self._waiting -= 1
        given = {} if tags is None or tags.vector is None else {tags.vector.network: tags.vector.values}
        return replace(self._heads.scored({**views, **given}, decoded), tagger_tags=tags)

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """Score stored embeddings without a picture.

        The embeddings are float16 by backbone hash: the whole picture's, then its windows' where it has some; and by
        `TaggerVector.network` what the user's tagger saw in the whole picture. Targets whose backbone is not among them
        are left out. The scores are those that `look` gave.
        """
        return self._heads.scored(embeddings, None)

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """As `look` at a preview, or `recall` of its embeddings, and at up to so many frames of the moving file too.

        The frames' embeddings follow the preview's as windows do: one that is sure among several that see nothing
        counts by its share. Where the file cannot be decoded, or has no frame that can, the preview's look holds.

        Raises:
            ModelError: the model or its device fails as a whole; the run must stop.
        """
        look = await (self.look(seen) if isinstance(seen, bytes) else self.recall(seen))
        decoders, scorer = self._decoders, self._scorer
        if look.fault or not file or decoders is None or scorer is None:
            return look
        pictures = await spread_frames(file, frames, self._settings.reader)
        async with self._room:
            decoded = await asyncio.gather(*map(decoders.decode, pictures), return_exceptions=True)
            shown = [replace(one, windows=()) for one in decoded if isinstance(one, DecodedPicture)]
            embedded = await asyncio.gather(*(self._embed(scorer, one) for one in shown))
        if not embedded:
            return look
        whole, tags = look.embeddings, look.tagger_tags
        given = {} if isinstance(seen, bytes) else {name: seen[name] for name in seen.keys() - whole.keys()}
        if tags is not None and tags.vector is not None:
            given[tags.vector.network] = tags.vector.values
        views = {one: whole[one] + b"".join(each[one] for each in embedded) for one in whole}
        again = self._heads.scored({**given, **views}, None)
        return replace(look, scores=again.scores, windows=again.windows, fault=again.fault)

    def stats(self) -> JudgeStats:
        """How busy it has been."""
        scorer = self._scorer
        if scorer is None:
            return JudgeStats(0, 0, 0.0, self._waiting, "none", "none")
        counts, device, tagger = scorer.counts, scorer.backbones[0], self._tagger
        stats = JudgeStats(counts.pictures, counts.batches, counts.busy_s, self._waiting, device.device, device.runtime)
        return stats if tagger is None else replace(stats, tagger=tagger.title, tagger_busy_s=tagger.busy_s)

    async def _embed(self, scorer: Scorer, decoded: DecodedPicture) -> dict[str, bytes]:
        """By backbone hash the embeddings of the whole picture and of its windows, end to end."""
        views = [
            scorer.embed(number, pixels)
            for number, at in enumerate(self._inputs)
            for pixels in (decoded.pixels[at], *(decoded.windows[at] if decoded.windows else ()))
        ]
        answers = iter(await asyncio.gather(*views) if len(views) > 1 else [await views[0]])
        return {
            backbone.hash: b"".join(islice(answers, 1 + (len(decoded.windows[at]) if decoded.windows else 0)))
            for backbone, at in zip(scorer.backbones, self._inputs, strict=True)
        }

    async def _tag(self, decoded: DecodedPicture) -> TaggerTags | None:
        tagger = self._tagger
        return None if tagger is None else await tagger.tag(decoded.pixels[0])


def _unique(packages: Mapping[str, Package], tagger: TaggerClient | None) -> list[Preprocessing]:
    """Every preprocessing once, the tagger's first: the picture's hash is of the last one's pixels, a backbone's."""
    backbones = dict.fromkeys(package.preprocessing for package in packages.values())
    if tagger is None:
        return list(backbones)
    return [tagger.preprocessing, *(one for one in backbones if one != tagger.preprocessing)]
