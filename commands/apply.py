"""`crawl apply`: files follow decisions. Rejected originals go to the trash, kept ones come back or are fetched."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from commands.context.connection import Pace, connect
from commands.context.gallery import hold_gallery
from commands.context.workspace import Clock, Workspace, load_workspace
from commands.crawling.summary import size
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import known_target
from commands.output.apply_table import plain, print_steps, steps
from commands.terminal.console import complain, print_json, say
from commands.terminal.error_exit import describe, exit_code_of
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.machine_formats import leave_open
from commands.terminal.next_command import next_command
from commands.terminal.signals import StopRequest, obeying_signals, run_obeying
from crawler.errors import CrawlError
from crawler.fetch_originals import OriginalFetcher
from crawler.sources.listing import SiteSource
from crawler.transport.downloads import Downloader
from storage.archive import Archive
from storage.database.chunks import chunked
from storage.moves.apply_plan import BRAKE, Applied, ApplyPlan, BrakeLimit, plan_apply
from storage.plurals import counted
from storage.records import Post

SHOWN = 10  # lines of trouble that are printed; the rest is counted
FETCH_CHUNK = 200  # posts that are read back from the database at a time


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The options of `crawl apply`."""

    target: str | None = None
    yes: bool = False
    dry_run: bool = False
    fetch: bool = True
    as_json: bool = False
    quiet: bool = False
    limit: BrakeLimit = BRAKE  # how many files may leave without a brake


@dataclass(slots=True)
class _Outcome:
    """What was done."""

    applied: Applied = field(default_factory=Applied)
    fetched: int = 0
    bytes_originals: int = 0
    failed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)


def run(
    options: ApplyOptions,
    root: Path | None,
    config: Path | None,
    pace: Pace | None = None,
    clock: Clock | None = None,
) -> int:
    """Apply what holds to the files.

    Args:
        pace: how long to wait for a site; a test hurries.
        clock: a test's; None: the system's.
    Returns:
        The documented exit code: 3 when something is still open, 11 when a file is not what its row says, 12 when
        the brake held.
    """
    stop = StopRequest()
    workspace = load_workspace(root, config, clock=clock)
    try:
        return run_obeying(_run(options, workspace, _SiteAccess(root, config, pace or Pace(), stop)), stop)
    except asyncio.CancelledError:
        complain("stopped; what was moved is recorded, and the same command goes on from there")
        return int(stop.code or ExitCode.INTERRUPTED)


async def _run(options: ApplyOptions, workspace: Workspace, access: _SiteAccess) -> int:
    stop = access.stop
    if options.dry_run:
        return _dry_run(options, workspace, stop)
    target = _target(options, workspace)
    async with AsyncExitStack() as stack:
        stack.enter_context(obeying_signals(stop))
        archive = await hold_gallery(stack, workspace, "crawl apply")
        plan = await archive.moves.plan_apply(target, options.limit)
        _report_plan(plan)
        outcome = _Outcome()
        if not _brakes_hold(options, plan, archive.root, outcome):
            with stop.finishing_first():
                outcome.applied = await archive.moves.apply(plan, confirmed=options.yes)
                if options.fetch and not stop.event.is_set():
                    await _fetch(archive, plan, outcome, access)
        return _report(options, plan, outcome, stop)


def _dry_run(options: ApplyOptions, workspace: Workspace, stop: StopRequest) -> int:
    """Read, and say what would be done: not even what a killed run left behind is tidied up."""
    target = _target(options, workspace)
    with read_gallery(workspace) as reader:
        plan = reader.ask(lambda connection: plan_apply(connection, target, options.limit))
    _report_plan(plan)
    if not options.as_json:
        print_steps(plan, fetch=options.fetch)
    outcome = _Outcome()
    _brakes_hold(options, plan, workspace.root, outcome)
    return _report(options, plan, outcome, stop)


def _target(options: ApplyOptions, workspace: Workspace) -> str | None:
    """The target that is meant; None: every one."""
    if options.target is None:
        return None
    with read_gallery(workspace) as reader:
        return known_target(reader, options.target).name


def _brakes_hold(options: ApplyOptions, plan: ApplyPlan, root: Path, outcome: _Outcome) -> bool:
    """Whether so much would leave that somebody has to look first; says so."""
    if not plan.brakes or options.yes:
        return False
    for brake in plan.brakes:
        expression = f"target:{brake.target} place:gallery decision:delete"
        say(f"stopped: {brake}. To see them: {next_command(root, 'query', expression)}")
    complain(f"nothing was moved; to move them: {next_command(root, 'apply', '--yes')}")
    outcome.codes.append(ExitCode.BRAKE)
    return True


def _report_plan(plan: ApplyPlan) -> None:
    say(
        f"to the trash: {len(plan.to_trash)}, back from it: {len(plan.back)}, "
        f"to fetch: {len({one.post_key for one in plan.to_fetch})}"
    )
    if plan.of_other_models:
        files = counted(plan.of_other_models, "file")
        say(f"{files} rejected by a model that is not in force: left where they are; crawl rescore decides again")
    if plan.seen:
        posts = counted(plan.seen, "post")
        say(f"{posts} to be kept and not fetched: another program has them, by an archive (crawl import archive)")
    if plan.restored:
        files = counted(plan.restored, "file")
        say(f"{files} restored by you since the decision: left in the gallery until something new is decided")


