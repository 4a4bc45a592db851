"""`crawl files copy`: a gallery's pictures from its folder to an object store, or back."""

from __future__ import annotations

from pathlib import Path

from commands.context.gallery import archive_settings
from commands.context.settings import load_settings
from commands.context.workspace import DEMO, Workspace
from commands.copy_words import copy_words
from commands.terminal.console import print_json, say
from storage.errors import WrongRoot
from storage.lifecycle.files_copy import CopiedFiles, copy_files
from storage.objects.address import SCHEME, checked_address
from storage.objects.location import remembered_objects
from storage.plurals import counted


def run(source: str, to: str, config: Path | None, *, as_json: bool) -> int:
    """Do it.

    Args:
        source: the gallery's folder, or the address of its objects, as typed.
        to: the other one.
        config: the file of settings, as typed.
        as_json: print one JSON object.
    Raises:
        UsageRefused: not one of the two is a folder.
        WrongRoot: the folder's pictures are elsewhere.
    """
    words = copy_words(
        source,
        to,
        _is_address,
        two="one of the two must be the gallery's folder; its pictures are copied from where it says",
        none="one of the two must be an address, s3://BUCKET/PREFIX; nothing was copied",
    )
    root, settings = words.root, load_settings(config)
    at_present = remembered_objects(root)
    if words.back and at_present not in (None, checked_address(source)):
        raise WrongRoot(f"{root}: its pictures are not in {checked_address(source)} but in {at_present}")
    workspace = Workspace(root, DEMO, settings)
    done = copy_files(root, words.address, archive_settings(workspace, "crawl files copy", create=False))
    _report(done)
    if settings.files and words.back:
        say(f"the settings name a bucket still: take files = {settings.files!r} out, or out of CRAWL_FILES")
    if as_json:
        print_json({"place": done.place, "files": done.files, "sent": done.sent, "kept": done.kept or None, "exit": 0})
    return 0


def _is_address(words: str) -> bool:
    return words.strip().startswith(f"{SCHEME}:")


def _report(done: CopiedFiles) -> None:
    if not done.kept:
        say(f"the gallery's pictures are in {done.place} already; nothing was copied")
        return
    say(f"{counted(done.sent, 'file')} copied, {done.files} compared; the gallery's pictures are in {done.place} now")
    folders = "gallery/, renditions/, trash/ and damaged/"
    say(f"the old ones are kept below {done.kept}: remove {folders} there when crawl verify finds nothing wrong")
