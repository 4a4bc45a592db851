"""`crawl doctor`: is everything here that a run needs, and if not, what to do about it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from commands.context.connection import connect
from commands.context.workspace import DEMO, Workspace, load_workspace
from commands.terminal.console import print_json, printable
from commands.terminal.error_exit import describe, exit_code_of
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.tables import facts_table, print_table
from storage.archive import open_reader
from storage.database.engines.sqlite import sqlite_warning
from storage.lifecycle.roots import examine
from storage.objects.location import files_of, remembered_objects

NEEDED = ("httpx2", "SQLAlchemy", "alembic", "Pillow", "numpy", "scipy", "tensorflow", "keras", "ai-edge-litert")
OPTIONAL = {  # package -> its extra, and what it is for
    "openvino": ("openvino", "another CPU runtime"),
    "pyarrow": ("parquet", "crawl query --format parquet"),
    "ray": ("ray", "pictures looked at by a cluster"),
    "s3fs": ("s3", "pictures in an object store"),
    "webp": ("webp", "WebP renditions decoded in half of the time, with the same pixels"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    statement: str  # what was found, and what to do when it is not well
    code: int = 0  # the exit code that this trouble would give a run; 0: no trouble, or none that stops one

    def to_json(self) -> dict[str, Any]:
        """For programs; the key of the statement is older than its name here."""
        return {"what": self.what, "ok": self.ok, "said": self.statement, "code": self.code}


def run(root: Path | None, config: Path | None, site: str | None, *, as_json: bool) -> int:
    """Check everything, print it, and return the code that a run would fail with."""
    workspace = load_workspace(root, config, site)
    found = [replace(one, code=0) if one.ok else one for one in (*_here(workspace), *asyncio.run(_site(workspace)))]
    if as_json:
        print_json({"findings": [finding.to_json() for finding in found], "exit": int(_code(found))})
    else:
        print_table(_table(found))
    return int(_code(found))


def _code(found: list[Finding]) -> ExitCode:
    return worst(finding.code for finding in found if not finding.ok)


def _here(workspace: Workspace) -> Iterator[Finding]:
    yield Finding("python", sys.version_info >= (3, 11), platform.python_version(), int(ExitCode.REFUSED))
    yield from map(_package, NEEDED)
    yield from optional_packages()
    warning = sqlite_warning()
    yield Finding("sqlite", True, sqlite3.sqlite_version + (f": {warning}" if warning else ""))
    yield _disk(workspace)
    yield from _guarded("gallery", lambda: _gallery(workspace))
    if remembered_objects(workspace.root) is not None:
        yield from _guarded("pictures", lambda: _pictures(workspace.root))


def optional_packages(find: Callable[[str], object | None] = importlib.util.find_spec) -> Iterator[Finding]:
    """Of each package that is not needed, whether it is here; `find` gives None for one that is not."""
    for name, (extra, purpose) in OPTIONAL.items():
        missing = f"not installed; only for: {purpose} (pip install 'boorusieve[{extra}]')"
        yield Finding(name, True, missing if find(name) is None else "installed")


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, f"missing; pip install {name}", int(ExitCode.REFUSED))


def _disk(workspace: Workspace) -> Finding:
    there = next(path for path in (workspace.root, *workspace.root.parents) if path.exists())
    free = shutil.disk_usage(there).free // 1_000_000
    reserve = workspace.settings.limits.free_space_mb
    writable = os.access(there, os.W_OK)
    statement = f"{free} MB free at {there}, of which {reserve} are never used"
    return Finding("disk", free > reserve and writable, statement if writable else f"cannot write in {there}", 7)


def _gallery(workspace: Workspace) -> Finding:
    if examine(workspace.root, create=True).is_new:
        return Finding("gallery", True, f"none yet at {workspace.root}; the first crawl makes it")
    with open_reader(workspace.root) as reader:
        status = reader.status()
    return Finding("gallery", True, f"{workspace.root}: {status.posts} posts, schema {status.schema}")


def _pictures(root: Path) -> Finding:
    with closing(files_of(root)) as files:
        return Finding("pictures", True, f"{files.where('')} answers, and is this gallery's")


async def _site(workspace: Workspace) -> list[Finding]:
    if workspace.site == DEMO and DEMO not in workspace.settings.sites:
        return [Finding("site", True, "the demo gallery starts and stops with each run")]
    try:
        async with AsyncExitStack() as stack:
            connected = await connect(stack, workspace)
            profile = await connected.client.profile()
    except Exception as error:  # noqa: BLE001 - every trouble is a finding here
        return [Finding("site", False, describe(error), int(exit_code_of(error)))]
    limit = "any number of" if connected.tag_limit is None else str(connected.tag_limit)
    who = "nobody (there is no login and key for this site)" if profile is None or profile.id is None else profile.name
    if profile is None and connected.http.logged_in:
        who = "an account whose key may not ask who it is"
    return [
        Finding("site", True, f"{connected.site.name} at {connected.site.api_url} answers"),
        Finding("account", True, f"{who}; {limit} terms a search"),
    ]


def _guarded(what: str, look: Callable[[], Finding]) -> Iterator[Finding]:
    try:
        yield look()
    except Exception as error:  # noqa: BLE001 - every trouble is a finding here
        yield Finding(what, False, describe(error), int(exit_code_of(error)))


def _table(found: list[Finding]) -> Table:
    table = facts_table()
    for finding in found:
        mark = Text("ok", style="green") if finding.ok else Text("failed", style="bold red")
        table.add_row(Text(finding.what), mark + Text(f"  {printable(finding.statement)}", style="not bold default"))
    return table
