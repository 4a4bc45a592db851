"""One search's sync, from its recorded words to its next date."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta

from commands.context.connection import Connected
from commands.context.target_identity import identify
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Workspace, checked_scoring
from commands.crawl import Parts
from commands.crawling.job import crew_of, job_of
from commands.crawling.model_request import ModelRequest
from commands.crawling.plan import CrawlPlan
from commands.errors import SettingsError
from commands.following.interval import EARLY, FIRST, next_interval
from commands.following.report import SearchReport
from commands.following.words import every_tag, renamed_query, search_words, tags_of
from commands.terminal.console import say
from commands.terminal.crawl_progress import progress
from commands.terminal.error_exit import describe, exit_code_of
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.signals import StopRequest
from crawler.errors import AccessError, BlockedError
from crawler.following.sync import Renamed, RequestBound, Sync
from crawler.following.work import posts_to_follow
from crawler.judge import Judge
from crawler.pipeline import carry
from crawler.run import Run
from crawler.sources.names import resolve_target
from crawler.tally import Outcome, Tally
from crawler.transport.downloads import Downloader
from storage.archive import Archive
from storage.archive_records import RunEnd, RunStart
from storage.following.records import FollowedSearch, FollowState
from storage.records import Post, Target

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class SyncSession:
    """What the searches of one site share."""

    workspace: Workspace
    connected: Connected
    archive: Archive
    parts: Parts
    stop: StopRequest
    requests: RequestBound
    quiet: bool = False
    everything: bool = False  # read every post again


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One search, and what the settings say of it."""

    search: FollowedSearch
    every: timedelta | None = None  # a fixed interval
    limit: int | None = None  # posts of an unfinished walk in one sync


async def follow(session: SyncSession, request: SearchRequest) -> SearchReport:
    """Sync one search, and record it; what ends it early is in the report."""
    search = request.search
    report = SearchReport(site=search.site, query=search.query, targets=search.targets)
    traffic, started = session.connected.http.traffic, time.monotonic()
    before = (traffic.api_requests, traffic.requests)
    try:
        await _follow(session, request, report)
    except Exception as error:
        log.error("following %s: %s", search.query, describe(error), exc_info=error)
        report.error, report.code = describe(error), exit_code_of(error)
    report.listing_requests = traffic.api_requests - before[0]
    report.requests = traffic.requests - before[1]
    report.seconds = time.monotonic() - started
    return report


async def _follow(session: SyncSession, request: SearchRequest, report: SearchReport) -> None:
    search, archive, connected = request.search, session.archive, session.connected
    workspace = _as_crawled(session.workspace, search)
    plan = _plan(search, await _targets(session, search))
    state = await archive.follows.begin(search.listing_id, request.every or FIRST)
    if connected.client.change_lists.kinds_by_name:  # as a crawl asks for them, so that nothing looks changed
        await connected.client.tags([*plan.tags, *(target.tag for target in plan.targets)])
    async with AsyncExitStack() as stack:
        judge = await stack.enter_async_context(session.parts.judge(_model_request(session, search, plan)))
        sync = _sync(session, request, state)
        run_id = await archive.begin_run(_start(sync, judge))
        downloader = Downloader(connected.http, connected.site, connected.pace.patience)
        run = Run(
            job=replace(job_of(run_id, plan, workspace, connected), seen=search.settings.get("seen") is True),
            crew=crew_of(plan, connected, judge, archive, downloader),
            tally=Tally(),
            stop=session.stop.event,
        )
        report.tally, report.changes = run.tally, sync.tally
        await _carry(session, run, sync, downloader, report)
        if not report.error and session.stop.code is None:
            await _save(session, sync, request, report)
        await archive.end_run(run_id, RunEnd(counts=_counts(report), exit_code=int(report.code)))


async def _carry(session: SyncSession, run: Run, sync: Sync, downloader: Downloader, report: SearchReport) -> None:
    """Carry what the sync finds; how it ends is noted in the report."""
    error: BaseException | None = None
    try:
        async with progress(run, quiet=session.quiet):
            with session.stop.finishing_first():
                await carry(run, posts_to_follow(run, sync))
        error = downloader.refuses_everything()
    except Exception as failure:  # noqa: BLE001 - noted in the report; the code says which family
        error = failure
    except asyncio.CancelledError:
        if session.stop.code is None:
            raise
    if isinstance(error, AccessError | BlockedError) and downloader.refused:
        run.tally.reopen(await session.archive.reopen(sorted(downloader.refused)))
    if error is not None:
        log.error("run %d ended: %s", run.job.run_id, describe(error), exc_info=error)
        report.error = describe(error)
    report.code = _code(session, run, error)


def _code(session: SyncSession, run: Run, error: BaseException | None) -> ExitCode:
    tally = run.tally
    codes: list[int] = [exit_code_of(error)] if error is not None else []
    codes += [ExitCode.BUG] if tally.bugs else []
    codes += [session.stop.code] if session.stop.code is not None else []
    if tally.gaps or tally.refused or tally.finished < tally.listed or tally.outcomes[Outcome.FAILED]:
        codes.append(ExitCode.OPEN)
    codes += [ExitCode.UNDECIDED] if tally.refused_by else []
    return worst(codes)


