"""`crawl sync`: follow the searches that were crawled: what is new in them, and what the site changed since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from commands.apply import ApplyOptions
from commands.apply import run as run_apply
from commands.context.connection import connect
from commands.context.gallery import hold_gallery
from commands.context.workspace import DEMO, Workspace, load_workspace
from commands.crawl import CrawlOptions, OpenGallery, Output, Parts, crawl_once
from commands.following.forecast import forecast
from commands.following.metrics import write_metrics
from commands.following.report import SearchReport, code_of, total_json, total_lines
from commands.following.searches import Candidate, candidates, check_entries, chosen
from commands.following.session import SearchRequest, SyncSession, follow
from commands.terminal.console import complain, print_json
from commands.terminal.error_exit import describe, exit_code_of
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.log_file import journal
from commands.terminal.machine_formats import leave_open
from commands.terminal.signals import StopRequest, obeying_signals, run_obeying
from commands.terminal.tables import print_line
from crawler.following.sync import RequestBound
from crawler.tally import Outcome
from storage.archive import Archive

REQUESTS = 300  # to the API in one run: five minutes at the pace that sites ask for
_SITE_ENDS = (ExitCode.ACCESS, ExitCode.BLOCKED, ExitCode.UNREACHABLE)  # ends after which a site is left alone


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """The options of `crawl sync`."""

    names: tuple[str, ...] = ()
    all_: bool = False  # also those that are not due
    full: bool = False  # read every post again
    requests: int = REQUESTS
    apply: bool = False
    metrics: Path | None = None
    dry_run: bool = False
    as_json: bool = False
    quiet: bool = False


def run(options: SyncOptions, root: Path | None, config: Path | None, parts: Parts | None = None) -> int:
    """Follow what is due.

    Args:
        options: which searches, and how far.
        root: of the gallery, as typed.
        config: the file of settings, as typed.
        parts: a test's replacements; None: there are none.
    Returns:
        The documented exit code; the summary has been printed.
    """
    parts, stop = parts or Parts(), StopRequest()
    workspace = load_workspace(root, config, clock=parts.clock)
    check_entries(workspace.settings)
    if options.dry_run:
        return forecast(options.names, workspace, all_=options.all_, full=options.full, requests=options.requests)
    started, reports = time.monotonic(), list[SearchReport]()
    try:
        run_obeying(_run(options, workspace, parts, stop, reports), stop)
    except asyncio.CancelledError:
        complain("stopped; what was done is kept, and the same command goes on from there")
    seconds = time.monotonic() - started
    codes = [int(code_of(reports))] + ([int(stop.code)] if stop.code is not None else [])
    _print(options, reports, seconds)
    if options.metrics is not None:
        write_metrics(options.metrics, reports, workspace.clock())
    if options.apply and stop.code is None:
        codes.append(
            run_apply(ApplyOptions(quiet=options.quiet, limit=parts.brake), root, config, parts.pace, parts.clock)
        )
    return int(worst(codes))


def _print(options: SyncOptions, reports: Sequence[SearchReport], seconds: float) -> None:
    for one in reports:
        if one.error:
            complain(f"{one.name}: {one.error}")
    if not options.as_json:
        for line in total_lines(reports, seconds):
            print_line(line)
        return
    print_json(total_json(reports, seconds))
    for one in reports:
        leave_open("posts", one.tally.outcomes[Outcome.FAILED], f"failed in {one.name}")
        leave_open("id ranges", one.tally.gaps, f"not listed in {one.name}")


async def _run(
    options: SyncOptions, workspace: Workspace, parts: Parts, stop: StopRequest, reports: list[SearchReport]
) -> None:
    async with AsyncExitStack() as stack:
        stack.enter_context(obeying_signals(stop))
        create = bool(workspace.settings.follow)
        archive = await hold_gallery(stack, workspace, "crawl sync", create=create)
        stack.enter_context(journal(workspace.root))
        found = chosen(candidates(await archive.follows.searches(), workspace), options.names, str(workspace.root))
        now = archive.follows.now()
        due = [one for one in found if options.all_ or options.full or options.names or one.due(now)]
        reports += [_not_due(one) for one in found if one not in due]
        spent = 0
        for site in dict.fromkeys(one.site for one in due):
            mine = [one for one in due if one.site == site]
            bound = options.requests - spent
            spent += await _follow_site(_Site(options, workspace, parts, stop, archive, bound), site, mine, reports)
            if stop.code is not None:
                return


@dataclass(frozen=True, slots=True)
class _Site:
    """What following one site's searches needs."""

    options: SyncOptions
    workspace: Workspace
    parts: Parts
    stop: StopRequest
    archive: Archive
    requests: int  # to its API


