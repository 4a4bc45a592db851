"""The commands that move a gallery, as they are typed: database copy and files copy.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from typing import Annotated

import typer

from commands.context.options import ConfigOption, JsonOption, QuietOption
from commands.program import Application
from commands.terminal.error_exit import exits_plainly


def declare_copies(app: typer.Typer) -> None:
    """Add these commands to the program's, each below a word of its own."""
    for word, says, command in (
        ("database", "Move a gallery's rows to another database.", copy_rows),
        ("files", "Move a gallery's pictures to an object store, or back.", copy_pictures),
    ):
        below = Application(help=says, rich_markup_mode="rich")
        below.callback()(lambda: None)  # a word for one command would be taken for the command itself
        below.command("copy")(command)
        app.add_typer(below, name=word)


@exits_plainly
def copy_rows(
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


@exits_plainly
def copy_pictures(
    source: Annotated[str, typer.Argument(help="The gallery's folder; or the address of its objects.", metavar="FROM")],
    to: Annotated[
        str, typer.Argument(help="Where its pictures go: s3://BUCKET/PREFIX, or the gallery's folder.", metavar="TO")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Move a gallery's pictures and models from its folder to S3-compatible storage, or back; its rows stay.

    Every file is compared with its row on the way, and asked for where it arrives; only then does the folder name the
    new place. Until then the gallery is where it was. Killed at any time, the same command goes on. What lay in the
    old place stays there.

    [bold]Examples[/bold]

    [cyan]crawl files copy gallery-data s3://bucket/mona[/cyan]  to a bucket

    [cyan]crawl files copy s3://bucket/mona gallery-data[/cyan]  back into the folder
    """
    from commands.files import run

    raise typer.Exit(run(source, to, config, as_json=as_json))
