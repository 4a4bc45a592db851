"""The demo gallery as a process of its own, for as long as a command needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from commands.errors import DemoRefused
from commands.terminal.allowed_values import SOFTWARE
from commands.terminal.console import say
from storage.names import TagName
from system.child_process import ChildLostError, ChildOptions, ChildProcess, module_command

READY = "serving "
PROGRAM = module_command("demo")
START_S = 60.0  # how long the gallery may take until it answers
_GRACE_S = 10.0  # for it to end in order


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What gallery to serve."""

    port: int = 0
    posts: int | None = None
    seed: int = 1
    hide: float = 0.4
    source: Path | None = None
    tag: str | None = None
    latency_ms: int = 0
    software: str = "danbooru"  # whose API it answers


def arguments(options: DemoOptions) -> list[str]:
    """The demo server's arguments for these options.

    Raises:
        DemoRefused: the folder is missing, its tag was not given, or the software is none that we know.
        BadName: the tag cannot be one.
    """
    if options.source is not None and not options.source.is_dir():
        raise DemoRefused(f"--from {options.source} is not a folder; it needs one folder of pictures for each class")
    if (options.source is None) != (options.tag is None):
        raise DemoRefused("--from DIR and --tag NAME go together: the tag is what all those pictures are posted under")
    if options.software not in SOFTWARE:
        raise DemoRefused(f"--software {options.software} is none of {', '.join(SOFTWARE)}")
    given = ["--port", str(options.port), "--seed", str(options.seed), "--hide", str(options.hide)]
    given += ["--latency-ms", str(options.latency_ms), "--software", options.software]
    if options.posts is not None:
        given += ["--posts", str(options.posts)]
    if options.source is not None and options.tag is not None:
        given += [f"--from={options.source}", f"--tag={TagName.typed(options.tag)}"]
    return given


@asynccontextmanager
async def demo_site(
    options: DemoOptions, program: Sequence[str] = PROGRAM, start_s: float = START_S
) -> AsyncIterator[str]:
    """Run the gallery in a process of its own for as long as the block lasts; yields its URL.

    Args:
        options: which gallery.
        program: what serves it; the arguments are appended.
        start_s: how long it may take until it answers.

    Raises:
        DemoRefused: it does not start, ends at once, or takes too long.
    """
    try:
        gallery = await ChildProcess.start([*program, *arguments(options)], ChildOptions(shows_errors=True))
    except ChildLostError as error:
        raise DemoRefused(f"the demo gallery does not start: {error}") from error
    try:
        yield await _address(gallery, start_s)
    finally:
        await gallery.stop(_GRACE_S)


async def _address(gallery: ChildProcess, start_s: float) -> str:
    try:
        async with asyncio.timeout(start_s):
            async for line in gallery.lines():
                text = line.decode(errors="replace").strip()
                if text.startswith(READY):
                    say(f"demo gallery: {text}")
                    return text.removeprefix(READY)
    except TimeoutError:
        raise DemoRefused(f"the demo gallery did not start within {start_s:.0f} s") from None
    raise DemoRefused(f"the demo gallery ended at once (exit {await gallery.wait()}); try `crawl demo` to see why")
