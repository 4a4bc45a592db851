"""`crawl demo`, and the demo gallery that `--site demo` brings up and takes down by itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from commands.console import say

READY = "serving "
START_S = 60.0  # how long the gallery may take until it answers


class DemoError(Exception):
    """The demo gallery cannot be served as asked."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class DemoWish:
    """What gallery to serve."""

    port: int = 0
    posts: int | None = None
    seed: int = 1
    hide: float = 0.4
    source: Path | None = None
    tag: str | None = None
    latency_ms: int = 0


def arguments(wish: DemoWish) -> list[str]:
    """The demo server's own command line for a wish.

    Raises:
        DemoError: the folder is missing, or its tag was not given.
    """
    if wish.source is not None and not wish.source.is_dir():
        raise DemoError(f"--from {wish.source} is no folder; it needs one folder of pictures for each class")
    if (wish.source is None) != (wish.tag is None):
        raise DemoError("--from DIR and --tag NAME go together: the tag is what all those pictures are posted under")
    given = ["--port", str(wish.port), "--seed", str(wish.seed), "--hide", str(wish.hide)]
    given += ["--latency-ms", str(wish.latency_ms)]
    if wish.posts is not None:
        given += ["--posts", str(wish.posts)]
    if wish.source is not None and wish.tag is not None:
        given += ["--from", str(wish.source), "--tag", wish.tag]
    return given


def serve(given: list[str]) -> int:
    """Serve in the foreground until Ctrl-C."""
    command = [sys.executable, "-m", "demo", *given]
    try:
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own module, no shell
    except KeyboardInterrupt:
        return 0


@asynccontextmanager
async def demo_site(wish: DemoWish) -> AsyncIterator[str]:
    """Run the gallery in a process of its own for as long as the block lasts; yields its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "demo",
        *arguments(wish),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # our Ctrl-C must not reach it: the run still needs it to finish what is in flight
    )
    try:
        yield await _address(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    output = process.stdout
    if output is None:
        raise DemoError("the demo gallery has no output to read its address from")
    try:
        async with asyncio.timeout(START_S):
            while line := await output.readline():
                text = line.decode(errors="replace").strip()
                if text.startswith(READY):
                    say(f"demo gallery: {text}")
                    return text.removeprefix(READY)
    except TimeoutError:
        raise DemoError(f"the demo gallery did not start within {START_S:.0f} s") from None
    raise DemoError(f"the demo gallery ended at once (exit {await process.wait()}); try `crawl demo` to see why")
