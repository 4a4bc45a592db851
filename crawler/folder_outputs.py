"""Where classified files go: nowhere, or copied, linked or moved into folders, a few at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crawler.folder_pipeline import Classified, Verdict
from storage.folders.moves import MoveOrder, Mover
from storage.folders.placement import Placer
from storage.folders.transfer import Expected
from storage.uninterrupted import uninterrupted

BATCH = 64  # files that are moved together
_WAIT_S = 0.3  # that a file waits for others of its batch


@dataclass(frozen=True, slots=True)
class Destinations:
    """Which folders files go into; None: they stay where they are."""

    kept: Path | None = None  # absolute
    rejected: Path | None = None
    by_name: bool = False  # a folder a name below `kept`, with the parts of the name as folders

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that there are."""
        return tuple(folder for folder in (self.kept, self.rejected) if folder is not None)

    def of(self, one: Classified) -> Path | None:
        """Where a file goes. What is undecided or failed stays: doubt moves nothing."""
        if one.ruled.verdict is Verdict.KEPT and self.kept is not None:
            return self.kept.joinpath(*folder_parts(one.ruled.name)) if self.by_name else self.kept
        return self.rejected if one.ruled.verdict is Verdict.REJECTED else None


def folder_parts(name: str) -> tuple[str, ...]:
    """A class's name as names of folders, outer first: `work/character`; nothing in it leads elsewhere."""
    parts = ("".join(char if char.isprintable() and char not in '\\:*?"<>|' else "_" for char in part).strip()
             for part in name.split("/"))  # fmt: skip
    return tuple(f"_{part[1:]}" if part.startswith(".") else part for part in parts if part)


@dataclass(slots=True)
class FileSorter:
    """Sends each file where it belongs; whoever stops early settles it before it lets the folders go."""

    destinations: Destinations
    transport: Mover | Placer
    clock: Callable[[], float] = time.monotonic
    placed: int = 0  # files
    trouble: list[tuple[Path, str]] = field(default_factory=list)  # files that stay, and why
    _orders: list[MoveOrder] = field(default_factory=list)
    _last: float | None = None
    _sending: asyncio.Task[None] | None = None

    async def take(self, one: Classified) -> None:
        """Send a file where it belongs, soon.

        Raises:
            StorageError: the disk refuses, or is full.
        """
        folder = self.destinations.of(one)
        if folder is not None and one.content is not None:
            expected = Expected(one.content.size, one.content.sha256)
            self._orders.append(MoveOrder(one.file.path, folder, expected))
        if len(self._orders) >= BATCH or self._last is None or self.clock() - self._last >= _WAIT_S:
            await self._begin()

    async def flush(self) -> None:
        """Send what waits, and wait for its end."""
        await self._begin()
        await self.settle()

    @uninterrupted
    async def settle(self) -> None:
        """Wait for the end of what was begun; what waits goes on waiting."""
        sending, self._sending = self._sending, None
        if sending is not None:
            await sending

    async def _begin(self) -> None:
        """Send what waits, behind those before it and beside whatever comes next."""
        await self.settle()
        orders, self._orders = tuple(self._orders), []
        if orders:
            self._last = self.clock()
            self._sending = asyncio.create_task(asyncio.to_thread(self._send, orders))

    def _send(self, orders: Sequence[MoveOrder]) -> None:
        if isinstance(self.transport, Mover):
            results = self.transport.move(orders)
        else:
            results = [self.transport.place(order) for order in orders]
        for order, result in zip(orders, results, strict=True):
            if result.target is None:
                self.trouble.append((order.source, result.trouble))
            else:
                self.placed += 1
