"""What runs on a Ray worker, run in this process: all of the engine but Ray itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from distributed.cluster import Cluster, ClusterSettings
from distributed.dispatcher import Dispatcher
from distributed.messages import JudgeOrder, Question, WorkerReply
from distributed.picture_worker import PictureWorker, network_judge
from distributed.ray_judge import RayEngine


class WorkerHere:
    """One worker."""

    host = "here"

    def __init__(self) -> None:
        self._worker = PictureWorker(network_judge)
        self.pictures = 0

    async def load(self, key: str, order: JudgeOrder) -> WorkerReply:
        return await self._worker.load(key, order)

    async def look(self, key: str, questions: Sequence[Question]) -> WorkerReply:
        self.pictures += len(questions)
        return await self._worker.look(key, questions)

    async def unload(self, key: str) -> None:
        await self._worker.unload(key)

    async def close(self) -> None:
        await self._worker.close()


@asynccontextmanager
async def engine_here(workers: Sequence[WorkerHere]) -> AsyncIterator[RayEngine]:
    """The engine with these workers."""
    waiting = list(workers)

    async def hire() -> WorkerHere:
        return waiting.pop(0)

    cluster = Cluster(ClusterSettings(workers=len(workers)))  # never opened
    cluster.workers = len(workers)
    async with Dispatcher(hire, len(workers), print) as dispatcher:
        yield RayEngine(cluster, dispatcher)
