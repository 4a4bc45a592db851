"""`crawl models export --format`: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from commands.errors import UsageRefused
from commands.terminal.console import complain, print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.stage_progress import reporting
from storage.errors import StorageError
from storage.records import ModelCard
from system.program_version import installed_version

if TYPE_CHECKING:
    from classifier.deployment.export import Exported
    from classifier.package.package import Package
    from classifier.recognition.package import RecogniserPackage


def export_elsewhere(
    card: ModelCard, package: Package | RecogniserPackage, folder: Path, form: str, *, as_json: bool = False
) -> int:
    """Export a model below a folder, as `mona-3-onnx`; gives the exit code.

    Args:
        card: the model.
        package: its files, checked.
        folder: that the export's folder goes into.
        form: one of `MODEL_FORMATS` but `package`.
        as_json: print the facts.

    Raises:
        UsageRefused: there is something of that name already.
        ModelError: a library is missing, the conversion fails, or what came of it scores otherwise.
        StorageError: the disk refuses.
    """
    into = folder / f"{card.target}-{card.number}-{form}"
    if into.exists():
        raise UsageRefused(f"{into} exists already; nothing was written")
    return run_stoppable(_export(card, package, into, form, as_json), lambda: "nothing was written")


async def _export(card: ModelCard, package: Package | RecogniserPackage, into: Path, form: str, as_json: bool) -> int:
    from classifier.deployment.export import ExportOrder, export
    from classifier.deployment.formats import FORMATS

    order = ExportOrder(card.name, package, FORMATS[form], program_version())
    try:
        async with reporting(quiet=as_json) as report:
            done = await export(order, into, report)
    except OSError as error:
        raise StorageError(f"{into}: {error.strerror or error}; the model was not exported") from error
    return _told(order.name, into, done, as_json)


def _told(name: str, into: Path, done: Exported, as_json: bool) -> int:
    """Say what there is, and what is missing."""
    checked = f"its check pictures score as here, {done.facts['largest_difference']:.1e} off at most"
    say(f"{name} is in {into}: {checked}; README.md there says how to load it")
    code = ExitCode.COMPLETE
    if done.trouble:
        code = ExitCode.MODEL
        complain(
            f"crawl: the ONNX file is written, the TensorRT engine is not: {done.trouble}; "
            f"{into / 'README.md'} has the command to build it where it is to score"
        )
    if as_json:
        print_json({"folder": str(into), **done.facts, "trouble": done.trouble, "exit": int(code)})
    return int(code)


def program_version() -> str:
    """The version of this program, for what leaves it."""
    return installed_version() or "of a checkout"
