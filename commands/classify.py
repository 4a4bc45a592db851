"""`crawl classify FOLDER… --keep NAME`: pictures on this disk, sorted by what they show; nothing is ever destroyed."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.workers.standby import Standby, usual_decoders
from commands.context.settings import Settings
from commands.context.workspace import Workspace, load_workspace
from commands.engine.choice import RAY, check_engine, with_engine
from commands.folders.options import CheckedOptions, ClassifyOptions, checked
from commands.terminal.interruptible import run_stoppable
from storage.folders.placement import How

if TYPE_CHECKING:
    from commands.context.connection import Pace

__all__ = ["ClassifyOptions", "How", "run"]


def run(options: ClassifyOptions, root: Path | None, config: Path | None, pace: Pace | None = None) -> int:
    """Classify, or take moves back.

    Raises:
        UsageRefused: what was asked for contradicts itself, or there is no such model.
    """
    if options.undo is not None:
        from commands.folders.undo import run_undo

        return run_undo(options)
    wanted = checked(options)
    workspace = with_engine(load_workspace(root, config, options.site), options.engine)
    check_engine(workspace.settings)
    return run_stoppable(_run(wanted, workspace, pace), lambda: _kept_words(options.how))


def _kept_words(how: How) -> str:
    if how is How.LIST:
        return "what was seen is remembered, no list was written; run the same command to go on"
    return "every file is whole where it was or where it belongs; run the same command to go on"


async def _run(wanted: CheckedOptions, workspace: Workspace, pace: Pace | None) -> int:
    """The pass; the processes that look begin first, since loading what follows takes as long as they do."""
    async with _standby(workspace.settings) as standby:
        with _loading():
            from commands.folders.folder_pass import sort_folders

        return await sort_folders(wanted, workspace, standby, pace)


def _standby(settings: Settings) -> Standby | nullcontext[None]:
    """Processes of the local engine; those of another are elsewhere."""
    return nullcontext() if settings.engine == RAY else Standby(settings.scoring.decoders or usual_decoders())


@contextmanager
def _loading() -> Iterator[None]:
    """While the block imports: what is loaded stays, and looking through it for garbage takes a tenth of the time."""
    looks = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looks:
            gc.enable()
