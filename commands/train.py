"""`crawl train NAME`: one round of the learning loop, from labels and tags to a model in force."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from classifier.backbones.catalogue import FINE_TUNED
from classifier.recipes import efficientnet_lite0
from classifier.recipes.catalogue import RECIPES
from commands.context.gallery import hold_gallery
from commands.context.registered_models import verified
from commands.context.settings import RoundZero, check_choice
from commands.context.train_options import TrainOptions, check_classes, check_goal, check_synthetic, goal_of
from commands.context.workspace import Workspace, load_workspace
from commands.crawling.references import references_again, train_from_references
from commands.crawling.round_steps import RoundSteps
from commands.crawling.second_target import head_settings, second_target, train_second_target
from commands.engine.choice import check_engine, check_room, with_engine
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import known_target
from commands.terminal.stage_progress import reporting
from commands.training.embedding_refresh import look_at_all_again
from commands.training.followers import let_follow
from commands.training.missing_hashes import hashed
from commands.training.outcome import report_outcome
from commands.training.round_runner import run_round
from commands.training.training_task import TrainingTask
from storage.files.paths import models_folder, target_models
from storage.reader import Reader
from storage.rows.named_posts import shown_in_posts

if TYPE_CHECKING:
    from classifier.package.package import Package
    from rounds.head_round import Candidate, HeadRoundSettings, RoundOutcome, Snapshot
    from storage.archive_records import RegisteredModel
    from storage.records import Target


def run(options: TrainOptions, root: Path | None, config: Path | None, steps: RoundSteps | None = None) -> int:
    """Do a round.

    Args:
        options: see there.
        root: the gallery; None: that of the settings.
        config: the settings' file; None: the one in the current folder, if any.
        steps: how a head is learned and comes into force; None: our own.

    Raises:
        UsageRefused, SettingsError: what was asked for contradicts itself, or there is no such network.
    """
    options, workspace = _checked(options), with_engine(load_workspace(root, config), options.engine)
    if options.engine is not None:
        check_engine(workspace.settings)
    if options.classes:
        from commands.training.recogniser import run_recogniser

        return run_recogniser(options, workspace)
    if options.source is not None:
        from commands.training.from_folder import train_from_folder

        return run_round(train_from_folder(options, workspace), workspace, options.target)
    return run_round(_run(options, workspace, steps or RoundSteps()), workspace, options.target)


def _checked(options: TrainOptions) -> TrainOptions:
    """The options without contradictions: a network that is named is one to train."""
    check_goal(options)
    check_classes(options)
    check_synthetic(options)
    if options.as_json and options.json_progress:
        raise UsageRefused("give one of --json and --json-progress: one prints one object, the other many")
    if options.how == "head" and options.network is not None:
        raise UsageRefused(f"--how head learns the last layer only; leave it out to train {options.network}")
    if options.how == "head" and options.source is not None and not options.classes:
        raise UsageRefused(
            f"--how head learns from the gallery's embeddings; leave it out to learn from {options.source}"
        )
    if options.references is not None and (
        options.source is not None or options.how == "network" or options.network is not None
    ):
        raise UsageRefused("--references learns a head on a network that is there; leave out --from, --network, --how")
    if options.classes and options.network == FINE_TUNED:  # every stage that learns serves the same classes
        options = replace(options, network=efficientnet_lite0.NAME)
    if options.network in RECIPES:
        if options.source is None:
            raise UsageRefused(f"{options.network} learns from your own pictures: add --from DIR, one folder a class")
        return replace(options, how="network")
    if options.set_words or options.stages is not None:
        recipes = "|".join(RECIPES)
        raise UsageRefused(f"--set and --stages are for networks with settings: add --network {recipes}")
    if options.network is None:
        return options
    return replace(options, how="network", network=_backbone(options.network))


def _backbone(name: str) -> str:
    """A backbone's name.

    Raises:
        UsageRefused: it is none; names the nearest of backbones and recipes.
        SettingsError: it is none, and near to none.
    """
    near = difflib.get_close_matches(name, RECIPES, n=1)
    if near:
        raise UsageRefused(f"--network {name!r} is not known; did you mean {near[0]!r}?")
    return str(check_choice(RoundZero, "network", name, "--network"))


async def _run(options: TrainOptions, workspace: Workspace, steps: RoundSteps) -> int:
    started = time.monotonic()
    settings = head_settings(goal_of(options, workspace.settings), workspace, force=options.force)
    async with reporting(quiet=options.quiet or options.as_json, as_lines_of_json=options.json_progress) as report:
        with read_gallery(workspace) as reader:
            if options.references is not None:
                outcome = await train_from_references(options, options.references, workspace, settings, report, steps)
                return report_outcome(options, outcome, time.monotonic() - started)
            second = await asyncio.to_thread(second_target, reader, options)
            if second is not None:
                outcome = await train_second_target(second, options, workspace, report)
                return report_outcome(options, outcome, time.monotonic() - started)
            subject = await asyncio.to_thread(_subject, reader, workspace, options)
            if options.how == "network":
                await check_room(workspace.settings)
            report("reading", 0.0, "labels, tags and embeddings")
            snapshot = await asyncio.to_thread(_snapshot, reader, subject)
            snapshot = await hashed(snapshot, reader, report)
        report("learning", 0.0, f"{len(snapshot.evidence)} pictures")
        candidate = await asyncio.to_thread(steps.learn, snapshot, settings)
        report("learning", 1.0, "" if candidate.compared is None else candidate.compared.words())
        task = _Task(options=options, workspace=workspace, settings=settings, report=report, steps=steps)
        if options.how == "head" or not _network_is_asked_for(task, candidate):
            outcome, others = await _finish(task, candidate)
        else:
            outcome, others = await _network_too(task, candidate)
    followed = [{"model": other.card.name, "activated": other.activated} for other in others]
    more = {"followed": followed, "why": task.reasons}
    return report_outcome(options, outcome, time.monotonic() - started, more, others)


_Ended: TypeAlias = "tuple[RoundOutcome, Sequence[RoundOutcome]]"  # the target's, and those of the ones that followed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task(TrainingTask):
    """A round's."""

    settings: HeadRoundSettings
    steps: RoundSteps


