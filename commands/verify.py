"""`crawl verify`: every file against its row, every row against its file, every model. Reports; never deletes.

With `--set-aside` it also moves damaged files to `damaged/`, and records that these and missing ones are not in their
place, so that `crawl apply` fetches them again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from commands.context.gallery import hold_gallery
from commands.context.registered_models import verified_either
from commands.context.workspace import Workspace, load_workspace
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import messages, print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.tables import print_line
from storage.lifecycle.verify import VerifyReport, verify
from storage.plurals import counted

SHOWN = 20  # paths of each kind; --json has all

_KINDS = {
    "missing": "missing: a row refers to it, but it is not on the disk",
    "damaged": "damaged: its bytes differ from what its row says",
    "foreign": "foreign: no row refers to it; it was left alone",
    "database": "database",
    "set_aside": "set aside earlier, in damaged/",
    "left_missing": "not where crawl import --leave found it; the site is asked for it where it is needed",
    "half_made": "a round works or worked in it; the next command that writes removes it once it is a day old",
    "left_over": "no model is registered for it (crawl models import takes a whole one)",
}


def run(root: Path | None, config: Path | None, *, set_aside: bool = False, as_json: bool) -> int:
    """Verify the root and print what is wrong.

    Args:
        root: of the gallery; None: as the settings say.
        config: the settings' file; None: the usual ones.
        set_aside: move damaged files to `damaged/`, under the gallery's lock, and record what is damaged or missing.
        as_json: print one JSON object; with `set_aside` it says in `set_aside_now` how many rows were changed.

    Returns:
        The exit code: 11 where anything was found, whether it was set aside or not.

    Raises:
        GalleryBusy: `set_aside`, and another program holds the gallery; nothing was done.
    """
    workspace = load_workspace(root, config)
    read_gallery(workspace).close()
    changed: int | None = None
    if set_aside:
        report, changed = asyncio.run(_set_aside(workspace, quiet=as_json))
    else:
        report = _report(workspace.root, quiet=as_json)
    models = list(_altered_models(workspace))
    code = ExitCode.COMPLETE if report.whole and not models else ExitCode.DAMAGE
    if as_json:
        aside = {} if changed is None else {"set_aside_now": changed}
        print_json(asdict(report) | {"models": models} | aside | {"exit": int(code)})
        return int(code)
    _list("damaged model", models)
    for kind, words in _KINDS.items():
        _list(words, getattr(report, kind))
    found = [f"{len(getattr(report, kind))} {kind}" for kind in ("missing", "damaged", "foreign", "database")]
    found += [f"{len(models)} damaged models"] if models else []
    verdict = "no damage" if code == ExitCode.COMPLETE else f"damage ({', '.join(found)}); {_what_changed(changed)}"
    files = counted(report.checked, "file")
    if report.left_files:
        files += f" and {report.left_files} left outside, by size"
    print_line(f"{files}, {report.bytes_read / 1e6:.1f} MB read: {verdict}")
    return int(code)


def _report(root: Path, *, quiet: bool) -> VerifyReport:
    """What `verify` finds, with its progress where somebody looks."""
    console = messages()
    if quiet or not console.is_terminal:
        return verify(root)
    with console.status("reading every file") as status:
        return verify(root, progress=lambda n: status.update(f"reading every file: {n} done"))


async def _set_aside(workspace: Workspace, *, quiet: bool) -> tuple[VerifyReport, int]:
    """Verify a gallery that nobody else writes to, and set aside what is wrong; what was found, and rows changed.

    Where the database is damaged, nothing is set aside: its rows may be wrong about the files.
    """
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, "crawl verify")
        report = await asyncio.to_thread(_report, workspace.root, quiet=quiet)
        return report, 0 if report.database else await archive.set_aside(report)


def _what_changed(changed: int | None) -> str:
    if not changed:
        return "nothing was changed"
    return f"{counted(changed, 'row')} set aside; crawl apply fetches the originals again"


def _altered_models(workspace: Workspace) -> Iterator[str]:
    """Registered models whose files are not what was registered."""
    from classifier.errors import ModelError

    with read_gallery(workspace) as reader:
        registered = reader.models()
    for model in registered:
        try:
            verified_either(workspace, model)
        except ModelError as error:
            yield f"{model.card.name}: {error}"


def _list(words: str, paths: Sequence[str]) -> None:
    for path in paths[:SHOWN]:
        say(f"{words}: {path}")
    if len(paths) > SHOWN:
        say(f"{words}: and {len(paths) - SHOWN} more")
