"""The judge of `crawler.judge`, by workers of a cluster: equal, look by look, to the local engine's.

Pictures go to the workers; stored embeddings are scored here, where the heads are. Loading and verifying the packages
here first means that a damaged one is refused by the same line as everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from classifier.embedding_judge import EmbeddingJudge
from classifier.judge import JudgeSettings
from classifier.package.package import Package
from classifier.recognition.package import RecogniserPackage
from classifier.target_heads import BAD_SCORE, TargetHeads
from distributed.cluster import Cluster, ClusterSettings
from distributed.dispatcher import Dispatcher, Report
from distributed.errors import ClusterLost
from distributed.messages import JudgeOrder, LoadedTagger, MovingFile, Question, WorkerReply, pack, worker_share
from distributed.ray_worker import RayWorkers
from storage.records import JudgeStats, Look, ModelCard


class RayEngine:
    """A cluster with workers, which any number of judges share."""

    def __init__(self, cluster: Cluster, dispatcher: Dispatcher) -> None:
        self.name = cluster.name
        self.workers = cluster.workers
        self.settings = cluster.settings
        self.dispatcher = dispatcher
        self._keys = count(1)

    def judge(self, cards: Mapping[str, ModelCard], folders: Mapping[str, Path], settings: JudgeSettings) -> RayJudge:
        """A judge by models that are there, not open yet; the arguments are `NetworkJudge`'s."""
        return RayJudge(self, f"judge-{next(self._keys)}", TargetHeads(cards, folders), folders, settings)

    def embedding_judge(
        self, card: ModelCard, package: Package | RecogniserPackage, settings: JudgeSettings
    ) -> RayEmbeddingJudge:
        """A judge that gives the embeddings of a package's network, not open yet."""
        return RayEmbeddingJudge(self, f"judge-{next(self._keys)}", (card, package), settings)


@asynccontextmanager
async def ray_engine(settings: ClusterSettings, report: Report) -> AsyncIterator[RayEngine]:
    """Join or start a cluster, and put workers on it.

    Args:
        settings: which one, and what to take of it.
        report: takes lines for people.
    Raises:
        RayMissing, ClusterRefused: nothing was done.
    """
    async with Cluster(settings) as cluster:
        workers = RayWorkers(cluster)
        async with Dispatcher(workers.hire, cluster.workers, report) as dispatcher:

            def lost(missed_s: float) -> None:
                cluster.lost = True
                why = f"the head of {cluster.name} has not answered for {missed_s:.0f} s; what was done is kept"
                dispatcher.lose(ClusterLost(why))

            watch = cluster.head_watch()
            task = None if watch is None else asyncio.create_task(watch.watch(lost), name="head")
            try:
                yield RayEngine(cluster, dispatcher)
            finally:
                if task is not None:
                    task.cancel()


class _OnWorkers:
    """What is loaded on every worker while its context is open."""

    def __init__(self, engine: RayEngine, key: str, settings: JudgeSettings) -> None:
        self._engine, self._key, self._settings = engine, key, settings
        self._room = asyncio.Semaphore(max(settings.in_flight, 1))
        self._open = AsyncExitStack()

    async def _load(self, make_order: Callable[[], JudgeOrder]) -> None:
        """Order it, and wait until all have it; what some have is let go where one cannot."""
        order = await asyncio.to_thread(make_order)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._engine.dispatcher.close, self._key)
            await self._engine.dispatcher.open(self._key, order)
            self._open = stack.pop_all()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()


