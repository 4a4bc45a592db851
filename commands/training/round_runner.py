"""A round that may be stopped at any moment: reports which model is in force and what is left to do."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from commands.context.workspace import Workspace
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import complain
from commands.terminal.interruptible import run_stoppable
from storage.errors import StorageError


def run_round(work: Coroutine[Any, Any, int], workspace: Workspace, named: str | None) -> int:
    """Run a round; where it is stopped, or fails after its model came into force, report the model in force.

    Args:
        work: gives the exit code.
        workspace: the gallery's root and settings.
        named: the target, as the user typed it.
    """
    from rounds.target_state import target_state_in

    try:
        target, before = _before(workspace, named or "")
    except BaseException:
        work.close()  # it never begins
        raise

    def kept() -> str:
        words = target_state_in(workspace.root, target).since(before)
        return words if "crawl rescore" in words else f"{words}; run the same command to begin again"

    async def watched() -> int:
        try:
            return await work
        except Exception:
            _report_change(workspace, target, before)
            raise

    return run_stoppable(watched(), kept)


def _before(workspace: Workspace, named: str) -> tuple[str, str | None]:
    """The target that is meant, and its model in force."""
    from rounds.target_state import target_state_in
    from storage.database.engines.location import has_database

    if has_database(workspace.root):
        with read_gallery(workspace) as reader:
            target = reader.find_target(named)
        named = named if target is None else target.name
    return named, target_state_in(workspace.root, named).model


def _report_change(workspace: Workspace, target: str, before: str | None) -> None:
    from rounds.target_state import target_state_in

    try:
        now = target_state_in(workspace.root, target)
    except StorageError:  # the round's own error matters more
        return
    if now.model != before:
        complain(now.since(before))
