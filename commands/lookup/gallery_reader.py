"""Reading a gallery in a command: one that an older program left is upgraded first, whichever command comes by."""

from __future__ import annotations

from commands.context.workspace import Workspace
from storage.errors import DatabaseOlder
from storage.reader import Reader


def read_gallery(workspace: Workspace) -> Reader:
    """The gallery, for reading.

    Raises:
        the storage family: there is no gallery, it cannot be read, or it is an older program's and cannot be upgraded:
            nothing can be written there, the disk is full, or another program holds it.
    """
    try:
        return Reader.open(workspace.root)
    except DatabaseOlder as old:
        if not old.may_be_upgraded:
            raise
        from commands.context.gallery import upgrade  # seldom needed, and slow to load

        upgrade(workspace)
        return Reader.open(workspace.root)
