"""What is measured of one gallery, whatever engine it is on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
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


async def measured(root: Path, posts: int, filed: int) -> Measured:
    """Ask, then change.

    Args:
        root: of the gallery, which nobody else uses.
        posts: how many it has.
        filed: how many new ones are filed, and looked at.
    """
    found = dict(asked(root))
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        began = time.perf_counter()
        await rescore(archive, posts)
        found["deciding every post again, s"] = time.perf_counter() - began
        new = [make_post(10 * posts + number, random.Random(number)) for number in range(filed)]
        listing = await archive.open_listing("bench", "new")
        began = time.perf_counter()
        for start in range(0, filed, PAGE):
            page = new[start : start + PAGE]
            await archive.file_page(listing.id, ListedPage(page, cursor=page[0].id))
        found["posts filed a second"] = filed / (time.perf_counter() - began)
        found["looks filed a second, 48 in flight"] = await looks_a_second(archive, new, in_flight=48, picture=None)
    with open_reader(root) as reader:
        found["database, MB"] = reader.ask(lambda connection: reader.database.size_of(connection)) / 1e6
    return found


def asked(root: Path) -> Measured:
    """Milliseconds by the clock of common questions, of the page, and of a table of everything that is kept."""
    found: dict[str, float] = {}
    with open_reader(root) as reader:
        for kind, questions in QUESTIONS.items():
            found |= _named(kind, {one: _times(partial(reader.query, one, ROWS)) for one in questions})
        found |= _named("crawl status", {"": _times(reader.status)})
        found["a table of what is kept, ms"] = 1000 * min(_times(lambda: reader.query("decision:keep").rows))
    found |= _named("a page of the grid", pages(root, MOST_S, time.perf_counter))
    for kind, lists in FIRST_LISTS.items():
        found |= _named(kind, {name: _times(partial(opened, root, query)) for name, query in lists.items()})
    return found


def _named(kind: str, times: Mapping[str, Sequence[float]]) -> Measured:
    half, most = percentiles(times)
    return {f"{kind}, p50 ms": half, f"{kind}, p95 ms": most}


def _times(ask: Callable[[], object]) -> list[float]:
    return times(ask, MOST_S, time.perf_counter)
