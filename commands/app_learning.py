"""The learning loop's commands, as they are typed: train, evaluate, review, rescore.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.context.options import ConfigOption, EngineOption, JsonOption, QuietOption, RootOption
from commands.terminal.allowed_values import TRAINING
from commands.terminal.error_exit import exits_plainly


def declare_the_loop(app: typer.Typer) -> None:
    """Add these commands to the program's."""
    for command in (train, evaluate, review, rescore):
        app.command()(command)


@exits_plainly
def train(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            help="The target to learn.", metavar="NAME", show_default=False, autocompletion=completion.targets
        ),
    ],
    precision: Annotated[
        float | None, typer.Option("--precision", metavar="P", help="Aim at this precision, 0.5 to 0.9999.")
    ] = None,
    recall: Annotated[float | None, typer.Option("--recall", min=0, max=1, metavar="R", help="Aim at this recall.")] = (
        None
    ),
    how: Annotated[
        str,
        typer.Option(
            "--how",
            metavar="auto|head|network",
            help="Train a head only, or the network too.",
            autocompletion=completion.one_of(TRAINING),
        ),
    ] = "auto",
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            metavar="NAME",
            help="Train this network: auto, fine_tuned, pretrained, small, mobilenet_v2, mobilenet_v3_small, "
            "mobilenet_v3_large, efficientnet_v2_b0, or, with --from, one with settings (crawl networks lists all).",
            show_default=False,
            autocompletion=completion.networks,
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Learn from your own pictures: one folder a class, or what crawl label wrote.",
            show_default=False,
        ),
    ] = None,
    set_words: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the network; repeat it for several. crawl networks show NAME lists them.",
            show_default=False,
            autocompletion=completion.settings_of_network,
        ),
    ] = None,
    stages: Annotated[
        Path | None,
        typer.Option(
            "--stages",
            metavar="FILE",
            help="Stages before the training itself: tables [[train.stages]] in TOML.",
            show_default=False,
        ),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(
            "--references", metavar="DIR", help="Learn from 5 to 20 pictures of the target alone.", show_default=False
        ),
    ] = None,
    synthetic: Annotated[
        Path | None,
        typer.Option(
            "--synthetic",
            metavar="MODEL",
            help="With --from: a generator (crawl generate train) paints for classes that have few pictures.",
            show_default=False,
        ),
    ] = None,
    fill_to: Annotated[
        int | None,
        typer.Option(
            "--fill-to",
            min=1,
            max=100_000,
            metavar="N",
            help="With --synthetic: fill each class up to N pictures, instead of up to the largest class.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        bool,
        typer.Option("--classes", help="With --from: tell all its classes apart, instead of one target from the rest."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Put the new model in force even when it is worse.")] = False,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Progress and result as lines of JSON on standard output.")
    ] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Learn a better model from your labels and the tags, compare it with the one in force, and score everything again.

    A head is learned from stored embeddings in seconds; training the network takes minutes, and is done only with
    --how network; a hint says where it is likely to help. No picture is downloaded; published weights of a network
    are, but only where the setting download_weights allows it. The new model comes into force only when it is not
    worse on pictures that neither has learned from.

    [bold]Examples[/bold]

    [cyan]crawl train mona[/cyan]

    [cyan]crawl train mona --recall 0.98[/cyan]  miss almost nothing

    [cyan]crawl train mona --from pictures/[/cyan]  from pictures/mona, pictures/keqing, pictures/other …

    [cyan]crawl train mona --from pictures/ --network mona_cnn --set size=128 --set padding=same[/cyan]
    [cyan]crawl train family --from pictures/ --classes[/cyan]  a recogniser of every class folder, in seconds
    [cyan]crawl train family --from pictures/ --classes --how network[/cyan]  the better of that and a trained network

    [cyan]crawl train mona --from pictures/ --synthetic pictures-generator-best[/cyan]  with painted pictures, which
    choose and measure nothing; with --classes --fill-to 200, for every class that has fewer

    [cyan]crawl train mona --references mona/[/cyan]  from a few pictures that show her, on a gallery that was crawled

    [cyan]crawl train mona --network mobilenet_v3_small[/cyan]  another network; everything is looked at again
    """
    from commands import train as train_command
    from commands.crawling.round_steps import RoundSteps
    from commands.terminal.suggestions import choose

    options = train_command.TrainOptions(
        target,
        precision,
        recall,
        choose("--how", how, TRAINING),
        network,
        source,
        references,
        tuple(set_words or ()),
        stages,
        synthetic,
        fill_to,
        classes,
        force,
        as_json=as_json,
        json_progress=json_progress,
        quiet=quiet,
        engine=engine,
    )
    steps = context.obj if isinstance(context.obj, RoundSteps) else None  # a test program may hand in its own
    raise typer.Exit(train_command.run(options, root, config, steps))


@exits_plainly
def evaluate(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="A target, or one of its models: mona/3.",
            metavar="NAME",
            show_default=False,
            autocompletion=completion.targets_and_models,
        ),
    ],
    on: Annotated[
        Path | None,
        typer.Option(
            "--on",
            metavar="DIR",
            help="Your own pictures: one folder a class, or labelled by crawl label.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="DIR", help="Write a page with curves into this folder.", show_default=False),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure a model on pictures that it has not learned from, with intervals, at the gallery's own prevalence.

    Writes nothing but the report, and works while a crawl runs.

    [bold]Examples[/bold]

    [cyan]crawl evaluate mona --report report/[/cyan]  then open report/report.html

    [cyan]crawl evaluate mona/2 --on pictures/[/cyan]  on pictures/mona, pictures/keqing, pictures/other …
    """
    from commands import evaluate as evaluate_command

    options = evaluate_command.EvaluateOptions(name, on, report, as_json=as_json, quiet=quiet)
    handed = context.obj if isinstance(context.obj, evaluate_command.Measures) else evaluate_command.Measures()
    raise typer.Exit(evaluate_command.run(options, root, config, handed))


@exits_plainly
def review(
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Port on 127.0.0.1; 8787 by default, 0 takes a free one.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in your browser.")] = False,
    root: RootOption = None,
    config: ConfigOption = None,
) -> None:
    """Review uncertain decisions on a web page, correct them with single keys, and start a training round.

    The page is served to this machine alone, and works while a crawl runs. Press ? on it for the keys.

    [bold]Examples[/bold]

    [cyan]crawl review[/cyan]  then open http://127.0.0.1:8787/

    [cyan]crawl review --port 0 --open[/cyan]
    """
    from commands import review as review_command

    raise typer.Exit(review_command.run(review_command.ReviewOptions(port, open_), root, config))


@exits_plainly
def rescore(
    target: Annotated[
        str | None,
        typer.Argument(
            help="The target whose model decides.",
            metavar="NAME",
            show_default=False,
            autocompletion=completion.targets,
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", min=0, max=1, metavar="P", help="Keep posts that score at least this."),
    ] = None,
    precision: Annotated[
        float | None, typer.Option("--precision", min=0, max=1, metavar="P", help="Aim at this precision.")
    ] = None,
    recall: Annotated[
        float | None, typer.Option("--recall", min=0, max=1, metavar="R", help="Aim at this recall.")
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide everything again by the model in force, from stored embeddings. No picture is downloaded.

    Where the model has another network than the embeddings are of, the stored pictures are looked at once more.
    What is decided holds at once; files stay where they are until [bold]crawl apply[/bold].

    [bold]Examples[/bold]

    [cyan]crawl rescore mona[/cyan]

    [cyan]crawl rescore mona --threshold 0.8[/cyan]  until crawl rescore mona, or the next crawl; labels beat it
    """
    from commands import rescore as rescore_command
    from commands.context.threshold_goal import ThresholdGoal

    options = rescore_command.RescoreOptions(target, ThresholdGoal(threshold, precision, recall), as_json, engine)
    raise typer.Exit(rescore_command.run(options, root, config))
