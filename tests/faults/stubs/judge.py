"""A judge without a model: the score is the picture's mean brightness, so a run takes a second and never varies.

Pictures are decoded by the classifier's own decoder, so that bad bytes meet the real rules; no network is loaded. It
can misbehave in named ways, as a broken model would.
"""

from __future__ import annotations

import asyncio
import math
import resource
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import numpy as np

from classifier.errors import ModelError, PictureFault
from classifier.pictures.decoder_pool import Decoders, DecoderSettings
from classifier.pictures.preprocessing import FORMATS, Preprocessing, decode, sniff
from classifier.video.frame_reader import ReaderSettings
from classifier.video.spread_frames import spread_frames
from commands.crawl import JudgeFactory
from commands.crawling.model_request import ModelRequest
from commands.crawling.takeover import State, Succession
from crawler.judge import Judge
from crawler.switching_judge import SwitchingJudge
from storage.records import JudgeStats, Look, ModelCard, Target

THRESHOLD = 0.5
BACKBONE = "b" * 64
NUMBERS = 8  # of an embedding

Misbehaviour = Callable[[int, float], float]  # (number of the look, honest score) -> score


def _fails_as_a_whole(number: int, honest: float) -> float:
    if number < 3:
        return honest
    raise ModelError("the device went away")


def _has_a_bug(number: int, honest: float) -> float:
    if number != 3:
        return honest
    raise ZeroDivisionError("a bug in the judge")


NONSENSE = (math.nan, math.inf, -math.inf, -0.1, 1.1)
LISTER_BUG = "lister bug"
REFUSING = "refusing"  # a model that may not decide
REFUSAL = "only 9 pictures show it; crawl more pages"
CONTRARY = "contrary"  # another model, which believes in the dark
SUCCEEDED = "succeeded"  # first that one, and in the middle of the run the honest one takes over
LOOKS_BEFORE = 5  # that the first one takes, at least
MISBEHAVIOURS: Mapping[str, Misbehaviour] = {
    "honest": lambda _, honest: honest,
    "nonsense": lambda number, _: NONSENSE[number % len(NONSENSE)],
    "device lost": _fails_as_a_whole,
    "bug": _has_a_bug,
    "no memory": lambda number, honest: _runs_out_of_memory(number, honest),
}


@dataclass(slots=True)
class StubJudge:
    """Looks at pictures and believes in light."""

    cards: Mapping[str, ModelCard]
    misbehave: Misbehaviour = MISBEHAVIOURS["honest"]
    breaks_the_lister: bool = False
    contrary: bool = False
    delay_s: float = 0.0  # for each look, to keep a run alive long enough to be stopped
    looks: int = 0
    decoders: Decoders | None = None
    enough: asyncio.Event = field(default_factory=asyncio.Event)  # set after `LOOKS_BEFORE` looks

    async def __aenter__(self) -> StubJudge:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models in use; a broken one fails whoever asks while listing."""
        if self.breaks_the_lister and getattr(asyncio.current_task(), "get_name", str)() == "lister":
            raise ZeroDivisionError("a bug in the lister")
        return self.cards

    async def look(self, picture: bytes) -> Look:
        """Brightness as a score for every target; a fault for whatever does not decode."""
        self.looks += 1
        if self.looks >= LOOKS_BEFORE:
            self.enough.set()
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        try:
            if self.decoders is not None:
                await self.decoders.decode(picture)
            pixels = decode(picture)
        except PictureFault as fault:
            return Look(fault=fault.reason)
        brightness = np.float16(pixels.mean() / 255)  # as exact as the embedding that it is recalled from
        score = self.misbehave(self.looks, self._score(float(brightness)))
        vector = np.linspace(0.0, brightness, NUMBERS, dtype="<f2")
        height, width = pixels.shape[:2]
        return Look(
            scores=dict.fromkeys(self.cards, score),
            embeddings={BACKBONE: vector.tobytes()},
            width=width,
            height=height,
            format=FORMATS[sniff(picture) or ""],
        )

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """The same score again: an embedding's last number, the best of the picture's and its windows'."""
        brightness = np.frombuffer(embeddings[BACKBONE], dtype="<f2").reshape(-1, NUMBERS)[:, -1]
        score = max(self._score(float(one)) for one in brightness)
        return Look(scores=dict.fromkeys(self.cards, score), embeddings=embeddings)

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """The brightest of the preview and the file's frames, which are stored as windows."""
        look = await (self.look(seen) if isinstance(seen, bytes) else self.recall(seen))
        inside = [await self.look(one) for one in await spread_frames(file, frames, ReaderSettings())] if file else []
        whole = [one for one in inside if not one.fault]
        if look.fault or not whole:
            return look
        brightest = {name: max(one.scores[name] for one in (look, *whole)) for name in look.scores}
        windows = {BACKBONE: b"".join(one.embeddings[BACKBONE] for one in whole)}
        return replace(look, scores=brightest, windows=windows)

    def _score(self, brightness: float) -> float:
        return 1.0 - brightness if self.contrary else brightness

    def stats(self) -> JudgeStats:
        """Nothing was ever busy."""
        return JudgeStats(self.looks, self.looks, 0.0, 0, "cpu, a stub", "stub")


