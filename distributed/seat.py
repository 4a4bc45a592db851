"""One worker's place: who sits there now, what it has loaded, and what it and those before it have done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distributed.messages import WorkerReply

if TYPE_CHECKING:
    from distributed.dispatcher import Worker


@dataclass(slots=True)
class Seat:
    """A place for a worker; the dispatcher fills it."""

    number: int
    worker: Worker | None = None  # at work; None: there is none, or it still loads
    loaded: set[str] = field(default_factory=set)  # keys
    losses: int = 0  # workers that died here
    closed: bool = False  # no worker can be started here
    why: str = ""  # the last one could not be started
    _last: dict[str, WorkerReply] = field(default_factory=dict)  # by key, of the worker that is here
    _before: list[tuple[str, WorkerReply]] = field(default_factory=list)  # of those that were

    def begin(self, worker: Worker) -> None:
        """It has loaded everything and may be handed pictures."""
        self.worker = worker

    def end(self) -> None:
        """Nobody is here any more."""
        self.worker = None
        self.loaded.clear()
        self._before.extend(self._last.items())
        self._last.clear()

    def keep(self, key: str, reply: WorkerReply) -> None:
        """What it said last about `key`."""
        self._last[key] = reply

    def replies(self, key: str) -> Iterator[WorkerReply]:
        """The last words about `key` of everybody who was here."""
        yield from (reply for about, reply in self._before if about == key)
        if key in self._last:
            yield self._last[key]
