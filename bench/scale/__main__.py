"""What a gallery costs as it grows, in its file and on a Postgres server: `python -m bench.scale [--posts N …]`.

    python -m bench.scale [--posts 100000 1000000] [--root DIR] [--engines sqlite postgres] [--filed N]
    python -m bench.scale.vectors

Makes a gallery of each size in DIR, or uses the one that is there, moves a copy of it to a server of the benchmark's
own, and does the same with both: asks questions, opens the review page, exports a thousand posts, decides every post
again, files new posts and looks. Prints seconds by the clock, medians and p95, what a processor was used for (ours and
the server's: what else runs on the machine does not count), and how they grow.

    python -m bench.scale --posts 10000000 --engines sqlite --root DIR

Ten million posts take half an hour to make (27 minutes of a processor, 6 to 9 GB of memory), 28 GB for good, 8 GB more
while indexes are made, and 3 GB more each time that every post is decided again; to measure takes about an hour, and
with `--decided 1000000` a quarter. Where the disk has no room for a copy, the gallery itself is decided anew and filed
into; it can be measured again, but pictures that were looked at have embeddings then, and the review's questions take
minutes. A server takes 2.3 times the room.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from bench.scale.gallery import newest_gallery, to_be_changed
from bench.scale.measures import Measured, asked, changed, exported
from bench.scale.server import bench_server, processor_seconds
from storage.archive_records import ArchiveSettings
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
    parser.add_argument(
        "--decided", type=int, default=10**9, help="posts decided again at most; all are reckoned from them"
    )
    parser.add_argument("--questions", action="store_true", help="nothing but questions and pages")
    options = parser.parse_args()
    found: dict[tuple[int, str], Measured] = {}
    with ExitStack() as stack:
        folder = options.root or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(bench_server(options.root))[0] if "postgres" in options.engines else None
        for posts in options.posts:
            gallery = newest_gallery(folder, posts)
            for engine in options.engines:
                nothing_changes = options.questions and engine == "sqlite"
                with nullcontext(gallery) if nothing_changes else to_be_changed(gallery) as root:
                    if engine == "postgres" and root == gallery:
                        raise SystemExit(f"{gallery}: a server has no room for it; say --engines sqlite")
                    its = server if engine == "postgres" else None
                    found[posts, engine] = measured(root, posts, options, its)
                print(f"{posts:,} posts on {engine}, at a load of {os.getloadavg()[0]:.1f}:", flush=True)
                for name, value in found[posts, engine].items():
                    print(f"  {name:58s}{value:12,.1f}", flush=True)
    show(found)


def measured(root: Path, posts: int, options: argparse.Namespace, server: PostgresServer | None) -> Measured:
    """All of a gallery's measures, on a server when there is one."""
    if server is not None:
        moved(root, server)
    used = partial(processor_seconds, server)
    if options.questions:
        return asked(root, used)
    found = {**asked(root, used), **exported(root, used)}
    return found | asyncio.run(changed(root, posts, options.filed, options.decided, used))


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
