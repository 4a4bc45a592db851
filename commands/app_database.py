"""The commands about a gallery's database, as they are typed: database copy.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from typing import Annotated

import typer

from commands.context.options import ConfigOption, JsonOption, QuietOption
from commands.program import Application
from commands.terminal.error_exit import exits_plainly


def declare_database(app: typer.Typer) -> None:
    """Add these commands to the program's, below one word."""
    database = Application(help="Move a gallery's rows to another database.", rich_markup_mode="rich")
    database.callback()(lambda: None)  # a word for one command would be taken for the command itself
    database.command()(copy)
    app.add_typer(database, name="database")


@exits_plainly
def copy(
    source: Annotated[
        str, typer.Argument(help="Where the rows are: the gallery's folder, or its server.", metavar="FROM")
    ],
    to: Annotated[
        str, typer.Argument(help="Where they go: postgresql://USER@HOST/NAME, or the gallery's folder.", metavar="TO")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Move a gallery's rows from its file to a Postgres server, or back; its pictures stay where they are.

    Every row is copied and compared, and the state digest of both; only then does the folder name the new database.
    Until then the gallery is the old one. Killed at any time, the same command goes on. The old file is kept in
    backups/, and a server keeps the old rows.

    [bold]Examples[/bold]

    [cyan]crawl database copy gallery-data postgresql://me@server/gallery[/cyan]  to a server

    [cyan]crawl database copy postgresql://me@server/gallery gallery-data[/cyan]  back into the file
    """
    from commands.database import run

    raise typer.Exit(run(source, to, config, as_json=as_json))
