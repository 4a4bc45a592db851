"""Where the galleries that tests make have their rows: in a file, or on a server (`pytest --store postgres`)."""

from __future__ import annotations

import shutil
from pathlib import Path

STORES = ("sqlite", "postgres")
_chosen = [STORES[0]]


def choose(store: str) -> None:
    """One of STORES; once, when pytest starts."""
    _chosen[:] = [store]


def on_a_server() -> bool:
    """Whether it is a server."""
    return _chosen != [STORES[0]]


def setting(folder: Path) -> list[str]:
    """The lines of a settings file that say where the rows of the gallery in this folder are; the same each time."""
    if not on_a_server():
        return []
    remembered = folder.with_name(f"{folder.name}.database")
    if not remembered.exists():
        from tests.equipment.postgres import server_or_skip

        remembered.write_text(server_or_skip().new_database())
    return [f'database = "{remembered.read_text()}"']


def copied(gallery: Path, root: Path) -> Path:
    """A copy of a gallery that nobody has open, with its rows where those of `root` are to be."""
    if not on_a_server():
        shutil.copytree(gallery, root, symlinks=True)
        return root
    from tests.equipment.postgres import server_or_skip

    server_or_skip().copied(gallery, root)
    root.parent.with_name(f"{root.parent.name}.database").write_text((root / ".database").read_text().strip())
    return root
