"""`crawl import archive FILE`: what gallery-dl's download archive has counts as seen, until that is taken back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from commands.context.connection import own_sites, site_not_asked
from commands.context.gallery import hold_gallery
from commands.context.workspace import DEMO, Workspace
from commands.errors import UsageRefused
from commands.importing.archive_pass import ArchiveTally, SitePost, read_archive
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import print_json, printable, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.tables import facts_table, print_table
from crawler.sites import BUILTIN
from storage.archive_records import RunEnd, RunStart
from storage.files.layout import is_gallery
from storage.files.paths import is_text
from storage.imports.download_archive import check_archive
from storage.imports.seen_posts import new_among, posts_of
from storage.plurals import counted


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """What the user asked for."""

    source: Path
    site: str | None = None  # only this one
    withdraw: bool = False
    dry_run: bool = False
    as_json: bool = False
    quiet: bool = False


async def import_archive(options: ArchiveOptions, workspace: Workspace) -> int:
    """Read the archive, or forget what was read of it.

    Raises:
        UnreadableFile: it is no archive; nothing was done.
        UsageRefused: nothing is to be taken back.
    """
    only = None if options.site is None else site_not_asked(workspace).name
    path = str(options.source.resolve())
    if not is_text(path):
        raise UsageRefused(f"{path}: this path is no UTF-8, so it cannot be remembered; rename it. Nothing was done")
    if options.withdraw:
        return await _withdraw(options, workspace, path, only)
    tally = ArchiveTally()
    if options.dry_run:
        await _rehearse(workspace, path, _sites(workspace, only), tally)
    else:
        await _remember(workspace, path, _sites(workspace, only), tally)
    _print(options, tally)
    return int(ExitCode.COMPLETE)


def _sites(workspace: Workspace, only: str | None) -> Sequence[str]:
    """The names of the sites whose posts count."""
    return [only] if only is not None else [*BUILTIN, *own_sites(workspace.settings), DEMO]


async def _remember(workspace: Workspace, path: str, sites: Sequence[str], tally: ArchiveTally) -> None:
    check_archive(Path(path))  # what is none makes no gallery
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, "import", create=True)

        async def remember(posts: Sequence[SitePost]) -> int:
            return await archive.seen.file(path, posts)

        run_id = await archive.begin_run(RunStart("import", "", f"archive {path}", (), {}))
        code = ExitCode.INTERRUPTED
        try:
            await read_archive(Path(path), sites, remember, tally)
            code = ExitCode.COMPLETE
        finally:
            await archive.end_run(run_id, RunEnd(dict(tally.to_json()), int(code)))


async def _rehearse(workspace: Workspace, path: str, sites: Sequence[str], tally: ArchiveTally) -> None:
    if not is_gallery(workspace.root):

        async def all_new(posts: Sequence[SitePost]) -> int:
            return len(posts)

        await read_archive(Path(path), sites, all_new, tally)
        return
    with read_gallery(workspace) as reader:

        async def look(posts: Sequence[SitePost]) -> int:
            return reader.ask(lambda connection: new_among(connection, path, posts))

        await read_archive(Path(path), sites, look, tally)


async def _withdraw(options: ArchiveOptions, workspace: Workspace, path: str, only: str | None) -> int:
    with read_gallery(workspace) as reader:
        known = reader.ask(lambda connection: posts_of(connection, path, only))
    if not known:
        of = "" if only is None else f" of {only}"
        raise UsageRefused(f"no posts{of} count as seen by {path}; crawl status lists the archives that were imported")
    if not options.dry_run:
        async with AsyncExitStack() as stack:
            archive = await hold_gallery(stack, workspace, "import")
            known = await archive.seen.withdraw(path, only)
    if options.as_json:
        print_json(_facts(options) | {"withdrawn": known})
    elif not options.quiet:
        what = "would be taken back" if options.dry_run else "taken back"
        say(f"{what}: {counted(known, 'post')} of {path}; crawls fetch them like any other")
    return int(ExitCode.COMPLETE)


def _facts(options: ArchiveOptions) -> dict[str, object]:
    return {"kind": "archive", "source": str(options.source.resolve()), "dry_run": options.dry_run}


def _print(options: ArchiveOptions, tally: ArchiveTally) -> None:
    if options.as_json:
        print_json(_facts(options) | dict(tally.to_json()))
        return
    table = facts_table(Text(printable(f"archive {options.source}"), style="bold"))
    for site, posts in tally.posts.items():
        table.add_row(site, f"{counted(posts, 'post')} in {counted(tally.keys[site], 'key')}")
    if not tally.posts:
        table.add_row("posts", "none of a site that is known here")
    table.add_row("would be new" if options.dry_run else "new", counted(tally.new, "post"))
    print_table(table)
    if tally.other_keys and not options.quiet:
        say(
            f"{counted(tally.other_keys, 'key')} passed over, of other sites or of a form of your own "
            f"(archive-format, archive-prefix): {printable(tally.other_example[:80])}"
        )
