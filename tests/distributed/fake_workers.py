"""Workers that remember what they looked at, and misbehave by name; no cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from distributed.errors import WorkerGone
from distributed.messages import JudgeOrder, Question, WorkerError, WorkerReply
from storage.records import Look


def seen(question: Question) -> Look:
    """A look that names its picture."""
    assert isinstance(question, bytes)
    return Look(scores={"mona": int(question) / 10_000})


@dataclass
class FakeWorker:
    """Answers after a while; dies over its n-th batch, or hangs from it on."""

    name: str = "one"
    takes_s: float = 0.0
    dies_over: int | None = None  # number of the batch
    hangs_over: int | None = None
    error: WorkerError | None = None  # what it answers to any batch
    load_error: WorkerError | None = None
    batches: list[list[Question]] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    closed: bool = False
    _dead: bool = False

    @property
    def host(self) -> str:
        return self.name

    async def load(self, key: str, order: JudgeOrder) -> WorkerReply:
        self.loads.append(key)
        return WorkerReply(error=self.load_error)

    async def look(self, key: str, questions: Sequence[Question]) -> WorkerReply:
        assert key in self.loads
        self.batches.append(list(questions))
        number = len(self.batches)
        if self._dead or number == self.dies_over:
            self._dead = True
            raise WorkerGone("killed")
        if self.hangs_over is not None and number >= self.hangs_over:
            await asyncio.sleep(3600)
        await asyncio.sleep(self.takes_s)
        return WorkerReply([seen(one) for one in questions], error=self.error)

    async def unload(self, key: str) -> None:
        self.loads.remove(key)

    async def close(self) -> None:
        self.closed = True

    @property
    def pictures(self) -> list[Question]:
        return [one for batch in self.batches for one in batch]


@dataclass
class Agency:
    """Sends these workers, in turn; then nobody for as long as it is asked."""

    workers: list[FakeWorker]
    sent: list[FakeWorker] = field(default_factory=list)

    async def hire(self) -> FakeWorker:
        if not self.workers:
            await asyncio.sleep(3600)
        self.sent.append(self.workers.pop(0))
        return self.sent[-1]
