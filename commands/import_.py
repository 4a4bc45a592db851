"""`crawl import KIND SOURCE`: files that another program downloaded become the gallery's, and their posts known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from commands.context.connection import own_sites, site_not_asked
from commands.context.gallery import hold_gallery
from commands.context.workspace import DEMO, Workspace, load_workspace
from commands.errors import UsageRefused
from commands.importing.archive_import import ArchiveOptions, import_archive
from commands.importing.descriptions import Describe, ExportManifest, FileNames, GalleryDlFacts, HydrusSidecars
from commands.importing.first_look import FirstLook, look_at_arrivals
from commands.importing.import_pass import EXAMPLES, ImportPass, ImportTally, Sayings, count_posted
from commands.terminal.allowed_values import IMPORTS
from commands.terminal.console import print_json, printable, say
from commands.terminal.error_exit import exit_code_of
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open
from commands.terminal.stage_progress import reporting
from commands.terminal.suggestions import choose
from commands.terminal.tables import facts_table, print_table
from crawler.sites import BUILTIN, Site
from crawler.sources.local_files import LocalFile
from interchange.imports.own_export import has_manifest
from storage.archive import Archive
from storage.archive_records import RunEnd, RunStart
from storage.files.layout import gallery_around, is_gallery
from storage.plurals import counted


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user asked for."""

    kind: str  # one of IMPORTS
    source: Path
    link: bool = False
    leave: bool = False
    withdraw: bool = False  # of an archive
    dry_run: bool = False  # of an archive
    look: bool = True  # whether models in force look at what was taken in
    site: str | None = None
    as_json: bool = False
    quiet: bool = False

    @property
    def how(self) -> str:
        """How files are adopted."""
        return "leave" if self.leave else "link" if self.link else "copy"


def run(options: ImportOptions, root: Path | None, config: Path | None) -> int:
    """Take the files in.

    Raises:
        UsageRefused: there is nothing to take; nothing was done.
        StorageError: the gallery's disk refuses, or another program has the gallery; what was taken is kept.
    """
    choose("KIND", options.kind, IMPORTS)
    if options.link and options.leave:
        raise UsageRefused("--link gives files a second name, --leave leaves them alone: choose one; nothing was done")
    workspace = load_workspace(root, config, options.site)
    if options.kind == "archive":
        return _import_archive(options, workspace)
    if options.withdraw or options.dry_run:
        word = "--withdraw" if options.withdraw else "--dry-run"
        raise UsageRefused(f"{word} is for archives; nothing was done")
    site = site_not_asked(workspace)
    source = _checked_source(options.source)
    return run_stoppable(
        _run(options, _Work(workspace, site, source, _described_by(options.kind, workspace, site, source))),
        lambda: "what was taken is kept; run the same command to go on",
    )


def _import_archive(options: ImportOptions, workspace: Workspace) -> int:
    if options.link or options.leave:
        word = "--leave" if options.leave else "--link"
        raise UsageRefused(f"{word} is for files, and an archive lists posts only; nothing was done")
    asked = ArchiveOptions(
        options.source, options.site, options.withdraw, options.dry_run, options.as_json, options.quiet
    )
    return run_stoppable(
        import_archive(asked, workspace), lambda: "what was read is kept; run the same command to go on"
    )


@dataclass(slots=True)
class _Paths:
    """How many, and a few of them."""

    number: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, path: Path) -> None:
        self.number += 1
        if self.number <= EXAMPLES:
            self.examples.append(str(path))


@dataclass(frozen=True, slots=True)
class _Work:
    """Where files come from, whose they are, and where they go."""

    workspace: Workspace
    site: Site
    source: Path  # absolute, links followed
    describe: Describe
    passed_over: dict[str, _Paths] = field(default_factory=dict)  # links, galleries, what cannot be read

    def files(self) -> Iterator[LocalFile]:
        self.passed_over.clear()
        return self.describe.files(self.source, lambda path, why: self.passed_over.setdefault(why, _Paths()).add(path))


def _described_by(kind: str, workspace: Workspace, site: Site, source: Path) -> Describe:
    if kind == "gallery-dl":
        return GalleryDlFacts(site)
    if kind == "hydrus":
        sites = [site, *own_sites(workspace.settings).values(), *BUILTIN.values()]
        return HydrusSidecars(sites, frozenset({DEMO}))
    return ExportManifest() if has_manifest(source) else FileNames()


def _checked_source(source: Path) -> Path:
    if not source.is_dir():
        raise UsageRefused(f"{source} is no folder; name the one that the files were downloaded to")
    gallery = source if is_gallery(source) else gallery_around(source)
    if gallery is not None:
        raise UsageRefused(f"{source} belongs to the gallery {gallery}, and is one's own already; nothing was done")
    return source.resolve()


