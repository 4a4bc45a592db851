"""Serve the demo gallery: `python -m demo [--port N] [--from DIR --tag NAME] …`.

Prints one line, `serving http://127.0.0.1:PORT`, when it is ready; ends on SIGTERM, SIGINT, or when a pipe on its
standard input closes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import os
import signal
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from demo.dialects.software import SOFTWARE
from demo.embedded import Running, ServeOptions, serve
from demo.errors import DemoError
from demo.galleries.contact_sheet import write_sheet
from demo.galleries.folder import FolderPlan, folder_gallery
from demo.galleries.gallery import Gallery
from demo.galleries.painted import PaintedPlan, painted_gallery
from demo.galleries.picture_store import user_cache

EXIT_OK, EXIT_USAGE, EXIT_INTERRUPTED = 0, 2, 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    read = argparse.ArgumentParser(
        prog="python -m demo", description="Serve a Danbooru-compatible gallery on loopback."
    )
    read.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 = a free one")
    read.add_argument("--posts", type=int, help="how many posts (default: 1800, or all of --from)")
    read.add_argument("--seed", type=int, default=1, help="another seed, another gallery")
    read.add_argument("--hide", type=float, default=0.4, help="share of the character tags to withhold, 0..1")
    read.add_argument("--wrong", type=float, default=0.0, help="share of posts with a wrong character tag, 0..1")
    read.add_argument("--from", dest="folder", type=Path, help="serve real pictures: one folder a class")
    read.add_argument("--software", choices=SOFTWARE, default=SOFTWARE[0], help="whose API to answer")
    read.add_argument("--tag", default="", help="copyright tag of the pictures of --from")
    read.add_argument("--cache", type=Path, help="where painted files are kept")
    read.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1), help="painter processes")
    read.add_argument("--latency-ms", type=float, default=0.0, help="added before every answer")
    read.add_argument(
        "--rate", type=float, nargs=2, metavar=("PER_S", "BURST"), help="limit requests as the site would"
    )
    read.add_argument("--media-host", default="", help="another loopback address for the files, e.g. 127.0.0.2")
    read.add_argument("--rules", type=Path, help="JSON list of misbehaviour rules")
    read.add_argument("--tests", action="store_true", help="offer /demo/requests.json and /demo/rules.json")
    read.add_argument("--prepare", metavar="NAMES", help="paint all, make these copies (e.g. 360x360,720x720), and end")
    read.add_argument("--sheet", type=Path, metavar="FILE", help="write a contact sheet of painted posts, and end")
    read.add_argument("--no-ahead", action="store_true", help="paint only what is asked for")
    return read


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit code."""
    try:
        run(arguments)
    except KeyboardInterrupt:  # before the signal handlers were set
        return EXIT_INTERRUPTED
    except DemoError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    return EXIT_OK


def run(arguments: Sequence[str] | None = None) -> None:
    """Serve until stopped.

    Raises:
        DemoError: it cannot be served with these options.
        KeyboardInterrupt: stopped before it began.
    """
    options = parser().parse_args(arguments)
    try:
        gallery = build(options)
        if options.sheet is not None:
            write_sheet(gallery, options.sheet)
            return
        rules = json.loads(options.rules.read_text(encoding="utf-8")) if options.rules else []
        asyncio.run(_serve(gallery, rules, options))
    except (OSError, ValueError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        message = f"port {options.port} is in use already; name another, or 0 for a free one" if taken else str(error)
        raise DemoError(message) from error


def build(options: argparse.Namespace) -> Gallery:
    """The gallery that the command line asks for.

    Raises:
        GalleryError: it cannot be built.
    """
    if options.folder is None:
        posts = options.posts if options.posts is not None else PaintedPlan().posts
        return painted_gallery(PaintedPlan(posts=posts, seed=options.seed, hide=options.hide, wrong=options.wrong))
    tag = options.tag or options.folder.resolve().name
    plan = FolderPlan(
        folder=options.folder, tag=tag, hide=options.hide, wrong=options.wrong, seed=options.seed, posts=options.posts
    )
    return folder_gallery(plan)


async def _serve(gallery: Gallery, rules: list[dict[str, Any]], options: argparse.Namespace) -> None:
    settings = ServeOptions(
        port=options.port,
        media_host=options.media_host,
        cache=options.cache or user_cache(),
        workers=options.workers,
        ahead=not options.no_ahead,
        latency_s=options.latency_ms / 1000,
        rate=tuple(options.rate) if options.rate else None,
        control=options.tests or options.rules is not None,
        seed=options.seed,
        software=options.software,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: the interpreter's own handling stays
            loop.add_signal_handler(number, stop.set)
    _watch_stdin(loop, stop)
    async with serve(gallery, rules, settings) as running:
        if options.prepare is not None:
            await _prepare(running, options.prepare.split(","), stop)
            return
        sys.stdout.write(f"serving {running.url}\n")
        sys.stdout.flush()
        await stop.wait()
        for failure in running.server.failures[:5]:
            sys.stderr.write(f"a bug in the demo gallery: {failure}\n")


async def _prepare(running: Running, names: Sequence[str], stop: asyncio.Event) -> None:
    """Paint everything ahead, unless stopped."""
    work = asyncio.create_task(running.server.site.pictures.prepare(names))
    stopping = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if work in done:
        sys.stdout.write(f"prepared {work.result()} files of {len(running.gallery.posts)} posts\n")
    else:
        work.cancel()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Stop when whoever started us closes our standard input, where that is a pipe or a socket."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return

    def wait() -> None:
        with contextlib.suppress(OSError, RuntimeError):  # the loop may be gone before the pipe is
            while os.read(sys.stdin.fileno(), 4096):
                pass
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
