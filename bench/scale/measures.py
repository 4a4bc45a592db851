"""What is measured of one gallery, whatever engine it is on."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias

from bench.questions.__main__ import percentiles
from bench.questions.ask import FIRST_LISTS, QUESTIONS, ROWS, opened, pages, times
from bench.questions.gallery import TAG
from bench.scale.gallery import MOST_EXPORTED, make_originals
from bench.storage import looks_a_second, make_post, rescore
from commands.export import ExportOptions, Picturing
from commands.export import run as run_export
from storage.archive import Archive, open_reader
from storage.archive_records import ArchiveSettings, ListedPage

Measured: TypeAlias = Mapping[str, float]  # by what it is, with its unit
PAGE = 200  # posts of a listing page
MOST_S = 3.0  # for one question, of at most five askings


async def changed(root: Path, posts: int, filed: int, decided: int, used: Callable[[], float]) -> Measured:
    """Decide posts again, file new ones, look at them; gives the room that the database then has, too.

    Args:
        root: of the gallery, which nobody else uses.
        posts: how many it has.
        filed: how many new ones are filed, and looked at.
        decided: how many are decided again, at most.
        used: seconds of a processor so far, of this process and of a server.
    """
    found: dict[str, float] = {}
    with open_reader(root) as reader:
        unused = 10 * posts + int(reader.sql("SELECT max(post_id) FROM post").rows[0][0])
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0)) as archive:
        with _timed(used) as rescoring:
            await rescore(archive, decided := min(posts, decided))
        for unit, seconds in rescoring.items():
            found[f"deciding every post again, {unit}"] = seconds * posts / decided
            found[f"deciding a post again, µ{unit}"] = 1e6 * seconds / decided
        new = [make_post(unused + number, random.Random(number)) for number in range(filed)]
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


def exported(root: Path, used: Callable[[], float]) -> Measured:
    """A table of everything that is kept; and posts of one tag, the first thousand, with their files linked."""
    with open_reader(root) as reader:
        with _timed(used) as listing:
            rows = len(reader.query("decision:keep").rows)
        posts = make_originals(root, reader)
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        options = ExportOptions(
            format="csv",
            folder=Path(folder) / "dataset",
            expression=f"{TAG} place:gallery limit:{MOST_EXPORTED}",
            picturing=Picturing(how="link"),
            quiet=True,
        )
        with _timed(used) as exporting:
            code = run_export(options, root, None)
        written = (options.folder / "manifest.jsonl").read_text().count("\n")
    if code or written != posts:
        raise SystemExit(f"{root}: {written} of {posts} posts were exported, exit code {code}")
    found = {f"rows of all that is kept, a second{unit[1:]}": rows / seconds for unit, seconds in listing.items()}
    return found | {f"posts exported, a second{unit[1:]}": posts / seconds for unit, seconds in exporting.items()}


def asked(root: Path, used: Callable[[], float]) -> Measured:
    """Milliseconds of common questions and of the page."""
    found: dict[str, float] = {}

    def note(kind: str, ask: Callable[[Callable[[], float]], Mapping[str, Sequence[float]]]) -> None:
        marks: list[float] = []

        def clock() -> float:  # read before a question and after it
            marks.append(used())
            return time.perf_counter()

        half, most = percentiles(ask(clock))
        worked = [end - begin for begin, end in zip(marks[::2], marks[1::2], strict=True)]
        found.update({f"{kind}, p50 ms": half, f"{kind}, p95 ms": most})
        for which, value in zip(("p50", "p95"), percentiles({"": worked}), strict=True):
            found[f"{kind}, {which} ms of a processor"] = value

    with open_reader(root) as reader:
        for kind, questions in QUESTIONS.items():
            note(kind, partial(_each, {one: partial(reader.query, one, ROWS) for one in questions}))
        note("crawl status", partial(_each, {"": reader.status}))
    note("a page of the grid", partial(pages, root, MOST_S))
    for kind, lists in FIRST_LISTS.items():
        note(kind, partial(_each, {name: partial(opened, root, query) for name, query in lists.items()}))
    return found


def _each(asked_for: Mapping[str, Callable[[], object]], clock: Callable[[], float]) -> Mapping[str, Sequence[float]]:
    return {name: times(ask, MOST_S, clock) for name, ask in asked_for.items()}
