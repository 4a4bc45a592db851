"""`crawl generate samples`: pictures of a generator, each marked as synthetic."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.context.output_paths import check_output_folder
from commands.errors import UsageRefused
from commands.generate.trainer import GeneratorTools
from commands.terminal.console import print_json
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import facts_table, print_line, print_table
from storage.database.error_translation import at_border
from storage.files.disk import Disk
from storage.folders.output_lock import sole_writer
from storage.plurals import counted

if TYPE_CHECKING:
    from classifier.generator.package import GeneratorPackage

_LOCK = ".crawl-generate.lock"


@dataclass(frozen=True, slots=True)
class SamplesOptions:
    """The options of `crawl generate samples`."""

    model: Path
    count: int
    to: Path
    seed: int = 0
    label: str | None = None  # one class alone
    as_json: bool = False
    quiet: bool = False


def paint_samples(options: SamplesOptions, tools: GeneratorTools) -> int:
    """Paint them; gives the exit code.

    Raises:
        PackageError: the model is no generator, or was altered.
        UsageRefused: it knows no such class, or the folder cannot be written into.
        StorageError: the disk refuses. FolderBusy: another command writes there.
    """
    from classifier.generator.package import load_generator

    check_output_folder(options.to.absolute(), "--to")
    package = load_generator(options.model)
    label = _label(package, options.label)
    kept = "every picture that was written is whole; run the same command to go on"
    return run_stoppable(_paint(options, label, tools), lambda: kept)


def _label(package: GeneratorPackage, label: str | None) -> str | None:
    """The class that is meant.

    Raises:
        UsageRefused: the generator was told no classes, or not this one.
    """
    if label is None:
        return None
    if not package.told:
        raise UsageRefused(f"--class {label}: this generator was told no classes; leave it out")
    if label in package.classes:
        return label
    near = difflib.get_close_matches(label, package.classes, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(package.classes[:20])}"
    raise UsageRefused(f"--class {label!r:.80}: the generator knows no such class; {hint}")


async def _paint(options: SamplesOptions, label: str | None, tools: GeneratorTools) -> int:
    from classifier.generator.process import COMMAND, run_generator
    from classifier.generator.samples import PaintOrder

    folder = options.to.absolute()
    order = PaintOrder(str(options.model.absolute()), str(folder), options.count, options.seed, label)
    with at_border(folder):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        with sole_writer(folder, Disk(), _LOCK, "crawl generate samples"):
            async with reporting(quiet=options.quiet or options.as_json) as report:
                done = await run_generator(("paint", order.text()), report, tools.command or COMMAND)
    return _say(options, done)


def _say(options: SamplesOptions, done: Mapping[str, Any]) -> int:
    if options.as_json:
        print_json({**done, "folder": str(options.to), "synthetic": True, "exit": 0})
        return int(ExitCode.COMPLETE)
    before = done["count"] - done["written"]
    there = f", {before} of them were there" if before else ""
    table = facts_table()
    table.add_row("synthetic pictures", f"{done['count']}{there}")
    table.add_row("near a training picture", counted(done["near_copies"], "picture"))
    print_table(table)
    print_line(str(options.to / done["sheet"]))
    print_line(str(options.to / "synthetic.csv"))
    return int(ExitCode.COMPLETE)
