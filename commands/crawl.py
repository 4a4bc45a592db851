"""`crawl --tag … --keep …`: puts the rooms together for the main job."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from commands.context.archive_protocol import CommandArchive, open_archive
from commands.context.connection import Connected, Pace, check_site, connect
from commands.context.registered_models import check_known_models
from commands.context.tagger_choice import check_tagger
from commands.context.threshold_goal import ThresholdGoal
from commands.context.workspace import Clock, Elsewhere, Workspace, load_workspace
from commands.crawling.job import crew_of, job_of
from commands.crawling.model_choice import learned_judge
from commands.crawling.model_request import ModelRequest
from commands.crawling.plan import CrawlPlan, make_plan
from commands.crawling.references import check_references
from commands.crawling.run_summary import Ending, closing_summary, posts_unaccounted_for
from commands.crawling.summary import Summary
from commands.crawling.takeover import Takeover
from commands.engine.choice import check_engine, with_engine
from commands.errors import UsageRefused
from commands.output.refusals import refusal_words
from commands.terminal.console import complain, print_json, say
from commands.terminal.crawl_progress import progress
from commands.terminal.error_exit import describe, exit_code_of
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.log_file import journal
from commands.terminal.machine_formats import leave_open
from commands.terminal.signals import StopRequest, obeying_signals, run_obeying
from commands.terminal.tables import print_line, print_table
from crawler.errors import AccessError, BlockedError
from crawler.judge import Judge
from crawler.pipeline import crawl
from crawler.run import Run
from crawler.sources.query_plan import crawl_terms
from crawler.tally import Outcome, Tally
from crawler.transport.downloads import Downloader
from storage.archive_records import RunEnd, RunStart
from storage.moves.apply_plan import BRAKE, BrakeLimit
from storage.search.language import Query

__all__ = [
    "CrawlOptions",
    "Elsewhere",
    "Output",
    "Parts",
    "ThresholdGoal",
    "Workspace",
    "load_workspace",
    "run",
    "with_engine",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CrawlOptions:
    """What the user asked for."""

    tags: tuple[str, ...]
    keep: tuple[str, ...]
    limit: int | None = None
    newer_only: bool = False
    rating: str = ""
    where: str = ""
    goal: ThresholdGoal = field(default_factory=ThresholdGoal)
    references: Path | None = None  # a folder with a few pictures of the target
    dry_run: bool = False
    seen: bool = False  # whether to look at posts whose files another program has


@dataclass(frozen=True, slots=True)
class Output:
    """How results are printed."""

    as_json: bool = False
    quiet: bool = False


JudgeFactory = Callable[[ModelRequest], AbstractAsyncContextManager[Judge]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a test may replace."""

    judge: JudgeFactory = learned_judge
    pace: Pace = field(default_factory=Pace)
    clock: Clock | None = None  # what the gallery's records go by; None: the system's
    learning: tuple[str, ...] = ()  # the learning process; empty: the program's own
    brake: BrakeLimit = BRAKE  # of crawl apply


def run(options: CrawlOptions, workspace: Workspace, output: Output, parts: Parts | None = None) -> int:
    """Crawl: list, fetch, classify and file posts.

    Args:
        parts: a test's replacements; None: there are none.
    Returns:
        The documented exit code; the summary has been printed.
    Raises:
        The rooms' errors, when the job could not begin.
    """
    _check(options)
    check_site(workspace)
    check_tagger(workspace.settings)
    check_engine(workspace.settings)
    check_references(options.references)
    stop = StopRequest()
    try:
        summary = run_obeying(_run(options, workspace, output, parts or Parts(), stop), stop)
    except asyncio.CancelledError:
        complain("stopped; what was done is kept, and the same command goes on from there")
        return int(stop.code or ExitCode.INTERRUPTED)
    if output.as_json:
        print_json(summary.to_json())
        for what, count, why in summary.still_open():
            leave_open(what, count, why)
    else:
        print_table(summary.to_table())
        for note in summary.notes:
            print_line(note)
    return summary.exit


def _check(options: CrawlOptions) -> Query:
    """Refuse what cannot be meant; gives what posts must fit besides the tag."""
    if not options.tags or not all(tag.strip() for tag in options.tags):
        raise UsageRefused("say which tag to walk: --tag genshin_impact")
    if not options.keep or not all(name.strip() for name in options.keep):
        raise UsageRefused("say what to keep: --keep mona")
    if options.references is not None and len(options.keep) != 1:
        raise UsageRefused(
            "--references shows one target: give one --keep, or crawl train NAME --references DIR for each"
        )
    terms = crawl_terms(options.where, options.rating)
    options.goal.check()
    return terms


@dataclass(slots=True)
class _CrawlSetup:
    """What has been put together so far."""

    options: CrawlOptions
    workspace: Workspace
    output: Output
    connected: Connected
    archive: CommandArchive
    plan: CrawlPlan
    stop: StopRequest
    takeover: Takeover | None  # where the network may be trained beside the crawl
    preparing_s: float = 0.0


async def _run(options: CrawlOptions, workspace: Workspace, output: Output, parts: Parts, stop: StopRequest) -> Summary:
    async with AsyncExitStack() as stack:
        stack.enter_context(obeying_signals(stop))
        archive = await open_archive(stack, workspace, dry_run=options.dry_run)
        stack.enter_context(journal(workspace.root, write=not options.dry_run))
        await check_known_models(workspace, archive, options.keep)
        connected = await connect(stack, workspace, parts.pace)
        return await crawl_once(options, workspace, output, parts, stop, OpenGallery(archive, connected))


@dataclass(frozen=True, slots=True)
class OpenGallery:
    """A gallery that is held, and a site that answers."""

    archive: CommandArchive
    connected: Connected