async def _follow_site(this: _Site, site: str, mine: Sequence[Candidate], reports: list[SearchReport]) -> int:
    """Follow one site's searches; gives the requests to its API. Trouble with a site ends its own searches."""
    named = replace(this.workspace, site=DEMO if site.casefold() == DEMO else site, site_named=False)
    async with AsyncExitStack() as stack:
        try:
            connected = await connect(stack, named, this.parts.pace)
        except Exception as error:  # noqa: BLE001 - the site's trouble is a line of the report
            reports += [_failed(one, describe(error), exit_code_of(error)) for one in mine]
            return 0
        traffic = connected.http.traffic
        session = SyncSession(
            workspace=named,
            connected=connected,
            archive=this.archive,
            parts=this.parts,
            stop=this.stop,
            requests=RequestBound(this.requests, lambda: traffic.api_requests),
            quiet=this.options.quiet,
            everything=this.options.full,
        )
        for number, candidate in enumerate(mine):
            report = await _follow_one(session, candidate)
            reports.append(report)
            if this.stop.code is not None:
                break
            this.stop.event.clear()  # trouble of its own stops a search, and not the next one
            if report.code in _SITE_ENDS:
                reports += [_failed(one, f"not asked: {report.error}", report.code) for one in mine[number + 1 :]]
                break
        return traffic.api_requests


async def _follow_one(session: SyncSession, candidate: Candidate) -> SearchReport:
    entry = candidate.entry
    every = timedelta(hours=entry.every_hours) if entry.every_hours else None
    if candidate.search is not None:
        return await follow(session, SearchRequest(candidate.search, every, entry.limit or None))
    return await _first_crawl(session, candidate)


async def _first_crawl(session: SyncSession, candidate: Candidate) -> SearchReport:
    """A search of the settings that was never crawled is crawled as `crawl` does it."""
    entry = candidate.entry
    options = CrawlOptions(
        tags=tuple(entry.tag.split()),
        keep=candidate.targets,
        limit=entry.limit or None,
        newer_only=True,  # where an older program crawled it, only what came since
        rating=entry.rating,
        where=entry.where,
    )
    report = _report_of(candidate)
    traffic = session.connected.http.traffic
    before = (traffic.api_requests, traffic.requests)
    opened = OpenGallery(session.archive, session.connected)
    try:
        summary = await crawl_once(
            options, session.workspace, Output(quiet=session.quiet), session.parts, session.stop, opened
        )
    except Exception as error:  # noqa: BLE001 - a search's trouble is a line of the report
        report.error, report.code = describe(error), exit_code_of(error)
        return report
    report.tally, report.code = summary.tally, ExitCode(summary.exit)
    report.changes.new, report.seconds = summary.tally.listed, summary.seconds
    report.listing_requests, report.requests = traffic.api_requests - before[0], traffic.requests - before[1]
    return report


def _report_of(candidate: Candidate) -> SearchReport:
    state = candidate.search.state if candidate.search is not None else None
    due_at = state.due_at if state is not None else None
    return SearchReport(site=candidate.site, query=candidate.query, targets=candidate.targets, due_at=due_at)


def _not_due(candidate: Candidate) -> SearchReport:
    report = _report_of(candidate)
    report.skipped = True
    return report


def _failed(candidate: Candidate, error: str, code: ExitCode) -> SearchReport:
    report = _report_of(candidate)
    report.error, report.code = error, code
    return report
