"""The commands for moving pictures, as they are typed: frames, watch.

As in `commands.app`, everything heavier than the option parser is imported by the function that needs it, and
annotations are evaluated where they stand.
"""

from pathlib import Path
from typing import Annotated

import typer

from commands.context import completion
from commands.context.options import ConfigOption, JsonOption, QuietOption, RootOption
from commands.terminal.error_exit import exits_plainly


def declare_videos(app: typer.Typer) -> None:
    """Add these commands to the program's."""
    for command in (frames, watch):
        app.command()(command)


@exits_plainly
def frames(
    context: typer.Context,
    videos: Annotated[
        list[Path],
        typer.Argument(help="Videos, ugoira, animated pictures, or folders of them.", metavar="VIDEO"),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the pictures go.", show_default=False)],
    every: Annotated[
        float | None,
        typer.Option("--every", metavar="S", help="One frame in so many seconds; 1 by default.", show_default=False),
    ] = None,
    scenes: Annotated[bool, typer.Option("--scenes", help="One frame of every scene instead.")] = False,
    halves: Annotated[bool, typer.Option("--halves", help="The left and the right half of each, too.")] = False,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Cut pictures from videos, ugoira and animated pictures, named by their times; near-duplicates are left out.

    frames.csv in the folder lists them. Nothing is overwritten; the same command goes on where it was stopped. Videos
    need the extra `video`; a ugoira's delays are read from its animation.json, or from the file that gallery-dl writes
    beside it.

    [bold]Examples[/bold]

    [cyan]crawl frames episode.mkv --to frames/[/cyan]  a picture a second

    [cyan]crawl frames episodes/ --to frames/ --scenes --halves[/cyan]  one of every scene, and its halves

    [cyan]crawl label frames/ --with family[/cyan]  then, to name who is on them
    """
    from classifier.video.frame_reader import ReaderSettings
    from commands import frames as frames_command
    from commands.context.workspace import load_workspace

    load_workspace(root, config)  # settings that are wrong are refused here as everywhere
    options = frames_command.FramesOptions(tuple(videos), to, every, scenes, halves, as_json=as_json, quiet=quiet)
    handed = context.obj if isinstance(context.obj, ReaderSettings) else None  # a test program may hand in its own
    raise typer.Exit(frames_command.run(options, handed))


@exits_plainly
def watch(
    context: typer.Context,
    video: Annotated[Path, typer.Argument(help="A video, a ugoira or an animated picture.", metavar="VIDEO")],
    name: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="NAME",
            help="A recogniser, a target, or one of their models: family/2.",
            show_default=False,
            autocompletion=completion.targets_and_models,
        ),
    ],
    every: Annotated[float, typer.Option("--every", metavar="S", help="Look once in so many seconds.")] = 0.2,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="DIR", help="Write page, CSV, JSON and subtitles there.", show_default=False),
    ] = None,
    root: RootOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Say who appears in a video, from when to when, and how sure that is.

    Looks are averaged over a second; a name ends only where it has become clearly unlikely. Videos need the extra
    `video`.

    [bold]Examples[/bold]

    [cyan]crawl watch episode.mkv --with family[/cyan]

    [cyan]crawl watch episode.mkv --with mona --report watched/[/cyan]  then open watched/timeline.html
    """
    from classifier.video.frame_reader import ReaderSettings
    from commands import watch as watch_command

    options = watch_command.WatchOptions(video, name, every, report, as_json=as_json, quiet=quiet)
    handed = context.obj if isinstance(context.obj, ReaderSettings) else None  # a test program may hand in its own
    raise typer.Exit(watch_command.run(options, root, config, handed))
