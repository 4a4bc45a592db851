"""What it costs to keep pictures in an object store: `python -m bench.objects [--looks N] [--rounds N] [--delay-ms N]`.

Looks with a picture of 30 kB each, begun and filed as the main job does it, 48 in flight; by turns into a folder, into
a bucket of moto, and into the same behind a line on which every answer comes so much later. Prints looks a second of
each, medians and ratios; and, behind that line, of looks that go one by one.

moto answers in one thread of Python, on this machine: its speed says nothing of a real store's. What the slow line
shows is how many requests are under way at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bench.storage import looks_a_second, make_post
from storage.archive import Archive
from storage.archive_records import ArchiveSettings, ListedPage
from tests.equipment.object_server import KEYS, ObjectServer

IN_FLIGHT = 48
PICTURE = 30_000  # bytes
ALONE = 10  # times fewer looks go one by one


class SlowLine:
    """A port whose every answer comes later than the server's."""

    def __init__(self, server: str, delay_s: float) -> None:
        parts = urlsplit(server)
        self._server, self._delay_s = (str(parts.hostname), int(parts.port or 80)), delay_s
        self.url = ""

    @contextlib.contextmanager
    def open(self) -> Iterator[str]:
        """Its address, for as long as the block lasts."""
        loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve() -> None:
            listening = await asyncio.start_server(self._carry, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            ready.set()

        loop.create_task(serve())
        thread = threading.Thread(target=loop.run_forever, name="slow-line", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield self.url
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    async def _carry(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection(*self._server)
        await asyncio.gather(self._copy(reading, questions, 0.0), self._copy(answers, writing, self._delay_s))

    async def _copy(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter, delay_s: float) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await reading.read(1 << 16):
                await asyncio.sleep(delay_s)
                writing.write(piece)
                await writing.drain()
        writing.close()


async def speed(root: Path, files: str, looks: int, in_flight: int) -> float:
    """Looks a second into a new gallery."""
    chance = random.Random(2)
    posts = [make_post(number, chance) for number in range(1, looks + 1)]
    async with Archive.open(root, ArchiveSettings(reserve_bytes=0, files=files)) as archive:
        listing = await archive.open_listing("bench", "looks")
        for start in range(0, looks, 200):
            page = posts[start : start + 200]
            await archive.file_page(listing.id, ListedPage(page, cursor=page[0].id))
        picture = random.Random(3).randbytes(PICTURE)
        return await looks_a_second(archive, posts, in_flight=in_flight, picture=picture)


def measured(folder: Path, server: ObjectServer, slow: str, looks: int, rounds: int) -> dict[str, list[float]]:
    """Every side once a round, by turns."""
    sides = {"folder": ("", looks, IN_FLIGHT), "bucket": (server.url, looks, IN_FLIGHT)}
    sides |= {"slow": (slow, looks, IN_FLIGHT), "slow, one by one": (slow, max(1, looks // ALONE), 1)}
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, (endpoint, count, in_flight) in sides.items():
            files = server.address(endpoint=endpoint) if endpoint else ""
            found[name].append(asyncio.run(speed(folder / f"{name}-{number}", files, count, in_flight)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--looks", type=int, default=200, help="into each place, each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay-ms", type=float, default=400.0, help="of every answer on the slow line")
    options = parser.parse_args(arguments)
    os.environ.update(KEYS)
    with tempfile.TemporaryDirectory(prefix="bench-objects-") as passing:
        folder = Path(passing)
        server = ObjectServer.begun(folder / "server", os.getpid())
        with SlowLine(server.url, options.delay_ms / 1000).open() as slow:
            found = measured(folder, server, slow, options.looks, options.rounds)
    middle = {name: statistics.median(speeds) for name, speeds in found.items()}
    late = f"answers {options.delay_ms:g} ms later"
    for name, words in (
        ("folder", "a folder of this disk"),
        ("bucket", "a bucket of moto, on this machine"),
        ("slow", f"the same, {late}"),
        ("slow, one by one", f"the same, {late}, one look at a time"),
    ):
        rounds = ", ".join(f"{speed:,.0f}" for speed in found[name])
        print(f"{words:60} {middle[name]:8,.1f} looks/s   1/{middle['folder'] / middle[name]:.1f}   ({rounds})")
    print(f"side by side against one by one, behind the slow line: {middle['slow'] / middle['slow, one by one']:.1f} x")


if __name__ == "__main__":
    main()
