"""A worker process that holds a network: loads it, answers, and is started once more with its question when it dies.

Its errors come as frames, which `classifier.workers.service.answered` made of them; here they are raised again. A
process that dies twice over the same question, or takes longer than allowed, is the network's fault: the run must
stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from classifier import errors
from classifier.errors import ModelError, WorkerLostError
from classifier.workers.frames import WorkerFrame
from classifier.workers.process import WorkerProcess

Load = Callable[[], Awaitable[None]]  # starts the process and asks it to load


@dataclass(frozen=True, slots=True)
class Wording:
    """How its troubles are called."""

    process: str  # "the scorer process"
    loads: str  # "the model"
    question: str  # "the same batch"
    advice: str  # for an answer that takes too long
    failed: type[ModelError]  # what it raises, unless it names an error of ours
    late: type[ModelError]


class ModelProcess:
    """The process; asked by one task at a time."""

    def __init__(self, worker: WorkerProcess, wording: Wording) -> None:
        """Take over a process that runs already, or is to be started."""
        self._worker = worker
        self._wording = wording

    async def open(self, load: Load) -> None:
        """Load for the first time; whatever goes wrong, no process is left.

        Raises:
            ModelError: it died, or reported why it does not load.
        """
        wording = self._wording
        try:
            await load()
        except WorkerLostError as error:
            await self.kill()
            raise wording.failed(f"{wording.process} died while it loaded {wording.loads}: {error}") from error
        except BaseException:
            await self.kill()
            raise

    async def start(self) -> None:
        """Start the process; a part of `load`."""
        await self._worker.start()

    async def kill(self) -> None:
        """End it at once."""
        await self._worker.kill()

    async def ask(self, question: WorkerFrame, deadline_s: float, what: str) -> WorkerFrame:
        """Ask once.

        Args:
            question: for the process.
            deadline_s: by when it must have answered.
            what: it does then, for messages.

        Raises:
            WorkerLostError: it died.
            ModelError: it took too long, or answered with an error.
        """
        wording = self._wording
        try:
            reply = await self._worker.ask(question, deadline_s)
        except TimeoutError as error:
            raise wording.late(f"{what} took longer than {deadline_s:g} s; {wording.advice}") from error
        if "error" in reply.header:
            family = getattr(errors, str(reply.header["error"]), wording.failed)
            raise family(str(reply.header["message"]))
        return reply

    async def ask_twice(
        self, question: WorkerFrame, deadline_s: float, what: tuple[str, str], load: Load
    ) -> WorkerFrame:
        """Ask, and once more a process that was started in the place of one that died over the question.

        Args:
            question: for the process.
            deadline_s: by when it must have answered.
            what: it does then, for messages: at first, and after a restart.
            load: as for `open`.

        Raises:
            ModelError: it died twice, took too long, or answered with an error.
        """
        first, again = what
        try:
            return await self.ask(question, deadline_s, first)
        except WorkerLostError:
            await self.kill()
        wording = self._wording
        try:
            await load()
            return await self.ask(question, deadline_s, again)
        except WorkerLostError as error:
            raise wording.failed(f"{wording.process} died twice over {wording.question}: {error}") from error
