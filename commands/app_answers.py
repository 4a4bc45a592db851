"""The commands that tell what is in a gallery, as they are typed: tags, report.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context.options import ConfigOption, JsonOption, QuietOption, RootOption, TargetOption
from commands.terminal.error_exit import exits_plainly


def declare_answers(app: typer.Typer) -> None:
    """Add these commands to the program's."""
    for command in (tags, report):
        app.command()(command)


@exits_plainly
def tags(
    keep: TargetOption = None,
    missing: Annotated[bool, typer.Option("--missing", help="Only posts that lack the tag.")] = False,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only posts that have it wrongly.")] = False,
    sure: Annotated[
        float | None,
        typer.Option("--sure", min=0, max=1, metavar="P", help="Least probability; 0.9 by default."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="At most this many of either kind; 500 by default."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write a page to work through in a browser.", show_default=False),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print them for a spreadsheet.")] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """List posts that show a target but lack its tag at the site, and the reverse. Nothing is ever sent to a site.

    What you labelled comes first, then what the model is surest of, with the precision that is to be expected. The
    page of --to has pictures, a link to each post, where you edit its tags, and ticks that your browser remembers.

    [bold]Examples[/bold]

    [cyan]crawl tags --keep mona[/cyan]

    [cyan]crawl tags --keep mona --missing --to mona-tags.html[/cyan]  to work through by hand

    [cyan]crawl tags --keep mona --wrong --csv > wrong.csv[/cyan]
    """
    from commands import tags as tags_command

    options = tags_command.TagsOptions(keep, missing, wrong, sure, limit, to, as_csv, as_json, quiet)
    raise typer.Exit(tags_command.run(options, root, config))


@exits_plainly
def report(
    keep: TargetOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="DIR", help="Write a page with pictures.", show_default=False)
    ] = None,
    datasette: Annotated[
        Path | None,
        typer.Option("--datasette", metavar="FILE", help="Write settings for Datasette.", show_default=False),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what is in a gallery: what was found that nobody tagged, artists, ratings, months, searches, sites, models.

    The page of --html needs no network: figures, and contact sheets of what was found, is doubtful or was corrected.

    [bold]Examples[/bold]

    [cyan]crawl report[/cyan]

    [cyan]crawl report --html report/[/cyan]  then open report/index.html

    [cyan]crawl report --datasette metadata.json[/cyan]  then: [cyan]datasette gallery-data/crawl.db -m
    metadata.json[/cyan]
    """
    from commands import report as report_command

    raise typer.Exit(report_command.run(report_command.ReportOptions(keep, html, datasette, as_json), root, config))
