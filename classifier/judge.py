"""The judge: encoded pictures in, calibrated probabilities for every target out.

Bytes go to a decoder process, pixels to the scorer process, and the embedding that comes back meets the heads here:
a few hundred multiplications. The event loop only moves bytes. Doubt is never an answer: a picture that cannot be
decoded, or a score that is no probability, becomes `Look.fault`; a model that fails as a whole raises `ModelError`.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from classifier.errors import PackageError, PictureFault, ScoreError
from classifier.head import EMBEDDING_DTYPE, Head
from classifier.inference.batcher import PackagePin, Scorer, ScorerSettings
from classifier.inference.pooling import score_views
from classifier.package.package import Package, load_package
from classifier.pictures.decoder_pool import DecodedPicture, Decoders, DecoderSettings
from classifier.pictures.preprocessing import Preprocessing
from classifier.taggers.client import TaggerClient, TaggerSettings
from classifier.video.frame_reader import ReaderSettings
from classifier.video.spread_frames import spread_frames
from classifier.workers.standby import Standby
from storage.records import JudgeStats, Look, ModelCard, TaggerTags

BAD_SCORE = "bad score"
_BAD_WINDOW = 1000  # looks over which bad scores are counted
_BAD_SHARE = 0.01  # more than this, and more than one, and the model is to blame


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
        if not cards or set(cards) != set(packages):
            raise ValueError(f"expected one package for each target, got {sorted(cards)} and {sorted(packages)}")
        self._cards = dict(cards)
        self._folders = dict(packages)
        self._settings = settings or JudgeSettings()
        self._heads: dict[str, tuple[str, Head]] = {}  # target -> backbone hash, head
        self._inputs: list[int] = []  # by backbone: which of a decoded picture's pixels it takes
        self._room = asyncio.Semaphore(self._settings.in_flight)
        self._waiting = 0
        self._bad: deque[bool] = deque(maxlen=_BAD_WINDOW)
        self._stack = AsyncExitStack()
        self._scorer: Scorer | None = None
        self._decoders: Decoders | None = None
        self._tagger: TaggerClient | None = None

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models in use, by `Target.name`; once they are loaded, with what their packages say of deciding."""
        return self._cards

    @property
    def tagger(self) -> TaggerClient | None:
        """The user's own tagger, where there is one and the judge is open."""
        return self._tagger

    async def __aenter__(self) -> Self:
        """Verify and load the models, start the processes.

        Raises:
            ModelError: a package is missing or altered, fails its canaries, or loads too slowly.
        """
        packages = await asyncio.to_thread(self._load_packages)
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
                    return self._scored(await self._embed(scorer, decoded), decoded)
                views, tags = await asyncio.gather(self._embed(scorer, decoded), self._tag(decoded))
        finally:
            self._waiting -= 1
        given = {} if tags is None or tags.vector is None else {tags.vector.network: tags.vector.values}
        return replace(self._scored({**views, **given}, decoded), tagger_tags=tags)

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """Score stored embeddings without a picture.

        The embeddings are float16 by backbone hash: the whole picture's, then its windows' where it has some; and by
        `TaggerVector.network` what the user's tagger saw in the whole picture. Targets whose backbone is not among them
        are left out. The scores are those that `look` gave.
        """
        return self._scored(embeddings, None)

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
        again = self._scored({**given, **views}, None)
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

    def _scored(self, views: Mapping[str, bytes], decoded: DecodedPicture | None) -> Look:
        """Apply every head whose embeddings are there."""
        size = (decoded.width, decoded.height, decoded.format) if decoded is not None else (0, 0, "")
        hash_ = decoded.hash if decoded is not None else None
        scores: dict[str, float] = {}
        for target, (backbone, head) in self._heads.items():
            if backbone in views:
                scores[target] = _score(head, views[backbone], views.get(head.tagger_network))
        good = all(0.0 <= score <= 1.0 for score in scores.values())  # false for not-a-number
        self._count(good)
        if not good:
            return Look({}, {}, *size, BAD_SCORE, hash_)
        whole = {backbone: head.dimension * EMBEDDING_DTYPE.itemsize for backbone, head in self._heads.values()}
        embeddings = {backbone: views[backbone][:end] for backbone, end in whole.items() if backbone in views}
        windows = {one: views[one][whole[one] :] for one in embeddings if len(views[one]) > whole[one]}
        small = decoded is not None and decoded.too_small
        return Look(scores, embeddings, *size, None, hash_, windows=windows, too_small=small)

    def _count(self, good: bool) -> None:
        """Stop the run when bad scores are no exception."""
        self._bad.append(not good)
        bad = sum(self._bad) if not good else 0
        if bad > 1 and bad > _BAD_SHARE * len(self._bad):
            names = ", ".join(card.name for card in self._cards.values())
            raise ScoreError(
                f"{bad} of the last {len(self._bad)} scores of {names} are not probabilities; "
                "the model or its device is broken, nothing more is scored"
            )

    def _load_packages(self) -> dict[str, Package]:
        packages = {
            name: load_package(folder, expected_hash=self._cards[name].hash) for name, folder in self._folders.items()
        }
        for name, package in packages.items():
            card = self._cards[name]
            if package.backbone_hash != card.backbone_hash:
                raise PackageError(
                    f"{package.folder} has backbone {package.backbone_hash[:12]}, "
                    f"{card.name} is registered with {card.backbone_hash[:12]}; train {name} again"
                )
            self._heads[name] = (package.backbone_hash, package.head)
            head = package.head
            self._cards[name] = replace(
                card,
                shifts=head.shifts,
                refusal=package.refusal,
                ai_weights=head.ai_weights,
                tagger_network=head.tagger_network,
                margin=package.margin,
            )
        return packages


def _unique(packages: Mapping[str, Package], tagger: TaggerClient | None) -> list[Preprocessing]:
    """Every preprocessing once, the tagger's first: the picture's hash is of the last one's pixels, a backbone's."""
    backbones = dict.fromkeys(package.preprocessing for package in packages.values())
    if tagger is None:
        return list(backbones)
    return [tagger.preprocessing, *(one for one in backbones if one != tagger.preprocessing)]


def _score(head: Head, embedding: bytes, tagger_vector: bytes | None) -> float:
    """Not-a-number where the embedding is of no use."""
    try:
        return score_views(head, embedding, tagger_vector)
    except ValueError:  # of another length: not from this backbone after all
        return math.nan
