"""`crawl generate train`: a generator from a folder of pictures."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.pictures.class_folders import left_out_lines
from classifier.pictures.decoder_pool import Decoders
from classifier.pictures.preprocessing import Preprocessing
from commands.context.output_paths import check_output_folder
from commands.context.workspace import Workspace
from commands.errors import UsageRefused
from commands.generate.table import generator_table
from commands.terminal.console import print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table
from rounds.examples.decoders import HashingDecoder
from storage.database.error_translation import at_border

if TYPE_CHECKING:
    from classifier.generator.settings import GeneratorSettings
    from rounds.generation.generator_round import GeneratorTask, NewGenerator

OpenDecoders = Callable[[Sequence[Preprocessing]], AbstractAsyncContextManager[HashingDecoder]]


@dataclass(frozen=True, slots=True)
class TrainGeneratorOptions:
    """The options of `crawl generate train`."""

    source: Path
    experiment: str
    set_words: tuple[str, ...] = ()  # KEY=VALUE
    to: Path | None = None  # None: beside the current folder's files, named after source and experiment
    as_json: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class GeneratorTools:
    """What `crawl generate` works with; tests hand in their own."""

    decoders: OpenDecoders = Decoders
    command: tuple[str, ...] | None = None  # the generator's process; None: ours


def train_generator(options: TrainGeneratorOptions, workspace: Workspace, tools: GeneratorTools) -> int:
    """Train one; gives the exit code.

    Raises:
        RecipeSettingError: no such experiment or setting.
        ClassFolderError, TooFewExamples: the folder has no pictures, or too few.
        UsageRefused: there is something where the generator is to be.
        TrainingBesides, FolderBusy: another training lies there, or runs.
        ModelError: the training process failed. StorageError: the disk refuses.
    """
    from classifier.generator.settings import experiment_settings
    from rounds.generation.generator_round import WORK

    settings = experiment_settings(options.experiment, options.set_words)
    place = _place(options)
    kept = f"the same command goes on with what is in {place}{WORK}"
    return run_stoppable(_train(options, settings, place, workspace, tools), lambda: kept)


def _place(options: TrainGeneratorOptions) -> Path:
    """Where the generator is to be.

    Raises:
        UsageRefused: there is something, or it cannot be a folder.
    """
    default = Path(f"{options.source.resolve().name}-generator-{options.experiment}")
    place = (options.to or default).absolute()
    check_output_folder(place.parent, "--to")
    check_output_folder(place, "--to")
    if os.path.lexists(place):
        raise UsageRefused(f"{place} exists already; name another place with --to, nothing was trained")
    return place


async def _train(
    options: TrainGeneratorOptions,
    settings: GeneratorSettings,
    place: Path,
    workspace: Workspace,
    tools: GeneratorTools,
) -> int:
    from classifier.generator.process import COMMAND
    from rounds.generation.generator_round import PREPROCESSING, GeneratorTask, generator_source, train_from_source

    task = GeneratorTask(
        place=place,
        experiment=options.experiment,
        settings=settings,
        in_flight=workspace.settings.scoring.in_flight,
        command=tools.command or COMMAND,
    )
    async with reporting(quiet=options.quiet or options.as_json) as report:
        source = await asyncio.to_thread(generator_source, options.source, report)
        if not options.quiet:
            for line in [*source.lines(), *_beginning(task)]:
                say(line)
        async with tools.decoders([PREPROCESSING]) as decoder:
            with at_border(task.work):
                new = await train_from_source(source, decoder, task, report)
    return _say(options, new)


def _beginning(task: GeneratorTask) -> list[str]:
    from classifier.recipes.tensorboard_log import installed

    lines = [f"sheets: {task.work / 'sheets'}"]
    return [*lines, f"curves: tensorboard --logdir {task.logs}"] if installed() else lines


def _say(options: TrainGeneratorOptions, new: NewGenerator) -> int:
    for line in left_out_lines(new.left_out):
        say(line)
    if options.as_json:
        print_json(_record(new))
    else:
        print_table(generator_table(new.folder, new.facts))
        print_line(f"crawl generate samples {new.folder} --count 64 --to samples/")
    return int(ExitCode.COMPLETE)


def _record(new: NewGenerator) -> dict[str, Any]:
    training = {name: value for name, value in new.facts["training"].items() if name != "curve"}
    shown = ("name", "experiment", "settings", "classes", "told", "pictures", "quality", "hash", "folder")
    left_out = [{"file": one.name, "why": one.why} for one in new.left_out]
    return {name: new.facts[name] for name in shown} | {"training": training, "left_out": left_out, "exit": 0}
