"""Workers as Ray actors: started, asked and ended; Ray's errors are translated here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from classifier.errors import DeviceError
from distributed.cluster import Cluster
from distributed.errors import ClusterRefused, WorkerGone
from distributed.messages import Greeting, JudgeOrder, Question, WorkerReply
from distributed.picture_worker import JudgeMaker, PictureWorker, network_judge
from system.program_version import installed_version

_CLOSES_WITHIN_S = 3.0


class RayWorker:
    """One actor."""

    def __init__(self, cluster: Cluster, actor: Any) -> None:
        self._cluster = cluster
        self._ray = cluster.ray
        self._actor = actor
        self.host = "?"

    async def load(self, key: str, order: JudgeOrder) -> WorkerReply:
        """See `distributed.dispatcher.Worker`."""
        reply: WorkerReply = await self._ask(self._actor.load.remote, key, order)
        return reply

    async def look(self, key: str, questions: Sequence[Question]) -> WorkerReply:
        """See `distributed.dispatcher.Worker`."""
        reply: WorkerReply = await self._ask(self._actor.look.remote, key, questions)
        return reply

    async def unload(self, key: str) -> None:
        """See `distributed.dispatcher.Worker`."""
        if self._cluster.lost:
            return
        with contextlib.suppress(WorkerGone, TimeoutError):  # one that hangs has nothing to be waited for
            async with asyncio.timeout(_CLOSES_WITHIN_S):
                await self._ask(self._actor.unload.remote, key)

    async def hello(self) -> None:
        """Wait until it is there.

        Raises:
            WorkerGone: it died. ClusterRefused: it has another version of this program, or none.
        """
        greeting: Greeting = await self._ask(self._actor.hello.remote)
        self.host = greeting.host
        if greeting.version != installed_version():
            raise ClusterRefused(
                f"{greeting.host} has boorusieve {greeting.version or 'from its source'}, this machine has "
                f"{installed_version() or 'it from its source'}; install the same version on all of them"
            )

    async def close(self) -> None:
        """End it, in order where it still answers, and at once where not."""
        if self._cluster.lost:
            return
        with contextlib.suppress(WorkerGone, DeviceError, TimeoutError):
            async with asyncio.timeout(_CLOSES_WITHIN_S):
                await self._ask(self._actor.close.remote)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSES_WITHIN_S):
                await asyncio.wrap_future(self.kill())

    def kill(self) -> Future[None]:
        """End it at once, in a thread, because that asks the head of the cluster, which may be gone."""
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        threading.Thread(target=self._kill, args=(done,), name="ray-kill", daemon=True).start()
        return done

    def _kill(self, done: Future[None]) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone
            if not self._cluster.lost:
                self._ray.kill(self._actor)
        done.set_result(None)

    async def _ask(self, method: Any, *arguments: object) -> Any:
        errors = self._ray.exceptions
        try:
            return await asyncio.wrap_future(method(*arguments).future())
        except (errors.RayTaskError, errors.RaySystemError) as error:
            cause = getattr(error, "cause", None) or error
            raise DeviceError(f"a Ray worker failed: {type(cause).__name__}: {_first_line(cause)}") from error
        except (errors.RayError, ConnectionError) as error:
            raise WorkerGone(_first_line(error)) from error


class RayWorkers:
    """Starts workers on a cluster."""

    def __init__(self, cluster: Cluster, make: JudgeMaker = network_judge) -> None:
        settings = cluster.settings
        self._cluster = cluster
        self._make = make
        self._actor = cluster.ray.remote(PictureWorker).options(
            num_cpus=settings.processors,
            num_gpus=1 if settings.gpu else 0,
            max_restarts=0,  # the dispatcher starts another, and hands it what is loaded
            scheduling_strategy="SPREAD",
        )

    async def hire(self) -> RayWorker:
        """A worker that is there; waits for as long as the cluster has no room.

        Raises:
            WorkerGone: it died before it answered. ClusterRefused: it cannot work for us.
        """
        try:
            actor = self._actor.remote(self._make)
        except ConnectionError as error:
            raise WorkerGone(_first_line(error)) from error
        worker = RayWorker(self._cluster, actor)
        try:
            await worker.hello()
        except BaseException:
            worker.kill()
            raise
        return worker


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(":.") or type(error).__name__
