"""What a gallery costs as it grows, in its file and on a Postgres server: `python -m bench.scale [--posts N …]`.

    python -m bench.scale [--posts 100000 1000000] [--root DIR] [--engines sqlite postgres] [--filed N]
    python -m bench.scale.vectors

Makes a gallery of each size in DIR, or uses the one that is there (`python -m bench.questions` makes the same), moves
a copy of it to a server of the benchmark's own, and does the same with both: asks questions, opens the review page,
decides every post again, files new posts and looks. Prints seconds by the clock, medians and p95, what a processor
was used for (ours and the server's: what else runs on the machine does not count), and how they grow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.questions.__main__ import made
from bench.scale.measures import Measured, measured
from bench.scale.server import bench_server, processor_seconds
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.files.layout import DATABASE, IDENTITY
from storage.lifecycle.gallery_copy import copy_gallery
from tests.equipment.postgres import PostgresServer

ENGINES = ("sqlite", "postgres")
SETTINGS = ArchiveSettings(reserve_bytes=0)


def main() -> None:
    """Make, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--root", type=Path, help="where galleries are kept for the next time; default: nowhere")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--filed", type=int, default=2000, help="new posts that are filed and looked at")
    options = parser.parse_args()
    found: dict[tuple[int, str], Measured] = {}
    with ExitStack() as stack:
        folder = options.root or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(bench_server(options.root))[0] if "postgres" in options.engines else None
        for posts in options.posts:
            gallery = made(folder, posts)
            for engine in options.engines:
                with tempfile.TemporaryDirectory(dir=folder) as place:
                    root = copied(gallery, Path(place) / "gallery-data")
                    if engine == "postgres" and server is not None:
                        moved(root, server)
                    used = partial(processor_seconds, server if engine == "postgres" else None)
                    found[posts, engine] = asyncio.run(measured(root, posts, options.filed, used))
                    print(f"{posts:,} posts on {engine}, at a load of {os.getloadavg()[0]:.1f}:", flush=True)
                    for name, value in found[posts, engine].items():
                        print(f"  {name:58s}{value:12,.1f}", flush=True)
    show(found)


def copied(gallery: Path, root: Path) -> Path:
    """A copy with this program's schema."""
    root.mkdir(mode=0o700)
    shutil.copyfile(gallery / DATABASE, root / DATABASE)
    (root / IDENTITY).write_text("0" * 32 + "\n")
    Archive.open(root, SETTINGS).close()
    shutil.rmtree(root / "backups", ignore_errors=True)
    return root


def moved(root: Path, server: PostgresServer) -> None:
    """Move its rows to the server, which then looks at them once, as it does by itself in time."""
    began = time.perf_counter()
    done = copy_gallery(root, server.new_database(), SETTINGS)
    took = time.perf_counter() - began
    print(f"moved {done.rows:,} rows to the server, all compared: {took:.0f} s, {done.rows / took:,.0f} /s", flush=True)
    server.sql("VACUUM ANALYZE", server.name_of(root))
    shutil.rmtree(root / "backups", ignore_errors=True)


def show(found: Mapping[tuple[int, str], Measured]) -> None:
    """A line a measure, a column a gallery; then how each grows from the smallest to the largest."""
    sizes, engines = sorted({posts for posts, _ in found}), list(dict.fromkeys(engine for _, engine in found))
    columns = [(posts, engine) for engine in engines for posts in sizes]
    print("| | " + " | ".join(f"{engine}, {posts:,}" for posts, engine in columns) + " | growth |")
    print("| --- |" + " ---: |" * (len(columns) + 1))
    for name in next(iter(found.values())):
        values = [found[column][name] for column in columns]
        growth = ", ".join(f"{found[sizes[-1], one][name] / found[sizes[0], one][name]:.1f}x" for one in engines)
        print(f"| {name} | " + " | ".join(f"{value:,.1f}" for value in values) + f" | {growth} |")


if __name__ == "__main__":
    main()
