"""A Ray cluster, as far as we use one: joined or started quietly, looked over once, and left without a trace.

Ray talks much and listens widely unless it is told otherwise, and tells its makers about its use; all of that is
switched off here, in the one place that imports it. A cluster of our own lives on the loopback interface alone, asks
for a token that only this run knows, and ends with the run, however that ends.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import socket
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from distributed.errors import ClusterRefused, RayMissing
from distributed.head_watch import HeadWatch
from distributed.resources import ClusterRoom, seats_for
from distributed.scratch import new_scratch
from storage.uninterrupted import uninterrupted
from system.child_process import child_environment
from system.process_end import end_at_once

_QUIET = {  # read when Ray is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_TQDM_PATCH_PRINT": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a worker that asked for no GPU sees none
}
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # 0: nodes have the loopback address, whatever the system
CLIENT = "ray://"  # before the address of a cluster's server for clients
_THIS_MACHINE = ("127.0.0.1", "localhost", "[::1]")
_OBJECT_STORE_BYTES = 512 * 1024 * 1024  # of a cluster of our own: pictures on their way; more goes to disk
_STARTS = 3  # on a busy machine: Ray gives itself half a minute each time
_ANSWERS_WITHIN_S = 5.0
_FREE_WITHIN_S = 10.0  # what a run that was killed a moment ago had is free again by then


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Which cluster, and what to take of it."""

    address: str = ""  # HOST:PORT, ray://HOST:PORT, or auto; empty: one of this machine, for this run alone
    workers: int = 0  # 0: as many as there is room for
    processors: int = 1  # of a worker
    gpu: bool = False  # a worker takes a whole GPU
    counted_processors: int = 0  # that a cluster of our own is to count; 0: this machine's


def check_installed() -> None:
    """Whether Ray is there; it is not loaded.

    Raises:
        RayMissing: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise RayMissing


async def check_room(settings: ClusterSettings) -> None:
    """Whether the cluster is there and large enough, for work that will want it later; one of our own is not started.

    Raises:
        RayMissing: Ray is not installed. ClusterRefused: nobody answers, or there is too little room.
    """
    check_installed()
    if settings.address:
        async with Cluster(settings):
            return
    if not settings.gpu:  # Ray alone finds those
        here = float(settings.counted_processors or os.cpu_count() or 1)
        seats_for(ClusterRoom(_called(""), ((here, 0.0),), here, 0.0), settings.workers, settings.processors, gpu=False)


class Cluster:
    """The connection; use as an async context manager. One at a time in a process."""

    def __init__(self, settings: ClusterSettings) -> None:
        self.settings = settings
        self.ray: Any = None  # the library, once it is open
        self.workers = 0  # that there is room for, and were asked for
        self.lost = False  # its head is gone: nothing of it is asked any more
        self._scratch: Path | None = None
        self._thread = ThreadPoolExecutor(1, "ray")  # Ray's processes end with the thread that started them

    async def __aenter__(self) -> Self:
        """Join or start it.

        Raises:
            RayMissing: Ray is not installed. ClusterRefused: nobody answers, or there is too little room.
        """
        check_installed()
        try:
            await self._begin()
            self.workers = await self._room()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def name(self) -> str:
        """For people."""
        return _called(self.settings.address)

    def head_watch(self) -> HeadWatch | None:
        """What looks for the head of a cluster that others keep; None: it is our own."""
        address = self.settings.address
        if not address:
            return None
        at = address.removeprefix(CLIENT) if address.startswith(CLIENT) else self.ray.get_runtime_context().gcs_address
        host, _, port = str(at).rpartition(":")
        return HeadWatch(host.strip("[]"), int(port))

    @uninterrupted
    async def _begin(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._start)

    @uninterrupted
    async def _end(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._stop)
        self._thread.shutdown()

    def _start(self) -> None:
        address = self.settings.address
        if address not in {"", "auto"}:
            _check_reachable(address)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.ray = ray = _load(address)
            for tries_left in range(_STARTS - 1, -1, -1):
                try:
                    self._join(ray, address)
                    return
                except Exception as error:
                    ray.shutdown()
                    slow = not address or (address.startswith(CLIENT) and isinstance(error, ConnectionError))
                    if not (slow and tries_left):
                        raise ClusterRefused(f"{self.name} cannot be used: {_line(error)}") from error

    def _join(self, ray: Any, address: str) -> None:
        quiet = {"logging_level": logging.CRITICAL, "log_to_driver": False}
        if address:
            ray.init(address, **({"logging_level": logging.CRITICAL} if address.startswith(CLIENT) else quiet))
            return
        self._scratch = self._scratch or new_scratch()
        with _only_what_children_need():
            ray.init(
                "local",
                num_cpus=self.settings.counted_processors or None,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _temp_dir=str(self._scratch),
                **quiet,
            )

    def _stop(self) -> None:
        if self.lost:
            atexit.unregister(self.ray.shutdown)  # it takes seconds without a head, which Ray may not leave us
            end_at_once("Ray 2.60 crashes (SIGSEGV) when it is taken down without its head")
        elif self.ray is not None:
            with warnings.catch_warnings(), contextlib.suppress(Exception):  # it may be gone already
                warnings.simplefilter("ignore")
                self.ray.shutdown()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    async def _room(self) -> int:
        """How many workers there will be.

        Raises:
            ClusterRefused: fewer than were asked for, or none.
        """
        loop, settings = asyncio.get_running_loop(), self.settings
        until = loop.time() + (_FREE_WITHIN_S if settings.address else 0.0)
        while True:
            room: ClusterRoom = await loop.run_in_executor(self._thread, self._look_round)
            try:
                return seats_for(room, settings.workers, settings.processors, gpu=settings.gpu)
            except ClusterRefused:
                if loop.time() > until or not room.could_hold(settings.workers, settings.processors, gpu=settings.gpu):
                    raise
            await asyncio.sleep(0.5)

    def _look_round(self) -> ClusterRoom:
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        free = self.ray.available_resources()
        return ClusterRoom(
            self.name,
            tuple((float(one.get("CPU", 0.0)), float(one.get("GPU", 0.0))) for one in nodes),
            float(free.get("CPU", 0.0)),
            float(free.get("GPU", 0.0)),
        )


def _load(address: str) -> Any:
    """Ray, told to be quiet; a cluster of our own keeps to this machine."""
    os.environ.update(_QUIET)
    if not address or address.rpartition(":")[0] in _THIS_MACHINE:
        os.environ[_LOOPBACK] = "0"
    if not address:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    import ray

    return ray


@contextlib.contextmanager
def _only_what_children_need() -> Iterator[None]:
    """While the block runs, the environment has no keys: the processes that Ray starts take over all of it."""
    kept = child_environment({}).keys()
    hidden = {
        name: value
        for name, value in os.environ.items()
        if name not in kept and not name.startswith(("RAY_", "PYTHON"))
    }
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def _line(error: Exception) -> str:
    """What a foreign error says: its first line, or its last where the first only announces it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if lines[0].endswith(":") else lines[0]


def _called(address: str) -> str:
    return f"the Ray cluster {address}" if address else "a Ray cluster of this machine"


def _check_reachable(address: str) -> None:
    """Whether anybody listens there: Ray itself asks for half a minute."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ClusterRefused(f"{address!r} is no address of a Ray cluster: HOST:6379, or ray://HOST:10001, or auto")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_WITHIN_S):
            return
    except OSError as error:
        raise ClusterRefused(f"the Ray cluster {address} cannot be reached: {error}") from error
