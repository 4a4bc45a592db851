"""The commands about painted pictures, as they are typed: generate train, generate samples.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.context.options import ConfigOption, JsonOption, QuietOption, RootOption
from commands.program import Application
from commands.terminal.allowed_values import EXPERIMENTS
from commands.terminal.error_exit import exits_plainly

MOST_SAMPLES = 1_000_000


def declare_generate(app: typer.Typer) -> None:
    """Add these commands to the program's, below one word."""
    generate = Application(help="Train a generator of pictures, and paint with it.", rich_markup_mode="rich")
    for command in (train, samples):
        generate.command()(command)
    app.add_typer(generate, name="generate")


@exits_plainly
def train(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="DIR",
            help="A folder of pictures, or of one folder a class.",
            show_default=False,
        ),
    ],
    experiment: Annotated[
        str,
        typer.Option(
            "--experiment",
            metavar="1|2|3|4|best",
            help="A published training by its number, or the best that this program knows.",
            autocompletion=completion.one_of(EXPERIMENTS),
        ),
    ] = "best",
    set_words: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the training; repeat it for several.",
            show_default=False,
            autocompletion=completion.settings_of_generator,
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="MODEL",
            help="The folder that becomes the generator; DIR-generator-EXPERIMENT here by default.",
            show_default=False,
        ),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train a generator of pictures of 96 pixels from your own: two networks of five layers that learn together.

    It takes hours as published, on a processor for days; --set steps=1000 or --set minutes=20 ends it earlier, and
    --set filters=32 makes it four times as fast. The same command goes on where it was stopped. Distance, precision,
    recall and copies are measured on pictures that it has not seen, with the extra `pretrained`.

    [bold]Examples[/bold]

    [cyan]crawl generate train --from faces/[/cyan]

    [cyan]crawl generate train --from faces/ --experiment 4 --set minutes=30[/cyan]  as published, for half an hour

    [cyan]crawl generate samples faces-generator-best --count 64 --to samples/[/cyan]  then
    """
    from commands.context.workspace import load_workspace
    from commands.generate.trainer import GeneratorTools, TrainGeneratorOptions, train_generator

    workspace = load_workspace(root, config)
    options = TrainGeneratorOptions(source, experiment, tuple(set_words or ()), to, as_json=as_json, quiet=quiet)
    tools = context.obj if isinstance(context.obj, GeneratorTools) else GeneratorTools()  # a test hands in its own
    raise typer.Exit(train_generator(options, workspace, tools))


@exits_plainly
def samples(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help="A generator's folder.", metavar="MODEL", show_default=False)],
    count: Annotated[
        int, typer.Option("--count", min=1, max=MOST_SAMPLES, metavar="N", help="How many.", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the pictures go.", show_default=False)],
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**31 - 1, metavar="N", help="The same seed paints the same pictures.")
    ] = 0,
    label: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="Of one class alone, where the generator knows classes.", show_default=False
        ),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Paint pictures with a generator: PNG files that say that they are synthetic, a list of them, and a sheet.

    Names, text in the files and synthetic.csv say so; the list also names those that are nearly a picture which the
    generator learned from. Nothing is overwritten; the same command goes on where it was stopped.

    [bold]Examples[/bold]

    [cyan]crawl generate samples faces-generator-best --count 64 --to samples/[/cyan]

    [cyan]crawl generate samples faces-generator-best --count 500 --to more/ --seed 7 --class mona[/cyan]
    """
    from commands.context.workspace import load_workspace
    from commands.generate.painter import SamplesOptions, paint_samples
    from commands.generate.trainer import GeneratorTools

    load_workspace(root, config)  # settings that are wrong are refused here as everywhere
    options = SamplesOptions(model, count, to, seed, label, as_json=as_json, quiet=quiet)
    tools = context.obj if isinstance(context.obj, GeneratorTools) else GeneratorTools()
    raise typer.Exit(paint_samples(options, tools))
