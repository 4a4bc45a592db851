"""The commands between this program and others, as they are typed: export, import.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.context.options import ConfigOption, JsonOption, QuietOption, RootOption, SiteOption, TargetOption
from commands.lookup.search_terms import TermsCommand
from commands.terminal.allowed_values import CAPTIONS, EXPORTS, IMPORTS, PLACING
from commands.terminal.error_exit import exits_plainly

_CAPTIONS, _PICTURES = "Captions", "Pictures"


def declare_interchange(app: typer.Typer) -> None:
    """Add these commands to the program's."""
    app.command(cls=TermsCommand)(export)
    app.command(name="import")(import_)


@exits_plainly
def export(
    format_: Annotated[
        str,
        typer.Argument(
            help="For which reader.",
            metavar="FORMAT",
            show_default=False,
            autocompletion=completion.one_of(EXPORTS),
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="The folder to write.", metavar="DIR", show_default=False)],
    terms: Annotated[
        list[str] | None,
        typer.Argument(help="Which posts, as in crawl query.", metavar="EXPRESSION", show_default=False),
    ] = None,
    keep: TargetOption = None,
    how: Annotated[
        str,
        typer.Option(
            "--how",
            metavar="copy|link|symlink",
            help="Copy pictures, or give the gallery's files a second name or a link.",
            autocompletion=completion.one_of(PLACING),
        ),
    ] = "copy",
    split: Annotated[
        bool, typer.Option("--split", help="Keep the splits apart that training has frozen: train, validation, test.")
    ] = False,
    withdraw: Annotated[
        list[str] | None,
        typer.Option(
            "--withdraw",
            metavar="POST",
            help="Take a post out of the export for good; repeat it for several. Nothing else is done.",
            show_default=False,
        ),
    ] = None,
    caption: Annotated[
        str | None,
        typer.Option(
            "--caption",
            metavar="TEMPLATE",
            help="By default '{trigger}, {target}, {character}, {copyright}, {count}, {general}'; "
            "there are {artist}, {meta} and {rating}, too.",
            show_default=False,
            rich_help_panel=_CAPTIONS,
        ),
    ] = None,
    captions: Annotated[
        str,
        typer.Option(
            "--captions",
            metavar="txt|caption|json|none",
            help="Ending of caption files; json has the tags in groups.",
            autocompletion=completion.one_of(CAPTIONS),
            rich_help_panel=_CAPTIONS,
        ),
    ] = "txt",
    trigger: Annotated[
        str,
        typer.Option(
            "--trigger",
            metavar="WORD",
            help="A word that stands for the target.",
            show_default=False,
            rich_help_panel=_CAPTIONS,
        ),
    ] = "",
    drop: Annotated[
        list[str] | None,
        typer.Option(
            "--drop",
            metavar="TAGS",
            help="Tags that no caption has, with * for any text; or @FILE with a list. Repeat it for several.",
            show_default=False,
            rich_help_panel=_CAPTIONS,
        ),
    ] = None,
    shuffle: Annotated[
        bool,
        typer.Option("--shuffle", help="Tags in random order, the same every time.", rich_help_panel=_CAPTIONS),
    ] = False,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Another seed gives another order.", rich_help_panel=_CAPTIONS)
    ] = 0,
    underscores: Annotated[
        bool,
        typer.Option("--underscores", help="Leave underscores in tags.", rich_help_panel=_CAPTIONS),
    ] = False,
    escape: Annotated[
        bool,
        typer.Option("--escape", help="A backslash before brackets.", rich_help_panel=_CAPTIONS),
    ] = False,
    rating_words: Annotated[
        str,
        typer.Option(
            "--rating-words",
            metavar="WORDS",
            help="What {rating} says for g, s, q and e.",
            rich_help_panel=_CAPTIONS,
        ),
    ] = "general,sensitive,questionable,explicit",
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats", min=1, max=10_000, help="Repeats of the largest class; smaller ones get more.", metavar="N"
        ),
    ] = 1,
    shard_size: Annotated[
        int, typer.Option("--shard-size", min=1, metavar="N", help="With webdataset: pictures in a shard.")
    ] = 1000,
    renditions: Annotated[
        bool,
        typer.Option(
            "--renditions",
            help="Where the original was never downloaded, take the smaller copy that was looked at.",
            rich_help_panel=_PICTURES,
        ),
    ] = False,
    min_side: Annotated[
        int,
        typer.Option(
            "--min-side",
            min=0,
            metavar="N",
            help="Leave out pictures whose shorter side has fewer pixels.",
            rich_help_panel=_PICTURES,
        ),
    ] = 0,
    max_side: Annotated[
        int | None,
        typer.Option(
            "--max-side",
            min=1,
            metavar="N",
            help="Make pictures smaller whose longer side has more pixels; none is made larger.",
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    picture_format: Annotated[
        str | None,
        typer.Option(
            "--pictures",
            metavar="jpg|png|webp",
            help="One format for all; by default what the reader knows stays, and the rest becomes png.",
            show_default=False,
            rich_help_panel=_PICTURES,
        ),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write pictures and captions for a trainer or another program. Without an expression: what is kept.

    FORMAT is kohya, onetrainer, ai-toolkit, imagefolder (Hugging Face datasets, torchvision), webdataset (tar shards),
    hydrus (sidecars) or csv (a table; nothing is copied). The same command again brings the folder up to date: captions
    that you corrected stay, and nothing that is not the program's is touched. manifest.jsonl says where every picture
    comes from.

    [bold]Examples[/bold]

    [cyan]crawl export kohya lora/ 'decision:keep' --keep mona --trigger m0na --repeats 10[/cyan]

    [cyan]crawl export kohya lora/ 'decision:keep score:>=20 -comic' --keep mona --drop '*_hair,*_eyes' --max-side
    1536[/cyan]

    [cyan]crawl export imagefolder data/ 'decision:keep,delete' --keep mona --renditions --split[/cyan]

    [cyan]crawl export kohya lora/ --withdraw 1234[/cyan]
    """
    from commands import export as export_command

    wording = export_command.Wording(
        caption, captions, trigger, tuple(drop or ()), shuffle, seed, underscores, escape, rating_words
    )
    picturing = export_command.Picturing(how, renditions, min_side, max_side, picture_format)
    options = export_command.ExportOptions(
        format=format_,
        folder=folder,
        expression=" ".join(terms or ()),
        keep=keep,
        split=split,
        withdraw=tuple(withdraw or ()),
        repeats=repeats,
        shard_size=shard_size,
        wording=wording,
        picturing=picturing,
        as_json=as_json,
        quiet=quiet,
    )
    raise typer.Exit(export_command.run(options, root, config))


@exits_plainly
def import_(
    kind: Annotated[
        str,
        typer.Argument(
            help="What SOURCE is.",
            metavar="KIND",
            show_default=False,
            autocompletion=completion.one_of(IMPORTS),
        ),
    ],
    source: Annotated[
        Path,
        typer.Argument(
            help="The folder, those below it included; or the archive.", metavar="SOURCE", show_default=False
        ),
    ],
    link: Annotated[
        bool,
        typer.Option(
            "--link/--copy",
            help="Give the files a second name in the gallery, where the disk is the same, or copy them.",
        ),
    ] = False,
    leave: Annotated[
        bool,
        typer.Option(
            "--leave",
            help="Leave the files where they are: the gallery has a small copy of each, and copies what is kept.",
        ),
    ] = False,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Of an archive: take back what was imported of it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Of an archive: count, and write nothing.")] = False,
    look: Annotated[
        bool, typer.Option("--look/--no-look", help="Let the models in force look at what was taken in.")
    ] = True,
    site: SiteOption = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Take in what another program downloaded from a site, so that no crawl fetches it again.

    KIND is gallery-dl (a folder with the .json files of --write-metadata: its posts are recorded with their tags),
    hydrus (an export with sidecars of tags and addresses), folder (files with their md5 in the name) or archive
    (gallery-dl's download archive: the posts that it lists are never fetched again).

    Every file is read whole and must have its md5; SOURCE is only read. Models in force look at the pictures at once;
    else the next crawl does, at these files. The same command again goes on, and takes only what is new.

    [bold]Examples[/bold]

    [cyan]crawl import gallery-dl ~/gallery-dl/danbooru[/cyan]

    [cyan]crawl import folder pictures/ --link[/cyan]  no room is needed for them twice

    [cyan]crawl import gallery-dl /mnt/nas/danbooru --leave[/cyan]  they stay there; what is kept is copied

    [cyan]crawl import archive ~/gallery-dl/archive.sqlite3[/cyan]  what it has counts as seen

    [cyan]crawl --tag genshin_impact --keep mona[/cyan]  then fetches only what is not here
    """
    from commands import import_ as import_command

    options = import_command.ImportOptions(kind, source, link, leave, withdraw, dry_run, look, site, as_json, quiet)
    raise typer.Exit(import_command.run(options, root, config))
