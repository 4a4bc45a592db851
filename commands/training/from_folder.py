"""`crawl train NAME --from DIR`: a model from a person's own pictures, one folder a class; no site is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from classifier.backbones.catalogue import to_train
from classifier.package.package import Package
from classifier.pictures.class_folders import ClassFolder, LeftOut, class_pictures, left_out_lines
from classifier.pictures.decoder_pool import Decoders
from classifier.pictures.preprocessing import Preprocessing
from classifier.progress import ProgressCallback
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.settings import words_of
from commands.context.gallery import hold_gallery
from commands.context.network_choice import NetworkChoice, chosen_network, chosen_recipe
from commands.context.registered_models import verified
from commands.context.settings import RoundZero, StageEntry
from commands.context.train_options import TrainOptions, goal_of
from commands.context.workspace import Workspace
from commands.engine.choice import check_room
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.labelled_source import labelled_source
from commands.terminal.console import say
from commands.terminal.stage_progress import reporting
from commands.training.embedding_refresh import look_at_all_again
from commands.training.outcome import report_outcome
from commands.training.stages import stage_entries, stages_of
from commands.training.synthetic import painter_of
from crawler.sources.names import typed_tag
from rounds.examples.class_pictures import check_enough
from rounds.examples.decoders import HashingDecoder
from rounds.folder_round import (
    Embed,
    FolderModel,
    FolderSettings,
    FolderTask,
    InForce,
    finish_folder,
    in_force,
    model_from_folder,
)
from rounds.generation.paintings import SyntheticSource
from rounds.head_round import RoundOutcome
from rounds.training_job import embedded
from rounds.training_process import COMMAND
from storage.archive import Archive
from storage.database.engines.location import has_database
from storage.files.paths import models_folder, target_models
from storage.names import tag_or_none, target_name, unqualified
from storage.records import ModelCard, Target

if TYPE_CHECKING:
    from rounds.rescoring.rescore import Rescoring

_COMMAND = "crawl train"
ChooseNetwork = Callable[[str | None, Package | None, RoundZero], NetworkChoice]
OpenDecoders = Callable[[Sequence[Preprocessing]], AbstractAsyncContextManager[HashingDecoder]]
LookAgain: TypeAlias = "Callable[[Archive, Workspace, Target, ModelCard, ProgressCallback], Awaitable[Rescoring]]"


@dataclass(frozen=True, slots=True)
class FolderTools:
    """What training from a folder works with."""

    choose_network: ChooseNetwork = chosen_network
    decoders: OpenDecoders = Decoders
    command: tuple[str, ...] = COMMAND  # the training process
    embed: Embed = embedded  # of the test pictures, by the new network and the old one
    look_again: LookAgain = look_at_all_again


async def train_from_folder(options: TrainOptions, workspace: Workspace, tools: FolderTools = FolderTools()) -> int:
    """Learn, compare, put in force, and decide again what the gallery holds.

    Args:
        options: of `crawl train`; a target and a folder are among them.
        workspace: the gallery and the settings.
        tools: what it works with.

    Raises:
        ClassFolderError: the folder is not one of classes, or none of them means the target.
        TooLittleToLearn, LearningFailed: there is too little in it, or the learning process failed.
        UsageRefused: the name cannot name a target, or the network's weights are not at hand.
    """
    started = time.monotonic()
    async with reporting(quiet=options.quiet or options.as_json, as_lines_of_json=options.json_progress) as report:
        setup = await asyncio.to_thread(_read, options, workspace, tools, report)
        if not options.quiet:
            for line in setup.found.lines():
                say(line)
        check_enough(setup.found, setup.target)  # before a gallery is made
        if setup.known:
            await check_room(workspace.settings)
        await _make_gallery(workspace)
        outcome, model = await _learn(setup, options, workspace, tools, report)
    left_out = [*setup.found.left_out, *model.undecodable]
    if not options.quiet:
        for line in left_out_lines(model.undecodable):
            say(line)
        if setup.network.recipe is not None and _logs(setup, workspace).is_dir():
            say(f"curves: tensorboard --logdir {_logs(setup, workspace)}")
    return report_outcome(options, outcome, time.monotonic() - started, _record(setup.found, model, left_out))


@dataclass(frozen=True, slots=True)
class _FolderSetup:
    """Everything that is known before learning begins."""

    found: ClassFolder
    target: Target
    known: bool  # to the gallery, from a crawl
    old: InForce | None
    network: NetworkChoice
    stages: tuple[StageEntry, ...]  # of a recipe
    synthetic: SyntheticSource | None


async def _make_gallery(workspace: Workspace) -> None:
    """Refuse a root that cannot be a gallery now, not after minutes of learning."""
    if not _is_gallery(workspace):
        async with AsyncExitStack() as stack:
            await hold_gallery(stack, workspace, _COMMAND, create=True)


def _is_gallery(workspace: Workspace) -> bool:
    return has_database(workspace.root)


def _read(options: TrainOptions, workspace: Workspace, tools: FolderTools, report: ProgressCallback) -> _FolderSetup:
    """The folder's classes, the target that they are for, and the model that it already has."""
    if options.source is None or options.target is None:
        raise UsageRefused("name a target and a folder: crawl train NAME --from DIR")
    typed = typed_tag(options.target)
    with ExitStack() as stack:
        reader = stack.enter_context(read_gallery(workspace)) if _is_gallery(workspace) else None
        known = reader.find_target(options.target) if reader else None
        name = known.name if known else _safe_name(typed)
        model = reader.active_model(name) if reader else None
        package = verified(workspace, model) if model else None
        network = _network(options, package, workspace, tools)
        stages = stage_entries(options, workspace) if network.recipe else ()
        names = [name, known.tag, *known.names_before, *known.variants, *known.aliases] if known else [typed]
        folder, by_hand = labelled_source(options.source)
        found = class_pictures(
            folder,
            names,
            by_hand=by_hand if by_hand.table else None,
            report=lambda share, words: report("listing", share, words),
        )
        target = known or Target(name, tag_or_none(found.meant[0]) or typed)
        old = None
        if reader and model and package:
            old = in_force(model, package, reader.evidence(target, package.backbone_hash))
    painter = painter_of(options, found.classes, workspace)
    return _FolderSetup(found, target, known is not None, old, network, stages, painter)


