"""The archive that a command works on: the real one, or for a dry run one that only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

from commands.context.gallery import archive_settings
from commands.context.target_identity import Targets
from commands.context.workspace import Workspace
from commands.terminal.console import say
from crawler.crew import ArchiveProtocol
from storage.archive import Archive
from storage.archive_records import RegisteredModel, RunEnd, RunStart
from storage.dry_run import DryRunArchive
from storage.evidence import Rescored, SplitAssignments
from storage.records import ModelCard


class CommandArchive(ArchiveProtocol, Targets, Protocol):
    """What the command needs of the archive beyond the main job."""

    async def begin_run(self, start: RunStart) -> int: ...
    async def end_run(self, run_id: int, end: RunEnd) -> None: ...
    async def reopen(self, urls: Sequence[str]) -> int: ...
    async def activate_model(self, target: str, number: int) -> RegisteredModel: ...
    async def next_model_number(self, target: str) -> int: ...
    async def register_model(self, card: ModelCard, facts: Mapping[str, Any], *, activate: bool) -> None: ...
    async def file_assignments(self, settled: SplitAssignments) -> None: ...
    async def file_rescores(self, card: ModelCard, batch: Rescored) -> int: ...


async def open_archive(stack: AsyncExitStack, workspace: Workspace, *, dry_run: bool) -> CommandArchive:
    """Open the root's archive under its lock, recovered; a dry run opens what is there without touching it.

    Raises:
        the storage family: the root is refused, busy, damaged, or newer than this program.
    """
    if dry_run:
        return await stack.enter_async_context(DryRunArchive(workspace.root))
    settings = archive_settings(workspace, "crawl", create=True)
    archive = await stack.enter_async_context(await asyncio.to_thread(Archive.open, workspace.root, settings))
    for line in archive.recovery.lines():
        say(line)
    return archive
