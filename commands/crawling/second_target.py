"""A head for a target that has no model, on the network in force for another one: seconds, and no picture touched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from classifier.progress import ProgressCallback
from commands.context.gallery import hold_gallery
from commands.context.registered_models import verified
from commands.context.train_options import TrainOptions, crawl_goal, goal_of
from commands.context.workspace import Workspace
from commands.crawling.model_request import ModelRequest
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import named_in_tags
from commands.terminal.console import say
from crawler.decisions import Policy
from storage.files.paths import models_folder
from storage.names import as_the_site_writes
from storage.reader import Reader
from storage.records import Target

if TYPE_CHECKING:
    from classifier.training.pipeline import Goal
    from rounds.head_round import Candidate, HeadRoundSettings, RoundOutcome, Snapshot
    from rounds.second_target import SharedNetwork
    from storage.archive_records import RegisteredModel

Learn: TypeAlias = "Callable[[Snapshot, HeadRoundSettings], Candidate]"


@dataclass(frozen=True, slots=True)
class SecondTarget:
    """A target without a model, and the network that it can share."""

    target: Target
    known: bool  # to the gallery: a crawl or a label named it
    network: SharedNetwork


def second_target(reader: Reader, options: TrainOptions) -> SecondTarget | None:
    """The target that is meant, when it has no model and another target's network has looked at the gallery.

    Returns:
        None where it has a model, where one of it waits to be put in force, or where there is no such network.

    Raises:
        UsageRefused: the gallery knows neither such a target nor posts tagged so, or a network is asked for.
    """
    from rounds.second_target import shared_network

    if options.target is None:
        return None
    known = reader.find_target(options.target)
    names = {options.target, as_the_site_writes(options.target)} if known is None else {known.name, known.tag}
    if any(not names.isdisjoint((model.card.target, model.facts.get("tag"))) for model in reader.models()):
        return None
    network = shared_network(reader, "" if known is None else known.name)
    if network is None:
        return None
    target = known or named_in_tags(reader, options.target)
    if options.how == "network":
        raise UsageRefused(
            f"{target.name} has no model yet: crawl train {target.name} learns a head on {network.model.card.name}'s "
            "network first, in seconds; then the network can be trained for it"
        )
    return SecondTarget(target, known is not None, network)


async def train_second_target(
    second: SecondTarget, options: TrainOptions, workspace: Workspace, report: ProgressCallback
) -> RoundOutcome:
    """Learn the head, put it in force, and decide every post that the network has looked at.

    Raises:
        TooLittleToLearn: too few posts of the gallery are tagged or labelled with the target; says what to do.
    """
    from rounds.errors import TooLittleToLearn

    target, settings = second.target, head_settings(goal_of(options, workspace.settings), workspace)
    if not options.quiet:
        say(f"{target.name} has no model yet: learning a head on {second.network.words()}")
    try:
        with read_gallery(workspace) as reader:
            candidate = await asyncio.to_thread(_candidate, reader, workspace, second, settings, report)
    except TooLittleToLearn as error:
        advice = f"crawl --tag TAG --keep {target.name} learns it from the site's tags"
        raise TooLittleToLearn(f"{error}; {advice}", target.name, error.counts) from error
    return await finished(candidate, options, workspace, settings, report, new=not second.known)


async def second_heads(
    request: ModelRequest, missing: Sequence[Target], learn: Learn | None = None
) -> Mapping[str, RegisteredModel]:
    """Heads, in force, for the targets of a crawl that the gallery knows enough of; the others are left to round 0.

    Args:
        request: of the crawl.
        missing: targets without a model.
        learn: learns a head from a snapshot; None: `rounds.second_target.second_candidate`.
    """
    from rounds.errors import TooLittleToLearn
    from rounds.second_target import shared_network

    found: dict[str, RegisteredModel] = {}
    for target in missing:
        started = time.monotonic()
        settings = head_settings(
            crawl_goal(request.goal, request.workspace.settings), request.workspace, decide_again=False
        )
        with read_gallery(request.workspace) as reader:
            network = await asyncio.to_thread(shared_network, reader, target.name)
            if network is None:
                continue
            second = SecondTarget(target, known=True, network=network)
            try:
                candidate = await asyncio.to_thread(
                    _candidate, reader, request.workspace, second, settings, _no_progress, learn
                )
            except TooLittleToLearn as error:
                say(f"{target.name} is learned from the site's tags: {error}")
                continue
        if candidate.learned.refusal:
            say(f"{target.name} is learned from the site's tags: a head on {network.words()} may not decide")
            continue
        model = await finished_in_crawl(candidate, request, settings)
        say(f"learned {target.name} in {time.monotonic() - started:.1f} s, a head on {network.words()}")
        if model is not None:
            found[target.name] = model
    return found


def _candidate(
    reader: Reader,
    workspace: Workspace,
    second: SecondTarget,
    settings: HeadRoundSettings,
    report: ProgressCallback,
    learn: Learn | None = None,
) -> Candidate:
    from rounds.second_target import gallery_snapshot, second_candidate

    report("reading", 0.0, "labels, tags and embeddings")
    snapshot = gallery_snapshot(reader, second.target, verified(workspace, second.network.model))
    report("learning", 0.0, f"{len(snapshot.evidence)} pictures")
    return (learn or second_candidate)(snapshot, settings)


async def finished(
    candidate: Candidate,
    options: TrainOptions,
    workspace: Workspace,
    settings: HeadRoundSettings,
    report: ProgressCallback,
    *,
    new: bool,
) -> RoundOutcome:
    """A head of `crawl train`, put in force under the gallery's lock; `new`: the gallery has yet to know its target."""
    from rounds.head_round import finish

    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, "crawl train", wait_s=options.wait_s)
        if new:
            for site in sorted(set(candidate.snapshot.evidence.sites)):
                await archive.save_targets(site, [candidate.snapshot.target])
        return await finish(candidate, archive, models_folder(workspace.root), settings, report=report)


async def finished_in_crawl(
    candidate: Candidate, request: ModelRequest, settings: HeadRoundSettings
) -> RegisteredModel | None:
    """A head that a crawl has learned, put in force and reported; gives the target's model in force."""
    from rounds.head_round import finish

    outcome = await finish(candidate, request.archive, models_folder(request.workspace.root), settings)
    for line in outcome.report.splitlines():
        say(line)
    return await request.archive.active_model(candidate.snapshot.target.name)


def head_settings(
    goal: Goal, workspace: Workspace, *, decide_again: bool = True, force: bool = False
) -> HeadRoundSettings:
    """How a head is learned by the settings; a crawl decides by itself what it walks."""
    from rounds.head_round import HeadRoundSettings

    settings = workspace.settings
    policy = Policy(trust_tags=settings.scoring.trust_tags)
    seed = settings.round_zero.seed
    return HeadRoundSettings(goal=goal, policy=policy, force=force, decide_again=decide_again, seed=seed)


def _no_progress(stage: str, share: float, words: str) -> None:
    """A head takes seconds: its result is reported at the end."""
