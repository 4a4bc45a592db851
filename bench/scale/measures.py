"""What is measured of one gallery, whatever engine it is on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench.questions.__main__ import percentiles
from bench.questions.ask import FIRST_LISTS, QUESTIONS, ROWS, opened, pages, times
from bench.storage import looks_a_second, make_post, rescore
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, ListedPage

Measured: TypeAlias = Mapping[str, float]  # by what it is, with its unit
PAGE = 200  # posts of a listing page
MOST_S = 3.0  # for one question, of at most five askings


async def measured(root: Path, posts: int, filed: int, used: Callable[[], float]) -> Measured:
    """Ask, then change.

    Args:
        root: of the gallery, which nobody else uses.
        posts: how many it has.
        filed: how many new ones are filed, and looked at.
        used: seconds of a processor so far, of this process and of a server.
    """
    found = dict(asked(root, used))
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        with _timed(used) as rescoring:
            await rescore(archive, posts)
        found |= {f"deciding every post again, {unit}": seconds for unit, seconds in rescoring.items()}
        new = [make_post(10 * posts + number, random.Random(number)) for number in range(filed)]
        listing = await archive.open_listing("bench", "new")
        with _timed(used) as filing:
            for start in range(0, filed, PAGE):
                page = new[start : start + PAGE]
                await archive.file_page(listing.id, ListedPage(page, cursor=page[0].id))
        found |= {f"posts filed, a second{unit[1:]}": filed / seconds for unit, seconds in filing.items()}
        with _timed(used) as looking:
            await looks_a_second(archive, new, in_flight=48, picture=None)
        found |= {f"looks filed, 48 in flight, a second{unit[1:]}": filed / took for unit, took in looking.items()}
    with open_reader(root) as reader:
        found["database, MB"] = reader.ask(lambda connection: reader.database.size_of(connection)) / 1e6
    return found


@contextmanager
def _timed(used: Callable[[], float]) -> Iterator[dict[str, float]]:
    """Seconds that the block takes, by the clock and of a processor, by their unit."""
    seconds: dict[str, float] = {}
    clock, processor = time.perf_counter(), used()
    yield seconds
    seconds |= {"s": time.perf_counter() - clock, "s of a processor": used() - processor}


def asked(root: Path, used: Callable[[], float]) -> Measured:
    """Milliseconds of common questions, of the page, and of a table of everything that is kept."""
    found: dict[str, float] = {}

    def note(kind: str, ask: Callable[[], Mapping[str, Sequence[float]]]) -> None:
        with _timed(used) as whole:
            times = ask()
        half, most = percentiles(times)
        mean = 1000 * whole["s of a processor"] / sum(map(len, times.values()))
        found.update({f"{kind}, p50 ms": half, f"{kind}, p95 ms": most, f"{kind}, mean ms of a processor": mean})

    with open_reader(root) as reader:
        for kind, questions in QUESTIONS.items():
            note(kind, partial(_each, {one: partial(reader.query, one, ROWS) for one in questions}))
        note("crawl status", partial(_each, {"": reader.status}))
        note("a table of what is kept", partial(_each, {"": lambda: reader.query("decision:keep").rows}))
    note("a page of the grid", lambda: pages(root, MOST_S, time.perf_counter))
    for kind, lists in FIRST_LISTS.items():
        note(kind, partial(_each, {name: partial(opened, root, query) for name, query in lists.items()}))
    return found


def _each(asked_for: Mapping[str, Callable[[], object]]) -> Mapping[str, Sequence[float]]:
    return {name: times(ask, MOST_S, time.perf_counter) for name, ask in asked_for.items()}