def _network_is_asked_for(task: _Task, candidate: Candidate) -> bool:
    """Whether the network is to be trained; where no option decides, a hint is printed when it is likely to pay."""
    from rounds.network_advice import advise

    if task.options.how == "network":
        return True
    advice = advise(candidate)
    minutes, name = task.workspace.settings.round_zero.minutes, candidate.snapshot.target.name
    more = f"; crawl train {name} --how network tries it, in {minutes:g} minutes at most" if advice.pays else ""
    task.explain(advice.why + more)
    return False  # training takes minutes, and is done only when it is asked for


async def _network_too(task: _Task, candidate: Candidate) -> _Ended:
    """Train the network as well, and take whichever of the two is better."""
    from classifier.pictures.decoder_pool import Decoders
    from commands.context.network_choice import chosen_network
    from rounds.network_round import NetworkSettings, TrainingPictures, better_of, new_network, without
    from storage.gallery_view import Renditions

    round_zero = task.workspace.settings.round_zero
    network = chosen_network(task.options.network, candidate.snapshot.package, round_zero)
    settings = NetworkSettings(
        backbone=network.name,
        preprocessing=network.preprocessing,
        weights=network.weights,
        may_download=network.may_download,
        anew=task.options.network is not None,
        pictures_at_most=_MORE_THAN_AT_FIRST * round_zero.renditions,
        time_budget_s=round_zero.minutes * 60,
        in_flight=task.workspace.settings.scoring.in_flight,
    )
    models = target_models(models_folder(task.workspace.root), candidate.snapshot.target.name)
    with read_gallery(task.workspace) as reader, closing(Renditions(reader)) as renditions:
        characters = reader.ask(shown_in_posts)
        names = zip(candidate.snapshot.evidence.sites, candidate.snapshot.evidence.post_ids.tolist(), strict=True)
        ids = candidate.snapshot.evidence.version_ids.tolist()
        by_version = {one: characters.get(name, ()) for one, name in zip(ids, names, strict=True)}
        async with Decoders([settings.preprocessing]) as decoder:
            references = await references_again(candidate.snapshot, decoder)
            pictures = TrainingPictures(renditions.read, by_version, decoder, references)
            async with new_network(candidate, pictures, models, settings, task.settings, task.report) as trained:
                chosen, why = better_of(candidate, trained)
                if chosen is trained:
                    task.explain(f"{network.name}: {why}")
                    return await _finish(task, trained)
                if task.options.force:
                    task.explain(f"{network.name}: {why}, but --force puts the network in force, for this target alone")
                    return await _finish(task, trained, others_follow=False)
                task.explain(f"{network.name}: {why}")
                return await _finish(task, without(trained, chosen))


_MORE_THAN_AT_FIRST = 2  # times the pictures of round 0: they are here already


async def _finish(task: _Task, candidate: Candidate, *, others_follow: bool = True) -> _Ended:
    """Put it in force under the gallery's lock; after a change of network, look at every stored picture again.

    The other targets that shared the old network follow to a better one.
    """
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, task.workspace, "crawl train", wait_s=task.options.wait_s)
        models = models_folder(task.workspace.root)
        outcome = await task.steps.finish(candidate, archive, models, task.settings, task.report)
        if not outcome.activated or outcome.rescored is not None:
            return outcome, ()
        target = candidate.snapshot.target
        looked = await look_at_all_again(archive, task.workspace, target, outcome.card, task.report)
        if not others_follow:
            return replace(outcome, rescored=looked), ()
        left = candidate.snapshot.active
        if left is None:
            return replace(outcome, rescored=looked), ()
        old = left.card.backbone_hash
        others = await let_follow(archive, task.workspace, outcome.card, old, task.settings, task.report)
        return replace(outcome, rescored=looked), others


_Subject: TypeAlias = "tuple[Target, RegisteredModel, Package]"  # whom to learn, and the model in force


def _subject(reader: Reader, workspace: Workspace, options: TrainOptions) -> _Subject:
    """The target, and its model in force; a network that cannot be trained is refused before training begins.

    Raises:
        UsageRefused: no such target, no model yet, or the network's first weights are not at hand.
    """
    target = known_target(reader, options.target)
    active = reader.active_model(target.name)
    if active is None:
        raise UsageRefused(
            f"there is no model for {target.name} yet; crawl --tag TAG --keep {target.name} trains the first from tags"
        )
    package = verified(workspace, active)
    if options.how == "network":
        from commands.context.network_choice import chosen_network

        chosen_network(options.network, package, workspace.settings.round_zero)
    return target, active, package


def _snapshot(reader: Reader, subject: _Subject) -> Snapshot:
    """Everything that the round learns from; what is labelled later belongs to the next one."""
    from rounds.snapshots import referring_to, snapshot_of

    target, active, package = subject
    snapshot = snapshot_of(reader, target, package, active)
    if not len(snapshot.evidence):
        raise UsageRefused(
            f"no picture was looked at for {target.name} with {active.card.name}'s network yet; crawl first"
        )
    return referring_to(reader, snapshot, package.references)


__all__ = ["TrainOptions", "run"]
