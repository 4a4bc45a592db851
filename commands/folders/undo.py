"""`crawl classify --undo FILE`: files that were moved go back where they were, byte for byte."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from commands.errors import UsageRefused
from commands.folders.options import ClassifyOptions
from commands.terminal.console import print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line
from storage.files.disk import Disk
from storage.folders.undo import Undone, undo
from storage.plurals import counted

_NAMED = 5  # files in messages


def run_undo(options: ClassifyOptions) -> int:
    """Move everything back.

    Raises:
        UsageRefused: folders or a target were named too.
    """
    journal = options.undo
    if journal is None or options.folders or options.keep or options.recogniser or options.to or options.rejects:
        raise UsageRefused("--undo FILE takes a journal's moves back, and needs nothing else; leave the rest out")
    return run_stoppable(_run(journal, options), lambda: "every file is whole; run the same command to go on")


async def _run(journal: Path, options: ClassifyOptions) -> int:
    async with reporting(quiet=options.quiet or options.as_json) as report:
        loop = asyncio.get_running_loop()

        def progress(share: float, words: str) -> None:
            loop.call_soon_threadsafe(report, "moving back", share, words)

        done = await asyncio.to_thread(undo, journal, Disk(), lambda: datetime.now(UTC), progress)
    code = ExitCode.OPEN if done.left else ExitCode.COMPLETE
    if options.as_json:
        print_json({"moves": done.moves, "back": done.back, "left": len(done.left), "exit": int(code)})
        leave_open("files", len(done.left), "could not be moved back")
    else:
        print_line(f"{done.back} of {counted(done.moves, 'file')} are where they were")
    _say_left(done)
    return int(code)


def _say_left(done: Undone) -> None:
    for path, why in done.left[:_NAMED]:
        say(f"{path}: not back: {why}")
    if len(done.left) > _NAMED:
        say(f"{len(done.left) - _NAMED} more are not back")
