"""Pictures go to whichever worker has room; what a lost worker had in hand goes to another.

    look -> waiting -> a batch in one of a worker's slots -> answered
                 ^------ the worker died, or is late ------+

A worker takes the next batch when it has answered one, so a slow one holds up its own batches and nothing else; when
nothing waits any more, a worker that is idle takes over what another has had for too long, and the first answer
counts. A picture is answered once, whatever happens to the workers. Nothing here knows Ray: a worker is a protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from classifier.errors import DeadlineError, DeviceError, ModelError
from distributed.errors import ClusterLost, WorkerGone
from distributed.messages import JudgeOrder, Question, WorkerReply
from distributed.seat import Seat
from storage.plurals import counted
from storage.records import Look
from storage.run_error import RunError


class Worker(Protocol):
    """A worker that is there."""

    @property
    def host(self) -> str:
        """The machine that it is on."""
        ...

    async def load(self, key: str, order: JudgeOrder) -> WorkerReply:
        """Load what is called `key` from then on.

        Raises:
            WorkerGone: it died.
        """
        ...

    async def look(self, key: str, questions: Sequence[Question]) -> WorkerReply:
        """Answer a batch.

        Raises:
            WorkerGone: it died.
        """
        ...

    async def unload(self, key: str) -> None:
        """Let go of what is called `key`; a worker that died has done so."""
        ...

    async def close(self) -> None:
        """End it, dead or alive."""
        ...


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """How pictures are handed out."""

    most_a_batch: int = 16  # pictures
    slots: int = 2  # batches that a worker has in hand: one is on its way while one is worked on
    most_tries: int = 3  # workers that may die over a picture
    load_deadline_s: float = 240.0
    batch_deadline_s: float = 300.0  # then a worker is given up
    late_after_s: float = 5.0  # then an idle worker may take a batch over, but not before `late_times` the usual
    late_times: float = 4.0
    nobody_s: float = 60.0  # how long pictures may wait while no worker is there


@dataclass(slots=True, eq=False)
class _Request:
    key: str
    question: Question
    answer: asyncio.Future[Look]
    tries: int = 0  # workers that died over it
    sent_at: float = 0.0  # by the loop's clock, the last time
    seats: set[int] = field(default_factory=set)  # numbers of those that have it in hand


Hire = Callable[[], Awaitable[Worker]]
Report = Callable[[str], None]


class Dispatcher:
    """The workers, and the pictures on their way; use as an async context manager."""

    def __init__(self, hire: Hire, workers: int, report: Report, settings: DispatchSettings | None = None) -> None:
        """Nothing is started before the context is entered.

        Args:
            hire: starts a worker; may wait for as long as the cluster has no room.
            workers: how many.
            report: takes lines for people: what was lost.
            settings: how pictures are handed out.
        """
        self._hire = hire
        self._report = report
        self._settings = settings or DispatchSettings()
        self._seats = [Seat(number) for number in range(workers)]
        self._orders: dict[str, JudgeOrder] = {}
        self._waiting: deque[_Request] = deque()
        self._in_hand: dict[_Request, None] = {}  # the oldest first
        self._usual_s = 0.0  # a batch takes, a running mean
        self._failure: RunError | None = None
        self._news = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        """Start the workers; they are waited for by `open`."""
        self._tasks = [asyncio.create_task(self._staff(seat), name=f"worker-{seat.number}") for seat in self._seats]
        self._tasks.append(asyncio.create_task(self._watch(), name="workers"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._give_up(DeviceError("the workers were sent home"))

    @property
    def workers(self) -> int:
        """How many are there and at work."""
        return sum(seat.worker is not None for seat in self._seats)

    @property
    def losses(self) -> int:
        """How many workers were lost so far."""
        return sum(seat.losses for seat in self._seats)

    def replies(self, key: str) -> list[WorkerReply]:
        """The last word of every worker, those that were lost too, about what is called `key`."""
        return [reply for seat in self._seats for reply in seat.replies(key)]

    def lose(self, error: RunError) -> None:
        """Fail everything that waits, and all that comes: there is no cluster any more."""
        self._give_up(error)

    async def open(self, key: str, order: JudgeOrder) -> None:
        """Let every worker load it; returns when all of them have.

        Raises:
            ModelError: one of them cannot. ClusterLost: none can be started.
        """
        self._orders[key] = order
        try:
            async with asyncio.timeout(self._settings.load_deadline_s):
                await asyncio.gather(*(self._loaded(seat, key) for seat in self._seats))
        except TimeoutError:
            ready = sum(key in seat.loaded for seat in self._seats)
            raise DeadlineError(
                f"{ready} of {counted(len(self._seats), 'Ray worker')} had the model loaded after "
                f"{self._settings.load_deadline_s:g} s"
            ) from None

    async def close(self, key: str) -> None:
        """Let every worker forget it; who still waits for an answer by it gets an error."""
        self._orders.pop(key, None)
        for request in (*self._waiting, *self._in_hand):
            if request.key == key and not request.answer.done():
                request.answer.set_exception(DeviceError("the model was let go before it had looked"))
        there = [seat.worker for seat in self._seats if seat.worker is not None]
        for seat in self._seats:
            seat.loaded.discard(key)
        await asyncio.gather(*(worker.unload(key) for worker in there))

    async def look(self, key: str, question: Question) -> Look:
        """The answer to one question.

        Raises:
            ModelError, ClusterLost: the model, or the whole cluster, failed: the run must stop.
        """
        if self._failure is not None:
            raise self._failure
        request = _Request(key, question, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._tell()
        return await request.answer

    # --- the workers -------------------------------------------------------------------------------------------------

    async def _staff(self, seat: Seat) -> None:
        """Keep a worker in its place, one after another."""
        failed = 0
        while failed < self._settings.most_tries and self._failure is None:
            worker = None
            try:
                worker = await self._hire()
                await self._load_everything(seat, worker)
                failed = 0
                seat.begin(worker)
                self._tell()
                await self._serve(seat, worker)
            except WorkerGone as gone:
                failed += 1
                seat.why = str(gone)
            except RunError as error:
                self._give_up(error)
            except Exception as error:  # noqa: BLE001 - a bug here must fail what waits, not hang it
                self._give_up(ModelError(f"a worker cannot be kept: {type(error).__name__}: {error}"))
            finally:
                seat.end()
                if worker is not None:
                    await worker.close()
        seat.closed = True
        if self._failure is None:
            self._report(f"a Ray worker cannot be started: {seat.why}")
        if all(each.closed for each in self._seats):
            self._give_up(ClusterLost(f"no Ray worker can be started: {seat.why}"))
        self._tell()

    async def _load_everything(self, seat: Seat, worker: Worker) -> None:
        """What is in use, and what comes into use meanwhile."""
        while missing := self._orders.keys() - seat.loaded:
            for key in sorted(missing):
                await self._load(seat, worker, key)

    async def _loaded(self, seat: Seat, key: str) -> None:
        """Wait until the seat's worker has loaded it; one that is at work already is asked to."""
        while key not in seat.loaded and key in self._orders:
            if self._failure is not None:
                raise self._failure
            if seat.closed:
                return
            if seat.worker is None:
                await self._hear()
                continue
            try:
                await self._load(seat, seat.worker, key)
            except WorkerGone:
                await self._hear()  # its successor loads everything

    async def _load(self, seat: Seat, worker: Worker, key: str) -> None:
        order = self._orders.get(key)
        if order is None:  # nobody wants it any more
            return
        reply = await worker.load(key, order)
        if reply.error is not None:
            raise reply.error.error(worker.host)
        seat.loaded.add(key)
        seat.keep(key, reply)
        self._tell()

    async def _serve(self, seat: Seat, worker: Worker) -> None:
        """Hand it batches until it is gone."""
        slots = [asyncio.create_task(self._fill(seat, worker)) for _ in range(self._settings.slots)]
        try:
            await asyncio.wait(slots, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for slot in slots:
                slot.cancel()
            ends = await asyncio.gather(*slots, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not isinstance(end, WorkerGone):
                raise end
        gone = next((str(end) for end in ends if isinstance(end, WorkerGone)), "it does not answer")
        seat.losses += 1
        self._report(f"a Ray worker on {worker.host} was lost ({gone}); what it had in hand goes to another")

    async def _watch(self) -> None:
        """Give up when pictures wait and nobody has been there for long."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._settings.nobody_s / 4))
            if self.workers or not (self._waiting or self._in_hand):
                since = loop.time()
            elif loop.time() - since > self._settings.nobody_s:
                why = next((f": {seat.why}" for seat in self._seats if seat.why), "")
                self._give_up(
                    ClusterLost(
                        f"no Ray worker has been there for {self._settings.nobody_s:g} s{why}; what was done is kept"
                    )
                )

    # --- the pictures ------------------------------------------------------------------------------------------------

    async def _fill(self, seat: Seat, worker: Worker) -> None:
        """One slot: batch after batch.

        Raises:
            WorkerGone: the worker died, or is given up. RunError: the model failed as a whole.
        """
        while True:
            batch = await self._next(seat)
            try:
                await self._send(seat, worker, batch)
            except (WorkerGone, TimeoutError) as error:
                for request in batch:
                    request.tries += 1
                if isinstance(error, WorkerGone):
                    raise
                raise WorkerGone(f"no answer within {self._settings.batch_deadline_s:g} s") from error
            finally:
                self._put_back(seat, batch)

    async def _send(self, seat: Seat, worker: Worker, batch: Sequence[_Request]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        key = batch[0].key
        try:
            async with asyncio.timeout(self._settings.batch_deadline_s):
                reply = await worker.look(key, [request.question for request in batch])
            if reply.error is not None:
                raise reply.error.error(worker.host)
        except ModelError:
            if key in self._orders:
                raise
            return  # it was let go while a late worker still looked, whose answers nobody needs
        took = loop.time() - started
        self._usual_s = took if not self._usual_s else 0.9 * self._usual_s + 0.1 * took
        seat.keep(key, reply)
        for request, look in zip(batch, reply.looks, strict=True):
            if not request.answer.done():
                request.answer.set_result(look)

    def _put_back(self, seat: Seat, batch: Sequence[_Request]) -> None:
        """What was not answered waits again, before all others; unless somebody else has it in hand too."""
        for request in reversed(batch):
            request.seats.discard(seat.number)
            if request.answer.done():
                self._in_hand.pop(request, None)
            elif request.tries >= self._settings.most_tries:
                self._give_up(DeviceError(f"{request.tries} Ray workers died over the same pictures"))
                self._in_hand.pop(request, None)
            elif not request.seats:
                self._in_hand.pop(request, None)
                self._waiting.appendleft(request)
        self._tell()

    async def _next(self, seat: Seat) -> Sequence[_Request]:
        """The next batch for a worker, as soon as there is one."""
        while True:
            batch = self._take(seat, self._waiting) or self._take(seat, self._late())
            if batch:
                now = asyncio.get_running_loop().time()
                for request in batch:
                    request.seats.add(seat.number)
                    request.sent_at = now
                    self._in_hand[request] = None
                return batch
            try:
                async with asyncio.timeout(self._settings.late_after_s / 4 if self._in_hand else None):
                    await self._hear()
            except TimeoutError:
                continue

    def _take(self, seat: Seat, requests: Iterable[_Request]) -> list[_Request]:
        """A share of these, all of one key; those that are taken from the queue leave it."""
        there = [one for one in requests if not one.answer.done() and seat.number not in one.seats]
        slots = max(1, self.workers * self._settings.slots)
        size = min(self._settings.most_a_batch, -(-len(there) // slots))
        ready = [one for one in there if one.key in seat.loaded]
        batch = [one for one in ready if one.key == ready[0].key][:size]
        if requests is self._waiting:
            taken = set(map(id, batch))
            self._waiting = deque(one for one in there if id(one) not in taken)
        return batch

    def _late(self) -> list[_Request]:
        """What one worker alone has had in hand for too long."""
        longest = max(self._settings.late_after_s, self._settings.late_times * self._usual_s)
        before = asyncio.get_running_loop().time() - longest
        return [one for one in self._in_hand if len(one.seats) == 1 and one.sent_at < before]

    # --- news --------------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Wake everybody who waits for something to change."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _hear(self) -> None:
        await self._news.wait()

    def _give_up(self, error: RunError) -> None:
        """Fail everything, now and later, with the first reason."""
        self._failure = self._failure or error
        for request in (*self._waiting, *self._in_hand):
            if not request.answer.done():
                request.answer.set_exception(self._failure)
        self._waiting.clear()
        self._tell()
