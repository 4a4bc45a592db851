"""The commands for pictures of this disk, as they are typed: label, classify.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.context.options import ConfigOption, EngineOption, JsonOption, QuietOption, RootOption, SiteOption
from commands.terminal.allowed_values import SORTING
from commands.terminal.error_exit import exits_plainly


def declare_folders(app: typer.Typer) -> None:
    """Add these commands to the program's."""
    for command in (classify, label):
        app.command()(command)


@exits_plainly
def label(
    folder: Annotated[
        Path,
        typer.Argument(help="A folder with pictures; those below it count too.", metavar="FOLDER", show_default=False),
    ],
    with_name: Annotated[
        str | None,
        typer.Option("--with", metavar="NAME", help="A recogniser; its answers are proposed.", show_default=False),
    ] = None,
    page: Annotated[bool, typer.Option("--page", help="Ask on a web page of this machine.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="The page's port on 127.0.0.1; 8788 by default, 0 takes a free one.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in your browser.")] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Name the pictures of a folder, in a terminal or on a page: part of a name is enough, Enter takes the proposal.

    Pictures of rare classes and doubtful ones come first. Each label is written at once, to FOLDER.labels.csv beside
    the folder; no picture is moved. The same command goes on where it was left.

    [bold]Examples[/bold]

    [cyan]crawl label downloads/ --with family[/cyan]  proposals by the recogniser family

    [cyan]crawl label downloads/[/cyan]  without proposals; +NAME makes a class

    [cyan]crawl label downloads/ --with family --page --open[/cyan]  on a page, in your browser
    """
    from commands import label as label_command

    options = label_command.LabelOptions(folder, with_name, page, port, open_, as_json, quiet)
    raise typer.Exit(label_command.run(options, root, config))


@exits_plainly
def classify(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders with pictures; those below them count too.", metavar="FOLDER", show_default=False),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            help="What to keep: a target, or one of its models, mona/3.",
            metavar="NAME",
            show_default=False,
            autocompletion=completion.targets_and_models,
        ),
    ] = None,
    recogniser: Annotated[
        str | None,
        typer.Option(
            "--with",
            help="Sort by the names of a recogniser instead, a folder each.",
            metavar="NAME",
            show_default=False,
            autocompletion=completion.targets_and_models,
        ),
    ] = None,
    how: Annotated[
        str,
        typer.Option(
            "--how",
            metavar="list|copy|link|move",
            help="List the files, or sort them into folders.",
            autocompletion=completion.one_of(SORTING),
        ),
    ] = "list",
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="For what is kept; for the list by default here.", show_default=False),
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", metavar="DIR", help="For what is not kept.", show_default=False)
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, metavar="P", help="Keep from this score up; by default the model's own."
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="DIR|FILE",
            help="Count right and wrong: one folder a class, or a CSV file with path and class.",
            show_default=False,
        ),
    ] = None,
    undo: Annotated[
        Path | None,
        typer.Option("--undo", metavar="FILE", help="Move everything of this journal back.", show_default=False),
    ] = None,
    site: SiteOption = None,
    engine: EngineOption = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Sort pictures on this disk by what they show. Nothing is ever destroyed, and what is doubtful stays where it is.

    Files that are named by md5 or by gallery-dl are known posts: their tags count, and your labels. --site asks a site
    for the posts of the others. What was seen is remembered: a second pass decodes nothing.

    [bold]Examples[/bold]

    [cyan]crawl classify downloads/ --keep mona[/cyan]  writes classified.csv and a contact sheet

    [cyan]crawl classify downloads/ --keep mona --how move --to mona/ --rejects others/[/cyan]

    [cyan]crawl classify downloads/ --with characters --how copy --to sorted/[/cyan]  a folder a name

    [cyan]crawl classify --undo mona/moved-20260501-120000-1a2b.jsonl[/cyan]  everything goes back

    [cyan]crawl classify pictures/ --keep mona --truth pictures/[/cyan]  from pictures/mona, pictures/keqing …
    """
    from commands import classify as classify_command
    from commands.terminal.suggestions import choose

    options = classify_command.ClassifyOptions(
        folders=tuple(folders or ()),
        keep=keep,
        recogniser=recogniser,
        how=classify_command.How(choose("--how", how, SORTING)),
        to=to,
        rejects=rejects,
        threshold=threshold,
        truth=truth,
        undo=undo,
        site=site,
        engine=engine,
        as_json=as_json,
        quiet=quiet,
    )
    pace = getattr(context.obj, "pace", None)  # a test program may hurry
    raise typer.Exit(classify_command.run(options, root, config, pace))