class RayEmbeddingJudge(_OnWorkers):
    """Embeds pictures on the workers, as `classifier.embedding_judge` does; use as an async context manager."""

    def __init__(
        self, engine: RayEngine, key: str, model: tuple[ModelCard, Package | RecogniserPackage], settings: JudgeSettings
    ) -> None:
        super().__init__(engine, key, settings)
        self._card, self._package = model
        self._at_home = EmbeddingJudge(self._package)  # never opened: for what needs no network

    async def __aenter__(self) -> Self:
        """Load the network on every worker.

        Raises:
            ModelError: it is altered, fails its check pictures on a machine, or loads too slowly.
            ClusterLost: no worker can be started.
        """
        await self._load(self._order)
        return self

    @property
    def device(self) -> str:
        """What computes, and where."""
        return _device(self._engine.dispatcher.replies(self._key), self._engine.dispatcher.workers)

    async def look(self, picture: bytes) -> Look:
        """Decode and embed one encoded picture; never raises for a bad picture.

        Raises:
            ModelError, ClusterLost: the model, or the cluster, fails as a whole; the run must stop.
        """
        async with self._room:
            return await self._engine.dispatcher.look(self._key, picture)

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """What `look` gave, from stored embeddings."""
        return await self._at_home.recall(embeddings)

    def _order(self) -> JudgeOrder:
        name, share = self._card.target, worker_share(self._settings, self._engine.settings.processors)
        return JudgeOrder({name: self._card}, {name: pack(self._package.folder)}, share, embeddings_alone=True)


def _device(replies: Sequence[WorkerReply], workers: int) -> str:
    device = replies[-1].stats.device if replies else "none"
    return f"{device} by {workers} Ray worker{'s' * (workers > 1)}"


class RayJudge(_OnWorkers):
    """Scores pictures on the workers; use as an async context manager."""

    def __init__(
        self, engine: RayEngine, key: str, heads: TargetHeads, folders: Mapping[str, Path], settings: JudgeSettings
    ) -> None:
        super().__init__(engine, key, settings)
        self._heads = heads
        self._folders = folders
        self._waiting = 0

    @property
    def models(self) -> Mapping[str, ModelCard]:
        """The models in use, by `Target.name`; once they are loaded, with what their packages say of deciding."""
        return self._heads.cards

    @property
    def tagger(self) -> LoadedTagger | None:
        """What the workers found the user's own tagger to be, where there is one."""
        return next((reply.tagger for reply in self._replies() if reply.tagger is not None), None)

    async def __aenter__(self) -> Self:
        """Verify the models here, and load them on every worker.

        Raises:
            ModelError: a package is missing or altered, fails its check pictures on a machine, or loads too slowly.
            ClusterLost: no worker can be started.
        """
        await asyncio.to_thread(self._heads.load)
        await self._load(self._order)
        return self

    async def look(self, picture: bytes) -> Look:
        """Decode and score one encoded picture; never raises for a bad picture.

        Raises:
            ModelError, ClusterLost: the model, or the cluster, fails as a whole; the run must stop.
        """
        return await self._ask(picture)

    async def recall(self, embeddings: Mapping[str, bytes]) -> Look:
        """Score stored embeddings without a picture; see `NetworkJudge.recall`."""
        return self._heads.scored(embeddings, None)

    async def look_inside(self, seen: bytes | Mapping[str, bytes], file: bytes, frames: int) -> Look:
        """As `look` at a preview, or `recall`, with frames of the moving file too; see `NetworkJudge.look_inside`."""
        return await self._ask(MovingFile(seen, file, frames))

    def stats(self) -> JudgeStats:
        """How busy the workers have been, on the mean."""
        replies = self._replies()
        every = [reply.stats for reply in replies]
        workers = max(1, self._engine.dispatcher.workers)
        last = every[-1] if every else JudgeStats(0, 0, 0.0, 0, "none", "none")
        return JudgeStats(
            sum(stats.pictures for stats in every),
            sum(stats.batches for stats in every),
            sum(stats.device_busy_s for stats in every) / workers,
            self._waiting,
            _device(replies, workers),
            last.runtime,
            last.tagger,
            sum(stats.tagger_busy_s for stats in every) / workers,
        )

    async def _ask(self, question: Question) -> Look:
        self._waiting += 1
        try:
            async with self._room:
                look = await self._engine.dispatcher.look(self._key, question)
        finally:
            self._waiting -= 1
        if look.fault == BAD_SCORE or look.scores:
            self._heads.count(good=look.fault != BAD_SCORE)  # a worker sees its own share only
        return look

    def _replies(self) -> list[WorkerReply]:
        return self._engine.dispatcher.replies(self._key)

    def _order(self) -> JudgeOrder:
        """The packages and the settings, with a worker's share of a machine."""
        packages = {name: pack(folder) for name, folder in self._folders.items()}
        return JudgeOrder(
            dict(self._heads.cards), packages, worker_share(self._settings, self._engine.settings.processors)
        )
