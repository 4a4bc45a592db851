"""One writer: a thread with its own connection that carries out whatever waits in one transaction, then answers all.

A commit costs a disk flush; sharing it makes an awaited write per post cheap. Operations are
functions of a connection and must be repeatable: when one of a batch fails, the transaction is rolled back and the
batch is done again with a savepoint each, so that it fails alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from storage.database.engine import Database
from storage.database.error_translation import translated
from storage.errors import StorageError

T = TypeVar("T")
Operation = Callable[[Connection], T]


@dataclass(slots=True)
class _Order(Generic[T]):
    """One operation on its way."""

    operation: Operation[T]
    loop: asyncio.AbstractEventLoop | None = None
    waiter: asyncio.Future[T] | None = None
    result: Any = None
    error: BaseException | None = field(default=None)


class Writer:
    """The only connection that writes, as far as this process is concerned."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        *,
        queue_size: int = 1024,
        batch_size: int = 256,
        on_rollback: Callable[[], None] = lambda: None,
        connection: Connection | None = None,
    ) -> None:
        """Start the thread.

        Args:
            engine: of the database; closed with this.
            database: what messages name.
            queue_size: operations that may wait.
            batch_size: operations that share one transaction.
            on_rollback: called when a transaction was rolled back.
            connection: the first one, where it must be there from the start; None: made when it is needed.
        """
        self._engine = engine
        self._database = database
        self._orders: queue.SimpleQueue[_Order[Any] | None] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(queue_size)
        self._batch_size = batch_size
        self._on_rollback = on_rollback
        self._closed = False
        self._connection = connection
        self._thread = threading.Thread(target=self._work, name="archive-writer", daemon=True)
        self._thread.start()

    async def do(self, operation: Operation[T]) -> T:
        """Carry out an operation; returns after its commit.

        Cancelling the caller does not undo it: it is carried out whole, and its result is dropped.
        """
        async with self._room:
            loop = asyncio.get_running_loop()
            waiter: asyncio.Future[T] = loop.create_future()
            self._submit(_Order(operation, loop, waiter))
            return await waiter

    def post(self, operation: Operation[Any]) -> None:
        """Have an operation carried out some time soon; nobody waits for it."""
        self._submit(_Order(operation))

    def _submit(self, order: _Order[Any]) -> None:
        if self._closed:
            raise StorageError(f"{self._database}: the archive is closed")
        self._orders.put(order)

    def close(self) -> None:
        """Carry out what waits, fold the log in, end the thread."""
        if self._closed:
            return
        self._closed = True
        self._orders.put(None)
        self._thread.join()
        self._engine.dispose()

    def _work(self) -> None:
        connection, self._connection = self._connection, None
        ended = False
        while not ended:
            batch, ended = self._next_batch()
            if batch:
                try:
                    connection = connection or self._engine.connect()
                    self._carry_out(connection, batch)
                except BaseException as error:  # noqa: BLE001 - every waiting caller must get it, whatever it is
                    self._fail_rest(batch, error)
                    self._drop(connection)
                    connection = None
                self._answer(batch)
        if connection is not None:
            self._database.fold_in_if_possible(connection)
            connection.close()

    def _next_batch(self) -> tuple[list[_Order[Any]], bool]:
        """Whatever waits now, at least one; and whether the end was reached."""
        first = self._orders.get()
        if first is None:
            return [], True
        batch = [first]
        while len(batch) < self._batch_size:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                break
            if order is None:
                return batch, True
            batch.append(order)
        return batch, False

    def _carry_out(self, connection: Connection, batch: Sequence[_Order[Any]]) -> None:
        if not self._together(connection, batch):
            self._on_rollback()
            self._one_by_one(connection, batch)

    def _together(self, connection: Connection, batch: Sequence[_Order[Any]]) -> bool:
        """The whole batch in one go; False when something failed and all of it was rolled back."""
        transaction = _begun(connection)
        try:
            for order in batch:
                order.result = order.operation(connection)
        except Exception:  # noqa: BLE001 - done again one by one, where the error finds its owner
            self._roll_back(connection)
            return False
        transaction.commit()
        return True

    def _one_by_one(self, connection: Connection, batch: Sequence[_Order[Any]]) -> None:
        transaction = connection.begin()
        for order in batch:
            order.result = None
            connection.exec_driver_sql("SAVEPOINT operation")
            try:
                order.result = order.operation(connection)
            except Exception as error:
                if not self._database.in_transaction(connection):
                    raise  # the database gave the whole transaction up: full disk, I/O error
                order.error = error
                self._on_rollback()
                connection.exec_driver_sql("ROLLBACK TO operation")
            connection.exec_driver_sql("RELEASE operation")
        transaction.commit()

    def _roll_back(self, connection: Connection) -> None:
        if self._database.in_transaction(connection):
            connection.rollback()
        else:
            connection.invalidate()  # nothing is left to roll back, and asking for it raises
            connection.rollback()

    def _drop(self, connection: Connection | None) -> None:
        self._on_rollback()
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.invalidate()
                connection.close()

    @staticmethod
    def _fail_rest(batch: Sequence[_Order[Any]], error: BaseException) -> None:
        for order in batch:
            order.error = order.error or error

    def _answer(self, batch: Sequence[_Order[Any]]) -> None:
        """Tell every caller; one wake-up an event loop, however many wait."""
        by_loop: dict[asyncio.AbstractEventLoop, list[_Order[Any]]] = {}
        for order in batch:
            if order.error is not None:
                order.error = translated(order.error, self._database)
            if order.loop is not None:
                by_loop.setdefault(order.loop, []).append(order)
        for loop, orders in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop is gone, and nobody waits
                loop.call_soon_threadsafe(_wake, orders)


def _begun(connection: Connection) -> RootTransaction:
    """A transaction; on a new connection where the server went away while nobody asked, as nothing was sent yet."""
    try:
        return connection.begin()
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        connection.rollback()
        return connection.begin()


def _wake(orders: Sequence[_Order[Any]]) -> None:
    for order in orders:
        if order.waiter is None or order.waiter.done():
            continue  # the caller was cancelled
        if order.error is not None:
            order.waiter.set_exception(order.error)
        else:
            order.waiter.set_result(order.result)
