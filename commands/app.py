"""The program's commands and options, with their help; the work itself is imported late.

Importing this module must stay cheap: `crawl --help` takes 0.2 s of processor time, so everything heavier than the
option parser is imported by the function that needs it. Annotations are evaluated where they stand (no `from __future__
import annotations`): Typer reads them four times for each command, and text would be compiled each time.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from commands.app_answers import declare_answers
from commands.app_copies import declare_copies
from commands.app_folders import declare_folders
from commands.app_following import declare_following
from commands.app_generate import declare_generate
from commands.app_interchange import declare_interchange
from commands.app_learning import declare_the_loop
from commands.app_models import declare_models
from commands.app_videos import declare_videos
from commands.context import completion
from commands.context.options import (
    ConfigOption,
    DatabaseOption,
    EngineOption,
    FilesOption,
    JsonOption,
    KeepOption,
    QuietOption,
    RootOption,
    SeenOption,
    SiteOption,
    TargetOption,
)
from commands.lookup.search_terms import TermsCommand
from commands.program import Application, any_typed, flowing
from commands.terminal.allowed_values import FORMATS, LABELS, RATINGS, RENDITIONS, SOFTWARE, TRASH_ACTIONS
from commands.terminal.error_exit import exits_plainly, settle

HELP = """Walk a booru tag, look at every picture, keep the ones that show what you asked for.

The classifier that filters the badly tagged part of the gallery is trained from the gallery's own tags, so no labels
and no model are needed to begin. Pictures that are not kept are never downloaded in full; nothing is decided twice, and
what you correct with [bold]relabel[/bold] stays.

[bold]Examples[/bold]

[cyan]crawl --site demo --tag genshin_impact --keep mona[/cyan]  try it on the built-in demo gallery

[cyan]crawl --tag genshin_impact --keep mona[/cyan]  filter a tag while it is being downloaded

[cyan]crawl --tag genshin_impact --keep mona --new[/cyan]  only what was posted since

[cyan]crawl query 'decision:keep -mona_(genshin_impact) order:p'[/cyan]  pictures found without the tag

