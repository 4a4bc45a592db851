"""`crawl sync` as it is typed.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context.options import ConfigOption, JsonOption, QuietOption, RootOption
from commands.terminal.error_exit import exits_plainly

MOST_REQUESTS = 100_000


def declare_following(app: typer.Typer) -> None:
    """Add the command to the program's."""
    app.command()(sync)


@exits_plainly
def sync(
    context: typer.Context,
    searches: Annotated[
        list[str] | None,
        typer.Argument(help="Only searches with this tag or target, due or not.", metavar="SEARCH", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also searches that are not due yet.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Read every known post again, however lately it was read.")
    ] = False,
    requests: Annotated[
        int,
        typer.Option("--requests", min=1, max=MOST_REQUESTS, metavar="N", help="At most so many requests for lists."),
    ] = 300,
    apply: Annotated[bool, typer.Option("--apply", help="Let files follow the decisions afterwards.")] = False,
    metrics: Annotated[
        Path | None,
        typer.Option("--metrics", metavar="FILE", help="Write figures for Prometheus into FILE.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and ask nobody.")] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Follow every search that was crawled: new posts first, then what the site changed since.

    Changed tags and ratings, deleted, banned and replaced posts are recorded and decided again; labels and kept files
    stay. A search that brings little is asked less often; those that are not due are skipped. Posts that were not read
    for long are read again, as far as the bound of requests allows. Where crawl.toml has tables \\[\\[follow]], only
    those searches are followed. Killed at any time, the next sync goes on.

    [bold]Examples[/bold]

    [cyan]crawl sync[/cyan]  every night

    [cyan]crawl sync --dry-run[/cyan]

    [cyan]crawl sync genshin_impact --apply[/cyan]

    [cyan]crawl sync --full --requests 2000[/cyan]  once a year
    """
    from commands import sync as sync_command
    from commands.crawl import Parts

    options = sync_command.SyncOptions(
        names=tuple(searches or ()),
        all_=everything,
        full=full,
        requests=requests,
        apply=apply,
        metrics=metrics,
        dry_run=dry_run,
        as_json=as_json,
        quiet=quiet,
    )
    parts = context.obj if isinstance(context.obj, Parts) else None  # a test program may hand in its own
    raise typer.Exit(sync_command.run(options, root, config, parts))
