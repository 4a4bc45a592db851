"""What a Ray worker does: the local engine's judge, on the worker's own machine.

Decoders and scorer are processes of the worker, as they are of a crawl, with the same limits and the same check
pictures: every machine proves that it scores as the model was stored. They end when the worker does, however it ends.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol

from classifier.judge import JudgeSettings, NetworkJudge
from classifier.taggers.client import TaggerClient, TaggerSettings
from classifier.video.frame_reader import ReaderSettings
from classifier.workers.standby import DECODER, SCORER
from distributed.messages import (
    Greeting,
    JudgeOrder,
    LoadedTagger,
    MovingFile,
    Question,
    WorkerError,
    WorkerReply,
    unpack,
)
from distributed.network_alone import NetworkAlone
from distributed.scratch import new_scratch
from storage.records import JudgeStats, Look
from system.program_version import installed_version


class WorkerJudge(Protocol):
    """Who looks, in a worker; open within a `with`."""

    @property
    def tagger(self) -> TaggerClient | None: ...
    async def __aenter__(self) -> object: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    async def look(self, picture: bytes) -> Look: ...
    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look: ...
    def stats(self) -> JudgeStats: ...


class JudgeMaker(Protocol):
    """Makes a worker's judge; sent to the workers, so it is a function of a module that they have."""

    def __call__(self, order: JudgeOrder, folders: Mapping[str, Path]) -> WorkerJudge: ...


def network_judge(order: JudgeOrder, folders: Mapping[str, Path]) -> WorkerJudge:
    """The judge of the local engine."""
    settings = _on_this_machine(order.settings)
    if order.embeddings_alone:
        ((name, card),) = order.cards.items()
        return NetworkAlone(folders[name], card.hash, settings)
    return NetworkJudge(order.cards, folders, settings)


def _on_this_machine(settings: JudgeSettings) -> JudgeSettings:
    """The settings with this machine's own commands: its interpreter may lie elsewhere than the sender's."""
    tagger = settings.tagger
    return replace(
        settings,
        decoders=replace(settings.decoders, command=DECODER),
        scorer=replace(settings.scorer, command=SCORER),
        reader=replace(settings.reader, command=ReaderSettings().command),
        tagger=None if tagger is None else replace(tagger, command=TaggerSettings(tagger.folder).command),
    )


@dataclass(slots=True)
class _Loaded:
    judge: WorkerJudge
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)


class PictureWorker:
    """One worker: holds any number of judges by key, so that one can follow another while both are at work."""

    def __init__(self, make: JudgeMaker) -> None:
        self._make = make
        self._loaded: dict[str, _Loaded] = {}

    async def hello(self) -> Greeting:
        """Who this is."""
        return Greeting(socket.gethostname(), installed_version())

    async def load(self, key: str, order: JudgeOrder) -> WorkerReply:
        """Load a judge; the reply's error says why it could not be."""
        if key in self._loaded:  # asked again, because the answer was lost
            return self._reply(key, ())
        async with AsyncExitStack() as stack:
            try:
                scratch = new_scratch()
                stack.callback(shutil.rmtree, scratch, ignore_errors=True)
                folders = await asyncio.to_thread(_unpacked, order, scratch)
                judge = self._make(order, folders)
                await stack.enter_async_context(judge)
            except Exception as error:  # noqa: BLE001 - sent by its name; whoever asked decides
                return WorkerReply(error=WorkerError.of(error))
            self._loaded[key] = _Loaded(judge, stack.pop_all())
        return self._reply(key, ())

    async def look(self, key: str, questions: Sequence[Question]) -> WorkerReply:
        """Look at pictures, by the order of the questions; the reply's error says why the model fails as a whole."""
        judge = self._loaded[key].judge
        try:
            looks = await asyncio.gather(*(_answer(judge, one) for one in questions))
        except Exception as error:  # noqa: BLE001 - sent by its name; whoever asked decides
            return WorkerReply(error=WorkerError.of(error))
        return self._reply(key, looks)

    async def unload(self, key: str) -> None:
        """Let a judge go."""
        loaded = self._loaded.pop(key, None)
        if loaded is not None:
            await loaded.stack.aclose()

    async def close(self) -> None:
        """Let everything go."""
        for key in list(self._loaded):
            await self.unload(key)

    def _reply(self, key: str, looks: Sequence[Look]) -> WorkerReply:
        judge = self._loaded[key].judge
        return WorkerReply(looks, judge.stats(), None if judge.tagger is None else _described(judge.tagger))


async def _answer(judge: WorkerJudge, question: Question) -> Look:
    if isinstance(question, MovingFile):
        return await judge.look_inside(question.seen, question.file, question.frames)
    return await judge.look(question)


def _unpacked(order: JudgeOrder, scratch: Path) -> dict[str, Path]:
    folders = {}
    for number, (target, packed) in enumerate(order.packages.items()):
        below = scratch / str(number)
        below.mkdir()
        folders[target] = unpack(packed, below)
    return folders


def _described(tagger: TaggerClient) -> LoadedTagger:
    return LoadedTagger(tagger.title, tuple(tagger.tags), tagger.network, tagger.checked)
