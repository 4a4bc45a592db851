"""The commands about a gallery's pictures, as they are typed: files copy.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from typing import Annotated

import typer

from commands.context.options import ConfigOption, JsonOption, QuietOption
from commands.program import Application
from commands.terminal.error_exit import exits_plainly


def declare_files(app: typer.Typer) -> None:
    """Add these commands to the program's, below one word."""
    files = Application(help="Move a gallery's pictures to an object store, or back.", rich_markup_mode="rich")
    files.callback()(lambda: None)  # a word for one command would be taken for the command itself
    files.command()(copy)
    app.add_typer(files, name="files")


@exits_plainly
def copy(
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