async def _save(session: SyncSession, sync: Sync, request: SearchRequest, report: SearchReport) -> None:
    """The search has been followed: when it is again, and from where."""
    brought = sync.tally.new + sync.tally.changed
    interval = request.every or next_interval(sync.state.interval, brought)
    state = FollowState(
        interval=interval,
        due_at=sync.now + interval * (1 - EARLY),
        synced_at=sync.now,
        changed_since=sync.changed_since,
        stale_before=sync.stale_before,
        removals_at=sync.removals_at,
        new=sync.tally.new,
        changed=sync.tally.changed,
    )
    await session.archive.follows.save(sync.search.listing_id, state)
    report.due_at, report.interval, report.cut = state.due_at, interval, sync.cut
    report.stale = await session.archive.follows.count_stale(sync.search.listing_id, sync.stale_from)


def _as_crawled(workspace: Workspace, search: FollowedSearch) -> Workspace:
    """The settings, with the rendition that the search was crawled with."""
    score_on = search.settings.get("score_on")
    if not isinstance(score_on, str):
        return workspace
    try:
        scoring = checked_scoring(workspace.settings, score_on)
    except SettingsError:
        return workspace
    return replace(workspace, settings=replace(workspace.settings, scoring=scoring))


def _plan(search: FollowedSearch, targets: tuple[Target, ...]) -> CrawlPlan:
    tags = tags_of(search.query)
    return CrawlPlan(
        tag=" ".join(tags),
        tags=tags,
        targets=targets,
        server_query=search.query.partition(" && ")[0],
        query=search.query,
        wants=_everything,
        counted=None,
        checked_here=False,
        lines=(),
    )


def _everything(post: Post) -> bool:
    return True


async def _targets(session: SyncSession, search: FollowedSearch) -> tuple[Target, ...]:
    """The search's targets; one that became part of another is that one now."""
    known = await session.archive.targets(search.site)
    found = [one for one in known if not {one.name, *one.names_before}.isdisjoint(search.targets)]
    return tuple(found)


def _model_request(session: SyncSession, search: FollowedSearch, plan: CrawlPlan) -> ModelRequest:
    goal = search.settings.get("goal")
    return ModelRequest(
        workspace=_as_crawled(session.workspace, search),
        goal=ThresholdGoal(**goal) if isinstance(goal, dict) else ThresholdGoal(),
        tag=plan.tag,
        targets=plan.targets,
        connected=session.connected,
        archive=session.archive,
        dry_run=False,
        quiet=session.quiet,
        learning=session.parts.learning,
    )


def _sync(session: SyncSession, request: SearchRequest, state: FollowState) -> Sync:
    search, connected = request.search, session.connected
    limit = request.limit or search.settings.get("limit")
    lists = connected.client.change_lists
    return Sync(
        search=search,
        state=state,
        words=search_words(search.query, tag_limit=connected.tag_limit, change_terms=lists.terms),
        client=connected.client,
        follows=session.archive.follows,
        requests=session.requests,
        now=session.archive.follows.now(),
        look_up=lambda: _renamed(session, search),
        limit=limit if isinstance(limit, int) else None,
        everything=session.everything,
    )


async def _renamed(session: SyncSession, search: FollowedSearch) -> Renamed | None:
    """The search by the site's present names, where one of ours is an alias by now."""
    connected, archive = session.connected, session.archive
    targets = await _targets(session, search)
    names = await connected.client.aliases_of(every_tag(search.query) | {one.tag for one in targets})
    if not names:
        return None
    for former, present in sorted(names.items()):
        say(f"{search.site} has renamed {former} to {present}")
    targets = await _named_anew(session, search, targets, names)
    query = renamed_query(search.query, names)
    if query != search.query:
        start = RunStart("sync", search.site, query, [one.name for one in targets], search.settings)
        run_id = await archive.begin_run(start)  # first: a search is known by its runs
        await archive.follows.rename(search.listing_id, query)
        await archive.end_run(run_id, RunEnd({}, int(ExitCode.COMPLETE)))
    lists = connected.client.change_lists
    return Renamed(search_words(query, tag_limit=connected.tag_limit, change_terms=lists.terms), targets)


async def _named_anew(
    session: SyncSession, search: FollowedSearch, targets: tuple[Target, ...], names: Mapping[str, str]
) -> tuple[Target, ...]:
    """The targets, resolved again where their tag has another name; they keep their own, with models and labels."""
    client, archive = session.connected.client, session.archive
    found: dict[str, Target] = {}
    for target in targets:
        if target.tag not in names:
            found[target.name] = target
            continue
        resolved = await resolve_target(client, names[target.tag], tags_of(search.query), targets)
        for one in await identify(client, search.site, [resolved], archive):
            found[one.target.name] = one.target
    return tuple(found.values())


def _start(sync: Sync, judge: Judge) -> RunStart:
    return RunStart(
        command="sync",
        site=sync.search.site,
        query=sync.search.query,
        targets=sync.search.targets,
        settings=sync.search.settings,
        models=[card.name for card in judge.models.values()],
    )


def _counts(report: SearchReport) -> dict[str, int | float | str]:
    return {name: value for name, value in report.to_json().items() if isinstance(value, int | float | str)}


__all__ = ["SearchRequest", "SyncSession", "follow"]
