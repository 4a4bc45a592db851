"""Files go where they belong, a few at a time, beside the looking; doubt moves nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from crawler.folder_outputs import BATCH, Destinations, FileSorter
from crawler.folder_pipeline import Classified, Ruled, Verdict
from crawler.sources.local_files import LocalFile
from storage.archive_records import Digest
from storage.folders.moves import MoveOrder, Mover, MoveResult
from storage.records import DecidedBy

KEPT, OTHERS = Path("/kept"), Path("/others")


class Hand(Mover):
    """Moves nothing, remembers what it was asked for, and can be held up."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.free = threading.Event()
        self.free.set()

    def move(self, orders: Sequence[MoveOrder]) -> Sequence[MoveResult]:
        self.free.wait(20)
        self.asked.append([order.source.name for order in orders])
        return [MoveResult(order.folder / order.source.name) for order in orders]


def one(name: str, verdict: Verdict = Verdict.KEPT) -> Classified:
    file = LocalFile(Path("/in") / name, name)
    return Classified(file, Ruled(verdict, DecidedBy.SCORE, ""), Digest(1, "0" * 32, "0" * 64))


@pytest.mark.parametrize(
    ("verdict", "place"),
    [(Verdict.KEPT, KEPT), (Verdict.REJECTED, OTHERS), (Verdict.UNDECIDED, None), (Verdict.FAILED, None)],
)
def test_only_what_is_decided_goes_anywhere(verdict: Verdict, place: Path | None) -> None:
    assert Destinations(KEPT, OTHERS).of(one("1.jpg", verdict)) == place


async def test_the_first_goes_at_once_and_the_next_together() -> None:
    hand = Hand()
    sorter = FileSorter(Destinations(KEPT, OTHERS), hand, clock=lambda: 0.0)

    for number in range(BATCH + 2):
        await sorter.take(one(f"{number}"))
    await sorter.flush()

    assert [len(batch) for batch in hand.asked] == [1, BATCH, 1]
    assert sorter.placed == BATCH + 2


async def test_looking_goes_on_while_files_are_moved_and_stopping_waits_for_them() -> None:
    hand = Hand()
    hand.free.clear()
    sorter = FileSorter(Destinations(KEPT, OTHERS), hand, clock=lambda: 0.0)

    await sorter.take(one("1.jpg"))  # returns, though the disk does not
    await sorter.take(one("2.jpg"))
    settling = asyncio.create_task(sorter.settle())
    await asyncio.sleep(0)
    settling.cancel()
    hand.free.set()
    with pytest.raises(asyncio.CancelledError):
        await settling
        await asyncio.sleep(0)

    assert hand.asked == [["1.jpg"]]
