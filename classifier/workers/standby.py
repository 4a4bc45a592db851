"""Worker processes that are started before anybody knows what to ask them.

Starting an interpreter and loading the libraries takes a worker longer than anything else before its first answer, and
needs nothing that is known later. Meanwhile the main process loads what it needs itself, and finds the model.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from classifier.errors import WorkerLostError
from classifier.workers.process import WorkerProcess
from system.child_process import module_command

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # environment of a decoder
DECODER = module_command("classifier.pictures.decoder_worker")
SCORER = module_command("classifier.inference.scorer_worker")


def usual_decoders() -> int:
    """How many decoders, where nobody says."""
    return max(1, min(8, os.cpu_count() or 1))


class Standby:
    """Processes that wait for work; those that nobody took end with the context."""

    def __init__(self, decoders: int, decoder: Sequence[str] = DECODER, scorer: Sequence[str] = SCORER) -> None:
        """Say which; nothing is started before the context is entered.

        Args:
            decoders: how many of them; one scorer besides.
            decoder: how a decoder is run.
            scorer: how a scorer is run.
        """
        self._waiting = [(tuple(scorer), WorkerProcess(scorer))]
        self._waiting += [(tuple(decoder), WorkerProcess(decoder, ONE_THREAD)) for _ in range(decoders)]

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(_started(worker) for _, worker in self._waiting))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(worker.kill() for _, worker in waiting))

    def take(self, command: Sequence[str]) -> WorkerProcess | None:
        """A process that runs this command, from now on the caller's to kill; None: there is none left."""
        for number, (waiting, _) in enumerate(self._waiting):
            if waiting == tuple(command):
                return self._waiting.pop(number)[1]
        return None


async def _started(worker: WorkerProcess) -> None:
    """Start it; what the system refuses now is tried again, and said, where it is needed."""
    try:
        await worker.start()
    except WorkerLostError:
        return


def taken(standby: Standby | None, command: Sequence[str], extra: Mapping[str, str] | None = None) -> WorkerProcess:
    """A process for this command that waits already, else one that is to be started."""
    waiting = None if standby is None else standby.take(command)
    return waiting or WorkerProcess(command, extra)