@dataclass(frozen=True, slots=True)
class _SiteAccess:
    """How to reach the sites that posts are from."""

    root: Path | None
    config: Path | None
    pace: Pace
    stop: StopRequest


async def _fetch(archive: Archive, plan: ApplyPlan, outcome: _Outcome, access: _SiteAccess) -> None:
    """Fetch what is to be kept and not here, site by site; a site that cannot be reached does not stop the next."""
    by_site: defaultdict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in plan.to_fetch:
        by_site[one.site][one.post_key].append(one.target)
    for site, targets in by_site.items():
        try:
            left = await _adopt(archive, targets, outcome)
            if left:
                await _fetch_from(archive, site, left, outcome, access)
        except CrawlError as error:
            say(f"{site}: {describe(error)}")
            outcome.codes.append(exit_code_of(error))


async def _adopt(
    archive: Archive, targets: Mapping[int, Sequence[str]], outcome: _Outcome
) -> Mapping[int, Sequence[str]]:
    """Take what is here already, under another name or imported; gives what only the site has."""
    left = dict(targets)
    for keys in chunked(list(targets), FETCH_CHUNK):
        for key, post in zip(keys, await archive.moves.posts_of(keys), strict=True):
            if await archive.adopt_known_original(post, targets[key]):
                outcome.fetched += 1
                del left[key]
    return left


async def _fetch_from(
    archive: Archive, site: str, targets: Mapping[int, Sequence[str]], outcome: _Outcome, access: _SiteAccess
) -> None:
    async with AsyncExitStack() as stack:
        workspace = replace(load_workspace(access.root, access.config, site), site_named=False)  # the gallery names it
        connected = await connect(stack, workspace, access.pace)
        originals = OriginalFetcher(
            archive=archive,
            fetcher=Downloader(connected.http, connected.site, connected.pace.patience),
            source=SiteSource(connected.client, ""),
            reachable=lambda url: connected.site.why_not(url) is None,
            stop=access.stop.event,
        )
        try:
            for keys in chunked(list(targets), FETCH_CHUNK):
                posts: Sequence[Post] = await archive.moves.posts_of(keys)
                await originals.fetch(list(zip(posts, (targets[key] for key in keys), strict=True)))
        finally:
            outcome.fetched += originals.fetched
            outcome.bytes_originals += originals.bytes
            outcome.failed += originals.failed
            outcome.gone += originals.gone


def _report(options: ApplyOptions, plan: ApplyPlan, outcome: _Outcome, stop: StopRequest) -> int:
    applied, codes = outcome.applied, list(outcome.codes)
    wanted = len({one.post_key for one in plan.to_fetch}) if options.fetch and not options.dry_run else 0
    if applied.problems:
        codes.append(ExitCode.DAMAGE)
    missing = max(0, wanted - outcome.fetched - len(outcome.gone))
    if applied.changed or (missing and ExitCode.BRAKE not in codes):
        codes.append(ExitCode.OPEN)
        leave_open("files", applied.changed, "decided or labelled again in the meantime and left alone")
        leave_open("originals", missing, "; ".join(outcome.failed[:SHOWN]) or "not fetched")
    if stop.code is not None:
        codes.append(stop.code)
    code = worst(codes)
    for line in (*applied.problems[:SHOWN], *outcome.failed[:SHOWN], *outcome.gone[:SHOWN]):
        say(line)
    if applied.problems:
        say("these files were left where they are; crawl verify checks the whole gallery")
    if applied.changed:
        files = counted(applied.changed, "file")
        say(f"{files} decided or labelled again in the meantime and left alone; run crawl apply again")
    if not options.dry_run and code != ExitCode.BRAKE:
        say(
            f"moved {applied.trashed} to the trash, {applied.back} back; fetched {outcome.fetched} "
            f"({size(outcome.bytes_originals)}), {len(outcome.failed)} failed"
            + (f", {len(outcome.gone)} gone from the site" if outcome.gone else "")
        )
    if options.as_json:
        record = _as_json(plan, outcome) | {"dry_run": options.dry_run, "exit": int(code)}
        if options.dry_run:
            record["would_do"] = [plain(step) for step in steps(plan, fetch=options.fetch)]
        print_json(record)
    return int(code)


def _as_json(plan: ApplyPlan, outcome: _Outcome) -> dict[str, Any]:
    applied = outcome.applied
    return {
        "planned": {
            "trash": len(plan.to_trash),
            "back": len(plan.back),
            "fetch": len({one.post_key for one in plan.to_fetch}),
            "of_other_models": plan.of_other_models,
            "restored": plan.restored,
            "seen": plan.seen,
        },
        "brakes": [{"target": b.target, "leaving": b.leaving, "of": b.of} for b in plan.brakes],
        "trashed": applied.trashed,
        "back": applied.back,
        "fetched": outcome.fetched,
        "bytes_originals": outcome.bytes_originals,
        "changed": applied.changed,
        "problems": list(applied.problems),
        "failed": outcome.failed,
        "gone": outcome.gone,
    }