def _network(options: TrainOptions, package: Package | None, workspace: Workspace, tools: FolderTools) -> NetworkChoice:
    """The recipe or the backbone to train."""
    if options.network is not None and options.network in RECIPES:
        return chosen_recipe(options.network, options.set_words, workspace.settings)
    # Named even when it is in force: training on a folder begins with the network's first weights.
    in_force = None if package is None or package.backbone_name in RECIPES else package
    named = options.network or (to_train(in_force.backbone_name) if in_force else None)
    return tools.choose_network(named, in_force, workspace.settings.round_zero)


def _safe_name(typed: str) -> str:
    """A name for the models' folder, the one that a later crawl gives the target.

    Raises:
        UsageRefused: there is none.
    """
    name = target_name(typed, unqualified(typed))
    if name not in (typed, unqualified(typed)):
        raise UsageRefused(
            f"{typed!r} cannot name a folder of models; give the name in Latin letters, as the site's tags do"
        )
    return name


async def _learn(
    setup: _FolderSetup, options: TrainOptions, workspace: Workspace, tools: FolderTools, report: ProgressCallback
) -> tuple[RoundOutcome, FolderModel]:
    network, round_zero = setup.network, workspace.settings.round_zero
    settings = FolderSettings(
        backbone=network.name,
        preprocessing=network.preprocessing,
        weights=network.weights,
        may_download=network.may_download,
        goal=goal_of(options, workspace.settings),
        pictures_at_most=round_zero.renditions,
        time_budget_s=round_zero.minutes * 60,
        in_flight=workspace.settings.scoring.in_flight,
        seed=round_zero.seed,
        command=tools.command,
    )
    if network.recipe is not None:
        settings = replace(
            settings,
            recipe=words_of(network.recipe),
            logs=_logs(setup, workspace),
            pictures_at_most=len(setup.found.pictures),
        )
    preprocessings = [network.preprocessing]
    if setup.old is not None and setup.old.package.preprocessing != network.preprocessing:
        preprocessings.append(setup.old.package.preprocessing)
    models = models_folder(workspace.root)
    async with AsyncExitStack() as stack:
        decoder = await stack.enter_async_context(tools.decoders(preprocessings))
        stages = stack.enter_context(stages_of(setup.stages, workspace))
        task = FolderTask(
            setup.found, setup.target, decoder, setup.old, tools.embed, stages=stages, synthetic=setup.synthetic
        )
        async with model_from_folder(task, target_models(models, setup.target.name), settings, report=report) as model:
            return await _finish(setup, model, options, workspace, tools, report), model


def _logs(setup: _FolderSetup, workspace: Workspace) -> Path:
    return workspace.root / "logs" / setup.target.name


async def _finish(
    setup: _FolderSetup,
    model: FolderModel,
    options: TrainOptions,
    workspace: Workspace,
    tools: FolderTools,
    report: ProgressCallback,
) -> RoundOutcome:
    """Put it in force under the gallery's lock, and look again at what the gallery holds of the target."""
    async with AsyncExitStack() as stack:
        archive = await hold_gallery(stack, workspace, _COMMAND, wait_s=options.wait_s)
        outcome = await finish_folder(model, archive, models_folder(workspace.root), force=options.force, report=report)
        if outcome.activated and setup.known:
            looked = await tools.look_again(archive, workspace, setup.target, outcome.card, report)
            outcome = replace(outcome, rescored=looked)
        return outcome


def _record(found: ClassFolder, model: FolderModel, left_out: list[LeftOut]) -> dict[str, Any]:
    """The part of the JSON that only training from a folder has."""
    return {
        "from": str(found.folder),
        "meant": list(found.meant),
        "classes": dict(found.classes),
        "learned_from": model.pictures,
        "synthetic": None if model.synthetic is None else dict(model.synthetic),
        "left_out": [{"file": one.name, "why": one.why} for one in left_out],
    }
