"""The end of a run: figures from the tally, notes on what is left to do, and the demo gallery's verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.context.archive_protocol import CommandArchive
from commands.context.connection import Connected
from commands.context.tagger_choice import agreement_line
from commands.context.workspace import Workspace
from commands.crawling.demo_truth import compare, fetch_truth
from commands.crawling.plan import CrawlPlan
from commands.crawling.summary import Summary, Truth
from commands.crawling.takeover import Takeover
from commands.output.expectations import Expected, expected_of
from commands.output.refusals import refusal_words
from commands.terminal.crawl_progress import busy_share, tagger_share
from commands.terminal.exit_codes import ExitCode
from commands.terminal.next_command import next_command
from crawler.decisions import TAG_DOUBTED
from crawler.run import Run
from crawler.tally import Outcome
from storage.archive import open_reader
from storage.plurals import counted
from storage.records import ORIGINAL, ModelCard, Target

_NEXT = {
    ExitCode.OPEN: "some posts are still open; run the same command again to continue",
    ExitCode.INTERRUPTED: "stopped; run the same command again to continue",
    ExitCode.TERMINATED: "stopped; run the same command again to continue",
}


_SILENCE = (ExitCode.ACCESS, ExitCode.BLOCKED, ExitCode.UNREACHABLE)  # ends after which nothing more is asked


@dataclass(frozen=True, slots=True)
class Ending:
    """What the closing summary is made from."""

    run: Run
    workspace: Workspace
    connected: Connected
    plan: CrawlPlan
    registry: CommandArchive
    code: ExitCode
    dry_run: bool
    preparing_s: float  # until the judge was ready
    takeover: Takeover | None = None  # where the network was to be trained beside the crawl


async def closing_summary(ending: Ending) -> Summary:
    """Everything that the run can say of itself."""
    run, stats = ending.run, ending.run.crew.judge.stats()
    cards = [run.crew.judge.models[target.name] for target in run.job.targets if target.name in run.crew.judge.models]
    traffic = ending.connected.http.traffic
    seconds, bytes_listing = run.tally.seconds, traffic.api_bytes
    truths = await _truths(ending)
    return Summary(
        run=run.job.run_id,
        site=run.job.site,
        tag=ending.plan.tag,
        targets=tuple(target.name for target in run.job.targets),
        tally=run.tally,
        requests=traffic.requests,
        bytes_listing=bytes_listing,
        bytes_renditions=traffic.rendition_bytes,
        bytes_originals=traffic.original_bytes,
        preparing_seconds=ending.preparing_s,
        device_busy=busy_share(run),
        device=f"{stats.device} ({stats.runtime})",
        tagger=stats.tagger,
        tagger_busy=tagger_share(run) or 0.0,
        models=tuple(card.name for card in cards),
        thresholds=tuple(card.threshold for card in cards),
        exit=int(ending.code),
        seconds=seconds,
        truths=truths,
        expected=await _expectations(ending, cards),
        refusals=tuple((run.tally.refused_by[card.name], card.refusal) for card in cards if card.refusal),
        notes=(*_notes(ending), *await _tagger_notes(ending)),
        unaccounted=posts_unaccounted_for(run),
        dry_run=ending.dry_run,
        scored_originals=run.job.score_on == ORIGINAL,
        successions=tuple(ending.takeover.successions) if ending.takeover else (),
    )


DRIFT = 0.005  # share by which a site's stored count may be off without meaning anything


def posts_unaccounted_for(run: Run) -> int:
    """Posts that the site counts and the walk did not show, beyond what its count may be off by."""
    if run.walk is None or run.walk.unexplained is None or run.walk.counted is None:
        return 0
    return run.walk.unexplained if run.walk.unexplained > max(2, DRIFT * run.walk.counted) else 0


def _difference(run: Run) -> str | None:
    """The listed number against the site's count, when they differ."""
    walk = run.walk
    if walk is None or walk.counted is None or walk.counted == walk.listed:
        return None
    explained = [f"{counted(walk.refused, 'row')} refused as invalid"] if walk.refused else []
    explained += [f"{counted(walk.gaps, 'id range')} not listed"] if walk.gaps else []
    explained += ["a site's stored count may lag behind"] if not posts_unaccounted_for(run) else []
    because = "; ".join(explained) or "no known reason for the difference; run again, and report it if it persists"
    return f"the site counts {walk.counted} posts, the walk showed {walk.listed}: {because}"


def _notes(ending: Ending) -> list[str]:
    tally = ending.run.tally
    notes = [refusal_words(card) for card in ending.run.crew.judge.models.values() if tally.refused_by[card.name]]
    if ending.code in _NEXT:
        notes.append(_NEXT[ending.code])
    difference = _difference(ending.run)
    if difference is not None:
        notes.append(difference)
    if tally.outcomes[Outcome.UNDECIDED]:
        command = next_command(ending.workspace.root, "query", "decision:undecided")
        notes.append(f"see what is undecided: {command}")
    if tally.reasons[Outcome.UNDECIDED][TAG_DOUBTED]:
        command = next_command(ending.workspace.root, "review")
        notes.append(f"look at the doubted tags, they are asked about first: {command}")
    if ending.takeover is not None:
        notes += [one.words() for one in ending.takeover.successions]
    if tally.let_go and ending.run.job.score_on != ORIGINAL:
        left = f"{counted(tally.let_go, 'original')} kept by the first model and not by the one in force"
        notes.append(f"{left}: they stay until {next_command(ending.workspace.root, 'apply')}")
    found = tally.outcomes[Outcome.KEPT]
    if found and not ending.dry_run:
        target = ending.run.job.targets[0]
        expression = f"decision:keep target:{target.name} -{target.tag}"
        notes.append(f"see what was found without its tag: {next_command(ending.workspace.root, 'query', expression)}")
    return notes


async def _tagger_notes(ending: Ending) -> list[str]:
    """How the user's own tagger did on the targets that it has a word for, by the tags of the posts."""
    tagger = ending.run.crew.judge.stats().tagger
    if ending.dry_run or not tagger:
        return []
    return await asyncio.to_thread(_agreements, ending.workspace.root, ending.run.job.site, ending.run.job.targets)


def _agreements(root: Path, site: str, targets: Sequence[Target]) -> list[str]:
    with open_reader(root) as reader:
        lines = [agreement_line(target, reader.tagger_agreement(site, target)) for target in targets]
    return [line for line in lines if line is not None]


async def _expectations(ending: Ending, cards: Sequence[ModelCard]) -> tuple[Expected, ...]:
    """What each model that decides is expected to do at the threshold of this run."""
    found = []
    for card in cards:
        model = await ending.registry.active_model(card.target)
        if model is not None and not card.refusal and model.card.hash == card.hash:
            found.append(expected_of(model, card.threshold))
    return tuple(one for one in found if one is not None)


async def _truths(ending: Ending) -> tuple[Truth, ...]:
    """Asked only of a gallery on this machine that still answers, after the run has ended."""
    if ending.dry_run or not ending.connected.site.loopback or ending.code in _SILENCE:
        return ()
    truth = await fetch_truth(ending.connected.http)
    if truth is None:
        return ()
    return await asyncio.to_thread(_compared, ending.workspace.root, ending.run.job.site, ending.run.job.targets, truth)


def _compared(root: Path, site: str, targets: Sequence[Target], truth: Mapping[str, Any]) -> tuple[Truth, ...]:
    with open_reader(root) as reader:
        return tuple(compare(target, reader.judged(site, target), truth) for target in targets)
