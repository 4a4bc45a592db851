"""The commands about models and networks, as they are typed.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.context.options import ConfigOption, EngineOption, JsonOption, RootOption
from commands.terminal.allowed_values import COMPRESSIONS, MODEL_ACTIONS, MODEL_FORMATS, NETWORK_ACTIONS, PACKAGE
from commands.terminal.error_exit import exits_plainly


def declare_models(app: typer.Typer) -> None:
    """Add these commands to the program's."""
    for command in (models, networks, serve):
        app.command()(command)


@exits_plainly
def models(
    action: Annotated[
        str,
        typer.Argument(
            help="list, show, activate, rollback, export, import or compress.",
            metavar="ACTION",
            autocompletion=completion.one_of(MODEL_ACTIONS),
        ),
    ] = "list",
    name: Annotated[
        str | None,
        typer.Argument(
            help="A model, like mona/3; with import: the folder of a package.",
            metavar="NAME",
            show_default=False,
            autocompletion=completion.targets_and_models,
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Argument(help="With export: where to write it.", metavar="FOLDER", show_default=False)
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="With export: package, keras, saved_model, litert, onnx, openvino or tensorrt.",
            autocompletion=completion.one_of(MODEL_FORMATS),
        ),
    ] = PACKAGE,
    how: Annotated[
        str | None,
        typer.Option(
            "--how",
            metavar="HOW",
            help="With compress: int8 (eight-bit weights), distil (a small network learns from it) or prune (fewer "
            "channels).",
            show_default=False,
            autocompletion=completion.one_of(COMPRESSIONS),
        ),
    ] = None,
    set_words: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="With compress: a setting; repeat it for several.", show_default=False
        ),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    engine: EngineOption = None,
    as_json: JsonOption = False,
) -> None:
    """List models, put one in force, go back to the one before, carry one to another gallery, or make one smaller.

    [bold]Examples[/bold]

    [cyan]crawl models[/cyan]  every model with its figures

    [cyan]crawl models rollback mona[/cyan]  the one before holds again, and everything is decided by it

    [cyan]crawl models export mona/3 backup/[/cyan]  then, elsewhere: [cyan]crawl models import backup/mona-3[/cyan]

    [cyan]crawl models export mona/3 . --format onnx[/cyan]  for other programs, with a README that says how

    [cyan]crawl models compress mona --how int8[/cyan]  a smaller, faster one, in force unless it is worse
    """
    from commands import models as models_command
    from commands.terminal.suggestions import choose

    action, form = choose("action", action, MODEL_ACTIONS), choose("--format", format_, MODEL_FORMATS)
    how = None if how is None else choose("--how", how, COMPRESSIONS)
    options = models_command.ModelsOptions(action, name, folder, as_json, form, how, tuple(set_words or ()), engine)
    raise typer.Exit(models_command.run(options, root, config))


@exits_plainly
def networks(
    action: Annotated[
        str,
        typer.Argument(help="list or show.", metavar="ACTION", autocompletion=completion.one_of(NETWORK_ACTIONS)),
    ] = "list",
    name: Annotated[
        str | None,
        typer.Argument(help="A network.", metavar="NAME", show_default=False, autocompletion=completion.networks),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the networks that can be trained, with parameters, input, licence and source of weights; or one's settings.

    [bold]Examples[/bold]

    [cyan]crawl networks[/cyan]

    [cyan]crawl networks show mona_cnn[/cyan]  every setting with its default
    """
    from commands import networks as networks_command
    from commands.terminal.suggestions import choose

    options = networks_command.NetworksOptions(choose("action", action, NETWORK_ACTIONS), name, as_json)
    raise typer.Exit(networks_command.run(options, root, config))


@exits_plainly
def serve(
    name: Annotated[
        str,
        typer.Argument(
            help="A target, one of its models, mona/3, or a recogniser.",
            metavar="NAME",
            show_default=False,
            autocompletion=completion.targets_and_models,
        ),
    ],
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="8788 by default, 0 takes a free one.", show_default=False),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen at; others may ask at 0.0.0.0.")
    ] = "127.0.0.1",
    root: RootOption = None,
    config: ConfigOption = None,
) -> None:
    """Score pictures for other programs by HTTP: send files, get probabilities and decisions as JSON.

    Scores as a crawl does. Pictures are sent, never fetched, and nothing is stored. The page at / says how.

    [bold]Examples[/bold]

    [cyan]crawl serve mona[/cyan]  then: [cyan]curl -F pictures=@one.jpg http://127.0.0.1:8788/v1/score[/cyan]

    [cyan]crawl serve family --port 0[/cyan]  a recogniser, on a free port
    """
    from commands import serve as serve_command

    raise typer.Exit(serve_command.run(serve_command.ServeOptions(name, port, host), root, config))
