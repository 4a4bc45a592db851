"""Holding the gallery for a while: its lock is waited for, so that a round may end while a crawl is still at work."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

from commands.context.workspace import Workspace
from commands.terminal.console import say
from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.errors import GalleryBusy

MEGABYTE = 1024 * 1024
_ASK_AGAIN_S = 1.0


def archive_settings(workspace: Workspace, command: str, *, create: bool) -> ArchiveSettings:
    """The archive's settings, from the user's.

    Args:
        command: for the message that others get while we hold it.
        create: make a gallery where there is none.
    """
    mode = workspace.settings.disk.picture_mode
    return ArchiveSettings(
        create=create,
        reserve_bytes=workspace.settings.limits.free_space_mb * MEGABYTE,
        command=command,
        picture_mode=None if mode == "umask" else int(mode, 8),
        network_disk=workspace.settings.disk.network,
        database=workspace.settings.database,
        files=workspace.settings.files,
        clock=workspace.clock,
        tell=say,
    )


def upgrade(workspace: Workspace) -> None:
    """Upgrade a gallery that an older program left; whoever held it meanwhile may have done so already.

    Args:
        workspace: the root and its settings.

    Raises:
        the storage family: it cannot be upgraded; it is as it was.
    """
    say(f"upgrading the gallery {workspace.root}, which an older version of this program wrote")
    archive = Archive.open(workspace.root, archive_settings(workspace, "upgrade", create=False))
    for line in archive.recovery.lines():
        say(line)
    archive.close()


async def hold_gallery(
    stack: AsyncExitStack, workspace: Workspace, command: str, *, wait_s: float = 0.0, create: bool = False
) -> Archive:
    """The archive under its lock, until the stack ends.

    Args:
        stack: closes it.
        workspace: the root and its settings.
        command: for the message that others get meanwhile.
        wait_s: how long to wait for another program.
        create: make a gallery where there is none.

    Raises:
        GalleryBusy: another program held it all the while; nothing was done.
    """
    settings = archive_settings(workspace, command, create=create)
    deadline, waiting = time.monotonic() + wait_s, False
    while True:
        try:
            archive = await stack.enter_async_context(await asyncio.to_thread(Archive.open, workspace.root, settings))
            break
        except GalleryBusy as busy:
            if time.monotonic() >= deadline:
                raise
            if not waiting:
                say(f"waiting for the gallery: {busy}")
            waiting = True
            await asyncio.sleep(_ASK_AGAIN_S)
    for line in archive.recovery.news():
        say(line)
    return archive
