"""One pass of `crawl classify`: what it looks at, where files go, and what is said at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.progress import ProgressCallback
from classifier.workers.standby import Standby
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.folders.judges import KnownOfSubject, OpenJudge, PictureSubject, subject_of
from commands.folders.listing import ListFile, sheet_parts
from commands.folders.options import CheckedOptions, ClassifyOptions
from commands.folders.summary import FolderSummary
from commands.folders.truth import Truth, TruthTally, read_truth
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import print_json, say
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table
from crawler.folder_outputs import FileSorter
from crawler.folder_pipeline import FolderCrew, classified
from crawler.sources.local_files import LocalFile, count_files, local_files
from storage.files.disk import Disk
from storage.folders.journal import Job
from storage.folders.moves import Mover
from storage.folders.output_lock import sole_writer
from storage.folders.placement import How, Placer
from storage.folders.store import FolderStore
from storage.plurals import counted

if TYPE_CHECKING:
    from commands.context.connection import Pace
    from commands.folders.site_posts import SitePosts


async def sort_folders(wanted: CheckedOptions, workspace: Workspace, standby: Standby | None, pace: Pace | None) -> int:
    """Look at every picture, send it where it belongs, and say what came of it; gives the exit code.

    Args:
        wanted: what was asked for.
        workspace: the gallery with the model, and the settings.
        standby: processes that wait for work.
        pace: a test's, for the site.

    Raises:
        RunError: the model, the gallery, the disk or the site fails as a whole.
    """
    options = wanted.options
    async with AsyncExitStack() as stack:
        reader = stack.enter_context(await asyncio.to_thread(read_gallery, workspace))
        subject = await asyncio.to_thread(subject_of, reader, workspace, options)
        truth = None
        if options.truth is not None:
            truth = await asyncio.to_thread(read_truth, options.truth, subject.words, wanted.folders)
        store = stack.enter_context(FolderStore(reader))
        outputs = stack.enter_context(_Outputs(wanted, subject, workspace.root))
        site = None if options.site is None else await _site(stack, workspace, pace)
        judge = await subject.open(stack, workspace.settings, standby)
        if not options.quiet:
            say(f"model {subject.card.name}: {subject.terms}, scoring on {judge.device}")
        known = KnownOfSubject(store, (subject.card.backbone_hash,), subject.labels_of)
        crew = _crew(judge, known, site)
        report = await stack.enter_async_context(reporting(quiet=options.quiet or options.as_json))
        done = _Pass(wanted, subject, outputs, truth, report)
        summary = await done.carry_out(crew)
        summary.refusal = judge.refusal
    return await _end(summary, outputs, options)


async def _site(stack: AsyncExitStack, workspace: Workspace, pace: Pace | None) -> SitePosts:
    """The way to the site, which takes its time to load; it is closed with the stack."""
    from commands.context.connection import connect
    from commands.folders.site_posts import SitePosts

    return SitePosts((await connect(stack, workspace, pace)).client)


def _crew(judge: OpenJudge, known: KnownOfSubject, site: SitePosts | None) -> FolderCrew:
    from classifier.pictures.preprocessing import DEFAULT_LIMITS, sniff
    from rounds.examples.folder_pictures import HELD_BYTES, ByteBudget

    return FolderCrew(
        judge=judge.judge,
        pictures=known,
        rule=judge.rule,
        is_picture=lambda head: sniff(head) is not None,
        hold=ByteBudget(HELD_BYTES).hold,
        posts_of=site,
        most_bytes=DEFAULT_LIMITS.max_bytes,
    )


class _Outputs:
    """What the pass writes: a list, or files in folders that nobody else writes into meanwhile."""

    def __init__(self, wanted: CheckedOptions, subject: PictureSubject, root: Path) -> None:
        self.wanted = wanted
        self.list = ListFile(wanted.listed_in) if wanted.listed_in is not None else None
        self.sorter: FileSorter | None = None
        self.mover: Mover | None = None
        self._subject, self._stack = subject, ExitStack()

    def __enter__(self) -> _Outputs:
        with ExitStack() as stack:
            if self.list is not None:
                stack.enter_context(self.list)
            else:
                self._open_folders(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type] # three of them

    def _open_folders(self, stack: ExitStack) -> None:
        how, disk, destinations = self.wanted.options.how, Disk(), self.wanted.destinations
        for folder in sorted(destinations.folders):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(sole_writer(folder, disk))
        if how is not How.MOVE:
            self.sorter = FileSorter(destinations, Placer(how, disk, say))
            return
        targets = tuple(str(one or "") for one in (destinations.kept, destinations.rejected))
        job = Job(tuple(map(str, self.wanted.folders)), targets, self._subject.name)
        self.mover = Mover(destinations.folders[0], job, disk, lambda: datetime.now(UTC))
        stack.callback(self.mover.close)
        self.sorter = FileSorter(destinations, self.mover)
        resumed = self.mover.resume()
        if resumed is not None:
            say(f"going on with {resumed.journal}: {counted(resumed.moved, 'file')} moved already")
            for line in resumed.left:
                say(line)


@dataclass(slots=True)
class _Pass:
    """One pass over the folders."""

    wanted: CheckedOptions
    subject: PictureSubject
    outputs: _Outputs
    truth: Truth | None
    report: ProgressCallback

    async def carry_out(self, crew: FolderCrew) -> FolderSummary:
        """Look at everything, and send it where it belongs."""
        started, wanted = time.monotonic(), self.wanted
        summary = FolderSummary(
            self.subject.name, self.subject.card.name, self.subject.card.threshold, rule=self.subject.title
        )
        summary.truth = None if self.truth is None else TruthTally()
        total = asyncio.create_task(asyncio.to_thread(count_files, wanted.folders, wanted.destinations.folders))
        try:
            await self._look(crew, summary, total)
        finally:
            total.cancel()
            await asyncio.gather(total, return_exceptions=True)
        summary.seconds = time.monotonic() - started
        if not summary.tally.pictures:
            self._refuse_emptiness(summary)
        return summary

    async def _look(self, crew: FolderCrew, summary: FolderSummary, total: asyncio.Task[int]) -> None:
        try:
            await self._look_at_all(crew, summary, total)
        finally:
            if self.outputs.sorter is not None:
                await self.outputs.sorter.settle()

    async def _look_at_all(self, crew: FolderCrew, summary: FolderSummary, total: asyncio.Task[int]) -> None:
        sorter = self.outputs.sorter
        async for one in classified(self._files(summary.tally.leave), crew):
            summary.tally.add(one)
            if self.truth is not None and summary.truth is not None:
                summary.truth.add(one, self.truth.shows(one))
            if self.outputs.list is not None:
                self.outputs.list.add(one)
            if sorter is not None:
                await sorter.take(one)
            count = summary.tally.pictures
            known = total.result() if total.done() and not total.cancelled() else 0
            self.report("looking", min(1.0, count / known) if known else 0.0, counted(count, "picture"))
        if sorter is not None:
            await sorter.flush()
            summary.placed, summary.trouble = sorter.placed, tuple(sorter.trouble)
        if self.outputs.mover is not None:
            self.outputs.mover.finish()

    def _files(self, leave: Callable[[Path, str], None]) -> Iterator[LocalFile]:
        return local_files(self.wanted.folders, self.wanted.destinations.folders, leave)

    def _refuse_emptiness(self, summary: FolderSummary) -> None:
        if self.outputs.mover is not None and self.outputs.mover.journal is not None:
            return  # a stopped run had moved everything already
        named = ", ".join(map(str, self.wanted.folders))
        left = "; ".join(summary.tally.left_out.lines("left out"))
        raise UsageRefused(f"{named} has no pictures; nothing was done" + (f" ({left})" if left else ""))


async def _end(summary: FolderSummary, outputs: _Outputs, options: ClassifyOptions) -> int:
    """Show what came of it; the sheet last, for it is not worth losing the rest."""
    if options.as_json:
        print_json(summary.to_json())
        summary.leave_open()
    else:
        print_table(summary.to_table())
    if outputs.list is not None:
        from classifier.pictures.contact_sheet import contact_sheet

        sheet = contact_sheet(await sheet_parts(summary.tally))
        outputs.list.write_sheet(sheet)
    if not options.as_json:
        _say_results(outputs)
    if not options.quiet and not options.as_json:
        _say_next(summary, outputs)
    return int(summary.exit)


def _say_results(outputs: _Outputs) -> None:
    if outputs.list is not None:
        print_line(str(outputs.list.path))
        print_line(str(outputs.list.sheet))
    for folder in outputs.wanted.destinations.folders:
        print_line(str(folder))


def _say_next(summary: FolderSummary, outputs: _Outputs) -> None:
    if summary.tally.refused:
        say(f"{summary.model} may not decide: {summary.refusal}")
    if outputs.list is not None:
        say("nothing was moved; --how copy, link or move with --to DIR and --rejects DIR sorts the files")
    if outputs.mover is not None and outputs.mover.journal is not None:
        say(f"crawl classify --undo {outputs.mover.journal} moves everything back")
