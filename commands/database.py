"""`crawl database copy`: a gallery's rows from its file to a Postgres server, or back."""

from __future__ import annotations

from pathlib import Path

from commands.context.gallery import archive_settings
from commands.context.settings import load_settings
from commands.context.workspace import DEMO, Workspace
from commands.copy_words import copy_words
from commands.terminal.console import print_json, say
from storage.database.engines.location import remembered_address
from storage.database.engines.postgres import SCHEMES, checked_url
from storage.errors import WrongRoot
from storage.files.layout import DATABASE
from storage.lifecycle.gallery_copy import CopiedGallery, copy_gallery
from storage.plurals import counted


def run(source: str, to: str, config: Path | None, *, as_json: bool) -> int:
    """Do it.

    Args:
        source: the gallery's folder, or the address of its server, as typed.
        to: the other one.
        config: the file of settings, as typed.
        as_json: print one JSON object.
    Raises:
        UsageRefused: not one of the two is a folder.
        WrongRoot: the folder's rows are on another server.
    """
    words = copy_words(
        source,
        to,
        _is_address,
        two="one of the two must be the gallery's folder; pg_dump moves a database between servers",
        none="one of the two must be an address, postgresql://USER@HOST/NAME; nothing was copied",
    )
    root, settings = words.root, load_settings(config)
    workspace = Workspace(root, DEMO, settings)
    if words.back and remembered_address(root) not in (None, checked_url(source)):
        raise WrongRoot(f"{root}: its rows are not on {checked_url(source)} but on {remembered_address(root)}")
    done = copy_gallery(root, words.address, archive_settings(workspace, "crawl database copy", create=False))
    _report(done, root)
    if settings.database and words.back:
        say(f"the settings name a server still: take database = {settings.database!r} out, or out of CRAWL_DATABASE")
    if as_json:
        print_json(
            {
                "database": str(done.database),
                "rows": done.rows,
                "digest": done.digest or None,
                "kept": done.kept,
                "exit": 0,
            }
        )
    return 0


def _is_address(words: str) -> bool:
    return words.strip().startswith(tuple(f"{scheme}:" for scheme in SCHEMES))


def _report(done: CopiedGallery, root: Path) -> None:
    place = root / DATABASE if done.database.is_file else done.database
    if done.digest:
        say(f"{counted(done.rows, 'row')} copied, all compared; the gallery's rows are in {place} now")
    else:
        say(f"the gallery's rows are in {place} already; nothing was copied")
    if done.kept is not None:
        say(f"the old file is kept: {done.kept}")