[cyan]crawl relabel delete 1234 1240[/cyan]  correct what it got wrong
"""
EPILOG = "Exit codes, settings and the query language are described in the docs/ folder of the repository."

app = Application(
    name="crawl",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_GOAL = "Goal and threshold"
MOST_DEMO_POSTS = 100_000  # beyond that the gallery takes minutes to plan


@app.callback(invoke_without_command=True, help=flowing(HELP), epilog=EPILOG)
@exits_plainly
def crawl(
    context: typer.Context,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Tag to walk; repeat it for several.", metavar="TAG")
    ] = None,
    keep: KeepOption = None,
    site: SiteOption = None,
    root: RootOption = None,
    database: DatabaseOption = None,
    files: FilesOption = None,
    config: ConfigOption = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most this many posts.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what was posted since the last complete walk.")] = False,
    rating: Annotated[
        str,
        typer.Option(
            "--rating",
            metavar="g,s,q,e",
            help="Only these ratings.",
            show_default=False,
            autocompletion=completion.several_of(RATINGS),
        ),
    ] = "",
    where: Annotated[
        str,
        typer.Option("--where", metavar="TERMS", help="More search terms, in the site's language.", show_default=False),
    ] = "",
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold", min=0, max=1, metavar="P", help="Keep posts that score at least this.", rich_help_panel=_GOAL
        ),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option("--precision", min=0, max=1, metavar="P", help="Aim at this precision.", rich_help_panel=_GOAL),
    ] = None,
    recall: Annotated[
        float | None,
        typer.Option("--recall", min=0, max=1, metavar="R", help="Aim at this recall.", rich_help_panel=_GOAL),
    ] = None,
    references: Annotated[
        Path | None,
        typer.Option(
            "--references",
            metavar="DIR",
            help="A few pictures that show what to keep, 5 to 20.",
            show_default=False,
        ),
    ] = None,
    score_on: Annotated[
        str | None,
        typer.Option(
            "--score-on",
            metavar="SIZE",
            help=f"Which rendition to look at: {', '.join(RENDITIONS)}.",
            autocompletion=completion.one_of(RENDITIONS),
        ),
    ] = None,
    seen: SeenOption = False,
    engine: EngineOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write nothing.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """The main job; see HELP."""
    if context.invoked_subcommand is not None:
        return
    from commands import crawl as main_job
    from commands.output import about

    if version:
        about.print_version()
        raise typer.Exit
    if not tag and not keep:
        raise typer.Exit(about.say_what_is_needed(context.get_help, typed=any_typed(context)))
    options = main_job.CrawlOptions(
        tags=tuple(tag or ()),
        keep=tuple(keep or ()),
        limit=limit,
        newer_only=new,
        rating=rating,
        where=where,
        goal=main_job.ThresholdGoal(threshold, precision, recall),
        references=references,
        dry_run=dry_run,
        seen=seen,
    )
    output = main_job.Output(as_json=as_json, quiet=quiet)
    parts = context.obj if isinstance(context.obj, main_job.Parts) else None  # a test program may hand in its own
    clock = None if parts is None else parts.clock
    workspace = main_job.load_workspace(root, config, site, score_on, main_job.Elsewhere(database, files), clock=clock)
    workspace = main_job.with_engine(workspace, engine)
    raise typer.Exit(main_job.run(options, workspace, output, parts))


@app.command()
@exits_plainly
def demo(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    posts: Annotated[
        int | None, typer.Option("--posts", min=1, max=MOST_DEMO_POSTS, help="How many posts to paint.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed paints another gallery.")] = 1,
    hide: Annotated[float, typer.Option("--hide", min=0, max=1, help="Share of character tags to leave out.")] = 0.4,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="Serve real pictures: one folder a class.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", metavar="TAG", help="With --from: the tag that all pictures carry.")
    ] = None,
    latency_ms: Annotated[int, typer.Option("--latency-ms", min=0, max=60_000, help="Delay every answer.")] = 0,
    software: Annotated[
        str,
        typer.Option(
            "--software",
            metavar="KIND",
            help=f"Whose API to answer: {', '.join(SOFTWARE)}.",
            autocompletion=completion.one_of(SOFTWARE),
        ),
    ] = SOFTWARE[0],
) -> None:
    """Serve a Danbooru-compatible gallery on this machine, with pictures that it paints itself.

    [bold]Examples[/bold]

    [cyan]crawl demo --port 8000[/cyan]  then, in another terminal: [cyan]crawl --site http://127.0.0.1:8000 --tag
    genshin_impact --keep mona[/cyan]

    [cyan]crawl demo --from pictures/ --tag hololive --hide 0.4[/cyan]  a gallery of your own pictures
    """
    from commands.context.demo_process import DemoOptions, arguments
    from commands.demo import serve

    raise typer.Exit(serve(arguments(DemoOptions(port, posts, seed, hide, source, tag, latency_ms, software))))


@app.command(cls=TermsCommand)
@exits_plainly
def query(
    terms: Annotated[
        list[str] | None, typer.Argument(help="Search terms, as on the site.", show_default=False, metavar="TERM")
    ] = None,
    sql: Annotated[
        str | None, typer.Option("--sql", metavar="SELECT", help="A SELECT on the documented views; read-only.")
    ] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="table, json, jsonl, csv, parquet or ids.",
            metavar="FORMAT",
            autocompletion=completion.one_of(FORMATS),
        ),
    ] = "table",
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="At most this many rows.")] = None,
    columns: Annotated[
        str, typer.Option("--columns", help="Columns, separated by commas.", show_default=False, metavar="NAMES")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.", show_default=False)
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
) -> None:
    """Search what was crawled: the site's own search language, plus what the program knows.

    Metatags of ours: decision: label: p: model: target: place: round: error: seen: same: and order:p|uncertain|id.
    order:uncertain begins with what the page would ask next; error:likely finds tags that look wrong.

    [bold]Examples[/bold]

    [cyan]crawl query 'decision:keep -mona_(genshin_impact)'[/cyan]  found by looking, not by tag

    [cyan]crawl query 'order:uncertain target:mona limit:20'[/cyan]  the page's next questions, and why

    [cyan]crawl query 'error:missing-tag target:mona' --format ids[/cyan]  seen, and never tagged

    [cyan]crawl query 'decision:delete p:>=0.5' --format ids | crawl relabel keep -[/cyan]

    [cyan]crawl query --sql 'SELECT decision, count(*) FROM results GROUP BY 1'[/cyan]
    """
    from commands import query as query_command

    options = query_command.QueryOptions(" ".join(terms or ()), sql, format_, limit, columns, output)
    raise typer.Exit(query_command.run(options, root, config))


@app.command(cls=TermsCommand)
@exits_plainly
def similar(
    picture: Annotated[
        str,
        typer.Argument(help="A post's number, or a file of this disk.", metavar="POST|FILE", show_default=False),
    ],
    terms: Annotated[
        list[str] | None,
        typer.Argument(help="What else they are to be, as for query.", show_default=False, metavar="TERM"),
    ] = None,
    keep: TargetOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="N", help="At most this many; 24 by default, 1000 at most.")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Write a contact sheet, similar.jpg, here.", show_default=False),
    ] = None,
    site: SiteOption = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the gallery's pictures that are most like one, and whom it shows, by what tags say of the nearest.

    Pictures are compared by what the network of a model in force made of them; the picture need not be in the
    gallery. Nothing is downloaded, and no picture of the gallery is decoded but for the contact sheet.

    [bold]Examples[/bold]

    [cyan]crawl similar 1234[/cyan]  and who is this?

    [cyan]crawl similar unknown.png --to found/[/cyan]  writes found/similar.jpg

    [cyan]crawl similar 1234 rating:g -solo --keep mona --limit 50[/cyan]  only what was looked at for mona
    """
    from commands import similar as similar_command

    options = similar_command.SimilarOptions(
        picture, " ".join(terms or ()), keep, limit, to, site, as_json=as_json, quiet=quiet
    )
    raise typer.Exit(similar_command.run(options, root, config))