def cards(targets: tuple[Target, ...], model: int = 1) -> dict[str, ModelCard]:
    """A model for every target that only this stub knows."""
    return {
        target.name: ModelCard(target.name, model, f"{number + 1000 * (model - 1):064x}", BACKBONE, THRESHOLD)
        for number, target in enumerate(targets, start=1)
    }


def _runs_out_of_memory(number: int, honest: float) -> float:
    """From the third look on this process gets no more memory from the system."""
    if number >= 3:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize(), hard))
        bytearray(256 << 20)
    return honest


def stub_judge(
    misbehaviour: str = "honest", *, delay_s: float = 0.0, decoder: tuple[str, ...] | None = None
) -> JudgeFactory:
    """What `Parts.judge` wants: a judge for a request.

    Args:
        misbehaviour: a name of `MISBEHAVIOURS`.
        delay_s: of each look.
        decoder: the command of a decoder process that each picture goes through first.
    """

    if misbehaviour == SUCCEEDED:
        return _succeeded

    @asynccontextmanager
    async def judging(request: ModelRequest) -> AsyncIterator[Judge]:
        honest = MISBEHAVIOURS["honest"]
        misbehave = MISBEHAVIOURS.get(misbehaviour, honest)
        contrary = misbehaviour == CONTRARY
        known = cards(request.targets, model=2 if contrary else 1)
        if misbehaviour == REFUSING:  # another package, so it has another hash
            known = {name: replace(card, hash="f" * 64, refusal=REFUSAL) for name, card in known.items()}
        judge = StubJudge(known, misbehave, misbehaviour == LISTER_BUG, contrary, delay_s)
        if decoder is None:
            yield judge
            return
        settings = DecoderSettings(processes=1, command=decoder, deadline_s=3600.0)
        async with Decoders([Preprocessing(16)], settings) as judge.decoders:
            yield judge

    return judging


@asynccontextmanager
async def _succeeded(request: ModelRequest) -> AsyncIterator[Judge]:
    """The contrary judge, and where a takeover may be expected the honest one after it."""
    first = StubJudge(cards(request.targets, model=2), contrary=True)
    async with SwitchingJudge(first) as judge:
        if request.takeover is None:
            yield judge
            return
        successions = [Succession(target.name, judge.models[target.name].name) for target in request.targets]

        async def work() -> None:
            await first.enough.wait()
            for one in successions:
                one.state, one.model, one.why = State.TOOK_OVER, f"{one.target}/1", "it believes in the light"
            await judge.switch_to(StubJudge(cards(request.targets)))

        request.takeover.begin(successions, work())
        try:
            yield judge
        finally:
            await request.takeover.cancel()
