"""`crawl frames VIDEO… --to DIR`: pictures cut from videos, ugoira and animated pictures, named by their times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from classifier.video.containers import kind_of
from classifier.video.frame_reader import ReaderSettings
from classifier.video.records import Sampling, Wanted
from commands.context.output_paths import check_output_folder
from commands.errors import UsageRefused
from commands.terminal.console import print_json, printable, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import facts_table, print_line, print_table
from commands.videos.frame_cutter import BEFORE, NEAR, WRITTEN, CutTally, FrameCutter
from crawler.sources.local_videos import LocalVideo, local_videos
from storage.database.error_translation import at_border
from storage.files.disk import Disk
from storage.folders.frame_folder import TABLE, FrameFolder
from storage.folders.output_lock import sole_writer
from storage.plurals import counted

EVERY_S = 1.0  # by default
_LEAST_EVERY_S, _MOST_EVERY_S = 0.001, 86_400.0
_NAMED = 20  # lines about trouble


@dataclass(frozen=True, slots=True)
class FramesOptions:
    """The options of `crawl frames`."""

    videos: tuple[Path, ...]
    to: Path
    every_s: float | None = None  # None: EVERY_S
    scenes: bool = False
    halves: bool = False
    as_json: bool = False
    quiet: bool = False


def run(options: FramesOptions, settings: ReaderSettings | None = None) -> int:
    """Cut them.

    Raises:
        UsageRefused: what was asked for contradicts itself, or nothing of it is a video; nothing was written.
        VideoSupportMissing: a video needs the extra `video`.
    """
    sampling = _checked(options)
    words = "every picture that was written is whole; run the same command to go on"
    return run_stoppable(_run(options, sampling, settings or ReaderSettings()), lambda: words)


def _checked(options: FramesOptions) -> Sampling:
    if options.scenes and options.every_s is not None:
        raise UsageRefused("--every and --scenes are two ways to choose; leave one out")
    every_s = EVERY_S if options.every_s is None else options.every_s
    if not _LEAST_EVERY_S <= every_s <= _MOST_EVERY_S:
        raise UsageRefused(f"--every {every_s:g}: seconds must be {_LEAST_EVERY_S:g} to {_MOST_EVERY_S:g}")
    for path in options.videos:
        if not path.exists():
            raise UsageRefused(f"{path} is not there; name a video, or a folder with videos")
    check_output_folder(options.to.absolute(), "--to")
    return Sampling(every_s, options.scenes)


async def _run(options: FramesOptions, sampling: Sampling, settings: ReaderSettings) -> int:
    left: list[tuple[Path, str]] = []
    paths = [path.absolute() for path in options.videos]
    moving = local_videos(paths, lambda head: kind_of(head) is not None, lambda path, why: left.append((path, why)))
    videos = await asyncio.to_thread(list, moving)
    if not videos:
        raise UsageRefused(f"{', '.join(map(str, options.videos))} has no videos; nothing was done" + _why(left))
    folder, disk = options.to.absolute(), Disk()
    with at_border(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with sole_writer(folder, disk), FrameFolder(folder, disk) as frames:
        tally = await _cut_all(videos, frames, sampling, options, settings)
    tally.troubles += [(path.name, why) for path, why in left if path in paths]
    return _end(options, tally)


async def _cut_all(
    videos: Sequence[LocalVideo],
    frames: FrameFolder,
    sampling: Sampling,
    options: FramesOptions,
    settings: ReaderSettings,
) -> CutTally:
    async with reporting(quiet=options.quiet or options.as_json) as report:
        cutter = FrameCutter(frames, sampling, Wanted(pictures=True, halves=options.halves), settings, report)
        for video in videos:
            await cutter.cut(video)
    return cutter.tally


def _end(options: FramesOptions, tally: CutTally) -> int:
    """Say what came of it; a run in which nothing was a video is refused as a whole."""
    nothing = bool(tally.troubles) and not tally.decoded and not tally.done_before
    code = ExitCode.REFUSED if nothing else ExitCode.OPEN if tally.troubles else ExitCode.COMPLETE
    for name, why in tally.troubles[:_NAMED]:
        say(f"{name}: {why}")
    if len(tally.troubles) > _NAMED:
        say(f"{len(tally.troubles) - _NAMED} more could not be read")
    if options.as_json:
        print_json(_record(options, tally, code))
        leave_open("videos", len(tally.troubles), "could not be read to the end")
        return int(code)
    table = facts_table(Text(printable(_title(tally)), style="bold"))
    for what in (WRITTEN, NEAR, BEFORE):
        if tally.pictures[what] or what == WRITTEN:
            table.add_row(what, counted(tally.pictures[what], "picture"))
    if not nothing:
        print_table(table)
        print_line(str(options.to / TABLE))
    return int(code)


def _title(tally: CutTally) -> str:
    before = f", {tally.done_before} of them cut before" if tally.done_before else ""
    return f"{counted(tally.videos, 'video')}{before}, {counted(tally.decoded, 'frame')} decoded"


def _record(options: FramesOptions, tally: CutTally, code: ExitCode) -> dict[str, object]:
    return {
        "videos": tally.videos,
        "done_before": tally.done_before,
        "decoded": tally.decoded,
        "written": tally.pictures[WRITTEN],
        "near_duplicates": tally.pictures[NEAR],
        "there_before": tally.pictures[BEFORE],
        "troubles": [{"video": name, "why": why} for name, why in tally.troubles],
        "table": str(options.to / TABLE),
        "exit": int(code),
    }


def _why(left: Sequence[tuple[Path, str]]) -> str:
    return f" ({', '.join(f'{path.name}: {why}' for path, why in left[:5])})" if left else ""
