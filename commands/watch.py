"""`crawl watch VIDEO --with NAME`: who appears in a video, from when to when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifier.errors import VideoFault
from classifier.progress import ProgressCallback
from classifier.video.records import Source
from classifier.video.timeline import Appearance
from commands.context.output_paths import check_output_folder
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.terminal.console import print_json, say
from commands.terminal.escapes import json_text
from commands.terminal.exit_codes import ExitCode, worst
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open, object_is_owed
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table
from commands.videos.timeline_formats import clock, seconds_of, to_csv, to_json, to_table, to_vtt
from crawler.sources.frame_delays import frame_delays
from storage.plurals import counted

if TYPE_CHECKING:
    from classifier.video.frame_reader import ReaderSettings
    from commands.videos.watcher import Watched, Watcher, Watching
    from storage.records import ModelCard

EVERY_S = 0.2  # seconds between looks, by default
PAGE = "timeline.html"
_LEAST_EVERY_S, _MOST_EVERY_S = 0.01, 60.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """The options of `crawl watch`."""

    video: Path
    name: str  # a recogniser, a target, or one of their models
    every_s: float = EVERY_S
    report: Path | None = None
    as_json: bool = False
    quiet: bool = False


def run(options: WatchOptions, root: Path | None, config: Path | None, reader: ReaderSettings | None = None) -> int:
    """Watch it.

    Raises:
        UsageRefused: there is no such video or model, or what is there is no video.
        VideoSupportMissing: it needs the extra `video`.
        ModelError: the model is missing, altered, or its device fails.
    """
    if not _LEAST_EVERY_S <= options.every_s <= _MOST_EVERY_S:
        raise UsageRefused(f"--every {options.every_s:g}: seconds must be {_LEAST_EVERY_S:g} to {_MOST_EVERY_S:g}")
    if not options.video.exists():
        raise UsageRefused(f"{options.video} is not there; name a video")
    if options.report is not None:
        check_output_folder(options.report, "--report")
    workspace = load_workspace(root, config)
    words = "nothing was written; run the same command to begin again"
    return run_stoppable(_run(options, workspace, reader), lambda: words)


async def _run(options: WatchOptions, workspace: Workspace, reader: ReaderSettings | None) -> int:
    from classifier.video.frame_reader import ReaderSettings
    from commands.context.registered_models import judge_settings
    from commands.videos.watcher import Watcher

    watching, card, refusal = _watching(options, workspace)
    scorer = judge_settings(workspace.settings.scoring).scorer
    watcher = Watcher(
        watching, options.every_s, scorer, reader or ReaderSettings(), thumbnails=options.report is not None
    )
    async with AsyncExitStack() as stack:
        report = await stack.enter_async_context(reporting(quiet=options.quiet or options.as_json))
        await stack.enter_async_context(watcher)
        found = await _appearances(watcher, options, report)
    return _end(options, card, found, watcher, refusal)


def _watching(options: WatchOptions, workspace: Workspace) -> tuple[Watching, ModelCard, str]:
    from classifier.recognition.package import RecogniserPackage
    from commands.context.registered_models import verified_either
    from commands.lookup.model_targets import model_of
    from commands.videos.watcher import Watching

    with read_gallery(workspace) as reader:
        target, model = model_of(reader, options.name)
    package = verified_either(workspace, model)
    if isinstance(package, RecogniserPackage):
        return Watching.of(package, model.card.target, 0.0), model.card, ""
    return Watching.of(package, target.name, package.threshold), model.card, package.refusal


async def _appearances(watcher: Watcher, options: WatchOptions, report: ProgressCallback) -> list[Appearance]:
    path = options.video.absolute()
    source = Source(str(path), frame_delays(path))
    try:
        return [one async for one in watcher.appearances(source, partial(_report, report))]
    except VideoFault as fault:
        raise UsageRefused(f"{options.video}: {fault}") from None


def _report(report: ProgressCallback, watched: Watched) -> None:
    duration = watched.info.duration_s
    share = min(1.0, watched.end_s / duration) if duration else 0.0
    report("watching", share, f"{clock(watched.end_s)}, {counted(watched.looks, 'look')}")


def _end(options: WatchOptions, card: ModelCard, found: Sequence[Appearance], watcher: Watcher, refusal: str) -> int:
    watched = watcher.watched
    code = worst([ExitCode.OPEN if watched.trouble else 0, ExitCode.UNDECIDED if refusal else 0])
    if watched.trouble:
        say(f"{options.video}: {watched.trouble}; what was seen until then is listed")
    if refusal:
        say(f"{card.name} may not decide: {refusal}")
    record = _record(options, card, found, watched, int(code))
    if options.report is not None:
        _write_report(options.report, found, record, watched)
    if options.as_json:
        print_json(record)
        leave_open("videos", int(bool(watched.trouble)), watched.trouble)
        return int(code)
    print_table(to_table(found))
    for name, seconds in seconds_of(found).items():
        print_line(f"{name}: {seconds:.1f} s of {watched.end_s:.1f} s")
    if not options.quiet:
        speed = f"{watched.looks / watched.seconds:.0f} looks a second" if watched.seconds else ""
        say(f"{card.name}: {watched.looks} looks, one every {options.every_s:g} s; {speed}")
    return int(code)


def _record(
    options: WatchOptions, card: ModelCard, found: Sequence[Appearance], watched: Watched, code: int
) -> dict[str, object]:
    return {
        "video": str(options.video),
        "model": card.name,
        "duration_s": round(watched.end_s, 3),
        "every_s": options.every_s,
        "decoded": watched.decoded,
        "looks": watched.looks,
        "seconds": round(watched.seconds, 3),
        "looks_per_second": round(watched.looks / watched.seconds, 2) if watched.seconds else None,
        "appearances": to_json(found),
        "seconds_of": seconds_of(found),
        "trouble": watched.trouble,
        "exit": code,
    }


def _write_report(folder: Path, found: Sequence[Appearance], record: Mapping[str, Any], watched: Watched) -> None:
    """Write the page, and the same for programs and players.

    Raises:
        ReportRefused: a file of one of the names is not ours; nothing was written.
        ReportNotWritten: the disk refuses.
    """
    from commands.videos.timeline_page import GENERATOR, TimelineFacts, timeline_html
    from rounds.evaluation.report_files import write_report_files

    name = Path(str(record["video"])).name
    facts = f"{record['model']}, {record['looks']} looks, one every {record['every_s']:g} s"
    page = timeline_html(found, TimelineFacts(name, facts, watched.end_s, watched.trouble))
    contents = {
        PAGE: page.encode("utf-8", "replace"),
        "timeline.json": json_text({"generator": GENERATOR, **record}, indent=1).encode("utf-8", "backslashreplace"),
        "timeline.csv": to_csv(found).encode("utf-8", "backslashreplace"),
        "timeline.vtt": to_vtt(found, f"{GENERATOR}: {name}").encode("utf-8", "replace"),
    }
    refusal = "exists and is not a timeline of crawl watch: left alone; name another folder"
    write_report_files(folder, contents, (PAGE, "timeline.json", "timeline.vtt"), GENERATOR, refusal)
    if not object_is_owed():
        print_line(str(folder / PAGE))