@app.command()
@exits_plainly
def relabel(
    context: typer.Context,
    value: Annotated[
        str,
        typer.Argument(
            help="keep, delete, unsure; clear takes it back.",
            metavar="keep|delete|unsure|clear",
            autocompletion=completion.one_of(LABELS),
        ),
    ],
    posts: Annotated[list[str], typer.Argument(help="Post ids, or - for standard input.", metavar="POST")],
    keep: TargetOption = None,
    site: SiteOption = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Label pictures by hand. A label overrides every decision, now and in every later run.

    [bold]Examples[/bold]

    [cyan]crawl relabel keep 1234 1240[/cyan]

    [cyan]crawl query 'p:0.4..0.6' --format ids | crawl relabel unsure - --keep mona[/cyan]
    """
    from commands import relabel as relabel_command

    options = relabel_command.RelabelOptions(value, tuple(posts), keep, site, as_json)
    raise typer.Exit(relabel_command.run(options, root, config, getattr(context.obj, "clock", None)))


@app.command()
@exits_plainly
def status(root: RootOption = None, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what a gallery holds: posts, decisions, labels, models, runs, and what is still open."""
    from commands import status as status_command

    raise typer.Exit(status_command.run(root, config, as_json=as_json))


@app.command()
@exits_plainly
def verify(
    set_aside: Annotated[
        bool,
        typer.Option(
            "--set-aside",
            help="Move damaged files to damaged/ and record what is missing, so that crawl apply fetches them again.",
        ),
    ] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every file and row of a gallery against each other. Nothing is ever deleted; damage exits with 11."""
    from commands import verify as verify_command

    raise typer.Exit(verify_command.run(root, config, set_aside=set_aside, as_json=as_json))


@app.command()
@exits_plainly
def doctor(
    root: RootOption = None,
    config: ConfigOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this machine and this configuration: packages, disk, site, credentials, database, models."""
    from commands import doctor as doctor_command

    raise typer.Exit(doctor_command.run(root, config, site, as_json=as_json))


declare_the_loop(app)
declare_answers(app)
declare_folders(app)
declare_models(app)
declare_videos(app)
declare_interchange(app)
declare_following(app)
declare_generate(app)
declare_copies(app)


@app.command()
@exits_plainly
def apply(
    context: typer.Context,
    keep: TargetOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Move the files even if they are unusually many.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done; move nothing.")] = False,
    fetch: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Download originals that are kept now.")] = True,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make the files match what holds now: rejected originals go to the trash, kept ones return or are downloaded.

    Nothing is destroyed: [bold]crawl trash[/bold] lists and restores what was moved. When unusually many files would go
    (more than 50 and more than a fifth of a target's), nothing is moved until you say --yes.

    [bold]Examples[/bold]

    [cyan]crawl apply --dry-run[/cyan]

    [cyan]crawl apply[/cyan]  after relabel, train or rescore
    """
    from commands import apply as apply_command
    from storage.moves.apply_plan import BRAKE

    parts_pace = getattr(context.obj, "pace", None)  # a test program may hurry, and have clock and brake of its own
    limit = getattr(context.obj, "brake", BRAKE)
    options = apply_command.ApplyOptions(keep, yes, dry_run, fetch, as_json, quiet, limit)
    clock = getattr(context.obj, "clock", None)
    raise typer.Exit(apply_command.run(options, root, config, parts_pace, clock))


@app.command()
@exits_plainly
def trash(
    context: typer.Context,
    action: Annotated[
        str,
        typer.Argument(
            help="list, restore or purge.",
            metavar="list|restore|purge",
            autocompletion=completion.one_of(TRASH_ACTIONS),
        ),
    ],
    posts: Annotated[list[str] | None, typer.Argument(help="Post ids.", metavar="POST", show_default=False)] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Only what this model rejected.",
            metavar="NAME/N",
            show_default=False,
            autocompletion=completion.models,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="With restore: everything in the trash.")] = False,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than", help="With purge: files that have been there this long.", metavar="30d", show_default=False
        ),
    ] = None,
    keep: TargetOption = None,
    site: SiteOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="With purge: destroy them for good.")] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """See what was rejected, bring it back, or destroy what has been there for long enough.

    Restored files stay in the gallery until they are decided or labelled anew. A purge asks for --yes, spares
    whatever is no longer rejected, and makes a backup of the database first. Post ids, --keep, --site and --model
    narrow all three.

    [bold]Examples[/bold]

    [cyan]crawl trash list[/cyan]

    [cyan]crawl trash restore 1234 1240[/cyan]

    [cyan]crawl trash restore --model mona/3[/cyan]  everything that one model rejected

    [cyan]crawl trash purge --older-than 30d --yes[/cyan]
    """
    from commands import trash as trash_command

    options = trash_command.TrashOptions(
        action, tuple(posts or ()), model, everything, older_than, keep, site, yes=yes, as_json=as_json
    )
    raise typer.Exit(trash_command.run(options, root, config, getattr(context.obj, "clock", None)))


def main() -> None:
    """The `crawl` program."""
    # NumPy's second thread only spins and waits beside decoders and a network (12 times slower on a busy machine).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app(prog_name="crawl")
    except SystemExit as ended:
        settle(ended.code if isinstance(ended.code, int) else 0)
        raise