async def crawl_once(
    options: CrawlOptions, workspace: Workspace, output: Output, parts: Parts, stop: StopRequest, opened: OpenGallery
) -> Summary:
    """One crawl into an open gallery; the summary is the caller's to print.

    Raises:
        UsageRefused, UsageError: what cannot be meant; and the rooms' errors, when the job could not begin.
    """
    terms, archive, connected = _check(options), opened.archive, opened.connected
    async with AsyncExitStack() as stack:
        plan = await make_plan(options, terms, connected, archive)
        for line in plan.lines:
            say(line)
        setup = _CrawlSetup(options, workspace, output, connected, archive, plan, stop, _takeover(options, workspace))
        started = time.monotonic()
        judge = await stack.enter_async_context(parts.judge(_model_request(setup, parts)))
        setup.preparing_s = time.monotonic() - started
        for card in judge.models.values():
            if card.refusal:
                say(refusal_words(card))
        return await _work(setup, judge)


def _takeover(options: CrawlOptions, workspace: Workspace) -> Takeover | None:
    """A run of so many posts is a trial, for which nobody waits minutes: the next one without a limit trains."""
    from commands.context.network_choice import trains_beside

    patient = not options.dry_run and options.limit is None
    return Takeover() if patient and trains_beside(workspace.settings.round_zero) else None


def _model_request(setup: _CrawlSetup, parts: Parts) -> ModelRequest:
    return ModelRequest(
        workspace=setup.workspace,
        goal=setup.options.goal,
        targets=setup.plan.targets,
        tag=setup.plan.tag,
        connected=setup.connected,
        archive=setup.archive,
        dry_run=setup.options.dry_run,
        quiet=setup.output.quiet,
        takeover=setup.takeover,
        learning=parts.learning,
        references=setup.options.references,
    )


async def _work(setup: _CrawlSetup, judge: Judge) -> Summary:
    """Run the pipeline and record how it ended, whatever happens."""
    run_id = await setup.archive.begin_run(_start(setup, judge))
    downloader = Downloader(setup.connected.http, setup.connected.site, setup.connected.pace.patience)
    current = Run(
        job=replace(
            job_of(run_id, setup.plan, setup.workspace, setup.connected),
            limit=setup.options.limit,
            newer_only=setup.options.newer_only,
            seen=setup.options.seen,
        ),
        crew=crew_of(setup.plan, setup.connected, judge, setup.archive, downloader),
        tally=Tally(expected=None if setup.plan.checked_here else setup.plan.counted),
        stop=setup.stop.event,
    )
    error: BaseException | None = None
    try:
        async with progress(current, quiet=setup.output.quiet):
            with setup.stop.finishing_first():
                await _crawl(current, setup.takeover)
        error = downloader.refuses_everything()
    except Exception as failure:  # noqa: BLE001 - printed in one line with the summary; the code says which family
        error = failure
    except asyncio.CancelledError:
        if setup.stop.code is None:
            raise
    if isinstance(error, AccessError | BlockedError) and downloader.refused:
        current.tally.reopen(await setup.archive.reopen(sorted(downloader.refused)))
    code = _exit_code(setup, current, error)
    if error is not None:
        complain(f"crawl: {describe(error)}")
        log.error("run %d ended: %s", run_id, describe(error), exc_info=error)
    summary = await closing_summary(
        Ending(
            current,
            setup.workspace,
            setup.connected,
            setup.plan,
            setup.archive,
            code,
            setup.options.dry_run,
            setup.preparing_s,
            setup.takeover,
        )
    )
    ended = RunEnd(counts=dict(summary.to_json()), exit_code=int(code), models=summary.every_model())
    await setup.archive.end_run(run_id, ended)
    return summary


async def _crawl(current: Run, takeover: Takeover | None) -> None:
    """The pipeline; where models may take over, until they have or have not."""
    if takeover is None:
        await crawl(current)
        return
    takeover.attach(current)
    try:
        await crawl(current)
        await takeover.finish(current)
    finally:
        await takeover.cancel()


def typed_words(options: CrawlOptions) -> dict[str, Any]:
    """A search in the user's words, by which `crawl sync` knows it again."""
    return {
        "tags": sorted(options.tags),
        "keep": sorted(options.keep),
        "where": options.where.strip(),
        "rating": options.rating.strip(),
    }


def _exit_code(setup: _CrawlSetup, current: Run, error: BaseException | None) -> ExitCode:
    codes: list[int] = [exit_code_of(error)] if error is not None else []
    tally = current.tally
    if tally.bugs:
        codes.append(ExitCode.BUG)
    if setup.stop.code is not None:
        codes.append(setup.stop.code)
    left = tally.gaps or tally.refused or tally.finished < tally.listed or posts_unaccounted_for(current)
    if left or tally.outcomes[Outcome.FAILED]:
        codes.append(ExitCode.OPEN)
    if tally.refused_by:
        codes.append(ExitCode.UNDECIDED)
    return worst(codes)


def _start(setup: _CrawlSetup, judge: Judge) -> RunStart:
    settings: dict[str, Any] = {
        "score_on": setup.workspace.settings.scoring.score_on,
        "trust_tags": setup.workspace.settings.scoring.trust_tags,
        "limit": setup.options.limit,
        "new": setup.options.newer_only,
        "seen": setup.options.seen,
        "goal": {name: value for name, value in asdict(setup.options.goal).items() if value is not None},
        "typed": typed_words(setup.options),
        "thresholds": {name: card.threshold for name, card in judge.models.items()},
    }
    return RunStart(
        command="crawl",
        site=setup.connected.site.name,
        query=setup.plan.query,
        targets=[target.name for target in setup.plan.targets],
        settings=settings,
        models=[card.name for card in judge.models.values()],
    )