async def _run(options: ImportOptions, work: _Work) -> int:
    posted, described = await asyncio.to_thread(lambda: count_posted(work.files(), work.describe))
    if not posted:
        raise UsageRefused(f"there are no pictures or videos below {options.source}; nothing was done")
    if work.describe.needs and not described:
        raise UsageRefused(
            f"no file below {options.source} has {work.describe.needs}; crawl import folder {options.source} goes by "
            "the md5 in their names. Nothing was done"
        )
    looked = FirstLook()
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, work.workspace, "import", create=True)
        report = await stack.enter_async_context(reporting(quiet=options.quiet or options.as_json))
        start = RunStart("import", work.site.name, f"{options.kind} {work.source}", (), {"how": options.how})
        run_id = await archive.begin_run(start)
        left = archive.left if options.leave else None
        sayings = Sayings(archive.statements, archive.adopt_known_original)
        taking = ImportPass(archive.arrivals, work.describe, run_id, link=options.link, sayings=sayings, left=left)
        async with _ending_recorded(archive, taking):
            await taking.take_in(
                work.files(), lambda done: report("importing", done / posted, f"{done} of {posted} files")
            )
            if options.look:
                looked = await look_at_arrivals(archive, work.workspace, taking.run_id, report)
    _print(options, work, taking.tally, looked)
    return int(_code(taking.tally))


def _code(tally: ImportTally) -> ExitCode:
    return ExitCode.OPEN if tally.left_out else ExitCode.COMPLETE


@asynccontextmanager
async def _ending_recorded(archive: Archive, taking: ImportPass) -> AsyncIterator[None]:
    """The gallery's record of the run says how it ended, whatever ends it."""
    code = ExitCode.INTERRUPTED
    try:
        yield
        code = _code(taking.tally)
    except Exception as error:
        code = exit_code_of(error)
        raise
    finally:
        tally = taking.tally
        taken = {"copied": tally.copied, "linked": tally.linked, "left": tally.left, "already_here": tally.here}
        counts = {"files": tally.files} | taken | {"posts": tally.posts, "left_out": tally.left_out.total()}
        end = RunEnd(counts, int(code))
        await archive.end_run(taking.run_id, end)


def _print(options: ImportOptions, work: _Work, tally: ImportTally, looked: FirstLook) -> None:
    if options.as_json:
        facts = {"kind": options.kind, "source": str(work.source), "site": work.site.name}
        print_json(facts | tally.to_json() | looked.to_json())
    else:
        print_table(_to_table(work, tally, looked))
    for reason, number in tally.left_out.items():
        leave_open("files", number, reason)
    if options.quiet:
        return
    for reason, number in tally.left_out.items():
        say(f"left out, {reason}: {counted(number, 'file')}: {_some(tally.examples[reason], number)}")
    for why, paths in work.passed_over.items():
        say(f"passed over, {why}: {counted(paths.number, 'file')}: {_some(paths.examples, paths.number)}")
    for why, number in tally.without_post.items():
        say(f"no post was recorded for {counted(number, 'file')}: {why}")
    if tally.contradicted:
        say(f"{counted(tally.contradicted, 'label')} not taken over: somebody said something else here, and that holds")
    if options.link and tally.copied:
        say(f"{counted(tally.copied, 'file')} copied, for they cannot have a second name in {work.workspace.root}")


def _some(names: Sequence[str], of: int) -> str:
    return f"{', '.join(names)}{', …' if of > len(names) else ''}"


def _to_table(work: _Work, tally: ImportTally, looked: FirstLook) -> RenderableType:
    title = Text(printable(f"{counted(tally.files, 'file')} of {work.source}"), style="bold")
    table = facts_table()
    ways = (("copied", tally.copied), ("linked", tally.linked), ("left where they are", tally.left))
    taken = [f"{number} {how}" for how, number in ways if number]
    table.add_row("taken", f"{', '.join(taken)}, {tally.bytes / 1e6:.1f} MB" if taken else "none")
    table.add_row("already here", str(tally.here))
    table.add_row("posts recorded", str(tally.posts))
    if tally.labels or tally.decisions:
        table.add_row("said of them", f"{counted(tally.labels, 'label')}, {counted(tally.decisions, 'decision')}")
    if looked.looked:
        found = ", ".join(f"{number} {value}" for value, number in looked.values.items())
        table.add_row("looked at", f"{counted(looked.looked, 'picture')} by {', '.join(looked.models)}: {found}")
    if tally.left_out:
        table.add_row("left out", str(tally.left_out.total()))
    return Group(title, table)
