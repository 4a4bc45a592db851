"""`crawl export FORMAT DIR [EXPRESSION]`: a dataset for a trainer, sidecars for another program, or a table."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from commands.context.output_paths import check_output_folder
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.targets import known_target
from commands.terminal.allowed_values import CAPTIONS, EXPORTS, PLACING
from commands.terminal.console import complain, print_json, printable, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open
from commands.terminal.stage_progress import reporting
from commands.terminal.suggestions import choose
from commands.terminal.tables import facts_table, print_line, print_table
from interchange.captions.drop_list import DropList, patterns_of
from interchange.captions.tag_words import Spelling
from interchange.captions.template import DEFAULT, CaptionStyle
from interchange.choice import Choice
from interchange.export import ExportRequest, ExportResult, export
from interchange.files.pictures import FORMATS, PictureSettings
from interchange.files.placement import How, Result
from interchange.layouts.layout import LayoutOptions
from interchange.withdrawal import withdraw
from storage.plurals import counted
from storage.reader import Reader
from storage.search.language import And, Metatag, Query, parse
from storage.small_files import read_small_file

_KEPT = "decision:keep"
_LONGEST_LIST = 1 << 20  # bytes of a list of tags
_RATINGS = ("g", "s", "q", "e")


@dataclass(frozen=True, slots=True)
class Wording:
    """How captions are written, as typed."""

    caption: str | None = None
    captions: str = "txt"
    trigger: str = ""
    drop: tuple[str, ...] = ()
    shuffle: bool = False
    seed: int = 0
    underscores: bool = False
    escape: bool = False
    rating_words: str = "general,sensitive,questionable,explicit"


@dataclass(frozen=True, slots=True)
class Picturing:
    """Which pictures, and how they come into the folder, as typed."""

    how: str = "copy"
    renditions: bool = False
    least_side: int = 0
    most_side: int | None = None
    format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What the user asked for."""

    format: str
    folder: Path
    expression: str = ""
    keep: str | None = None
    split: bool = False
    withdraw: tuple[str, ...] = ()
    repeats: int = 1
    shard_size: int = 1000
    wording: Wording = field(default_factory=Wording)
    picturing: Picturing = field(default_factory=Picturing)
    as_json: bool = False
    quiet: bool = False


def run(options: ExportOptions, root: Path | None, config: Path | None) -> int:
    """Write the export, or take posts out of one.

    Raises:
        UsageRefused, InterchangeRefused: what was asked for makes no sense here; nothing was done.
        QueryError: the expression cannot be read; it names the term.
        StorageError: the disk refuses, or is full; what was written is whole.
    """
    choose("FORMAT", options.format, EXPORTS)
    check_output_folder(options.folder, "DIR")
    workspace = load_workspace(root, config)
    if options.withdraw:
        return _withdraw(options)
    return run_stoppable(
        _run(options, workspace),
        lambda: f"what was written to {options.folder} is whole; run the same command to go on",
    )


async def _run(options: ExportOptions, workspace: Workspace) -> int:
    stop = threading.Event()
    with read_gallery(workspace) as reader:
        request = _request(options, reader)
        async with reporting(quiet=options.quiet or options.as_json) as report:

            def tell(done: int, of: int) -> None:
                if stop.is_set():
                    raise _Stopped
                report("exporting", done / of, f"{done} of {of} posts")

            work = asyncio.create_task(asyncio.to_thread(export, request, reader, tell))
            try:
                result = await asyncio.shield(work)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.gather(work, return_exceptions=True)
                raise
    return _end(options, request, result)


def _withdraw(options: ExportOptions) -> int:
    if options.expression:
        raise UsageRefused("--withdraw takes posts by their numbers, and no expression")
    numbers = [post_number(word) for word in options.withdraw]
    result = withdraw(options.folder.absolute(), options.format, numbers)
    if options.as_json:
        print_json({"withdrawn": result.withdrawn, "unknown": result.unknown, "stay": result.stay})
    for name in result.withdrawn if not options.as_json else ():
        print_line(f"withdrawn: {name}")
    for path in result.stay:
        say(f"{path} was changed by hand, and stays; remove it yourself")
    for number in result.unknown:
        complain(f"post {number} is not in this export")
    leave_open("posts", len(result.unknown), "not in this export")
    return int(ExitCode.OPEN if result.unknown or result.stay else ExitCode.COMPLETE)


def post_number(word: str) -> int:
    """A post's number.

    Raises:
        UsageRefused: it is none.
    """
    if not word.isdecimal() or not 0 < int(word) < 2**63:
        raise UsageRefused(f"{word!r} is not a post id; nothing was done")
    return int(word)


class _Stopped(Exception):
    """The user asked to stop."""


def _request(options: ExportOptions, reader: Reader) -> ExportRequest:
    """Everything that was typed, checked."""
    wording, picturing = options.wording, options.picturing
    choose("--how", picturing.how, PLACING)
    choose("--captions", wording.captions, CAPTIONS)
    if picturing.format is not None:
        choose("--pictures", picturing.format, tuple(FORMATS))
    query = _query(options, reader)
    if wording.trigger and options.keep is None and len(reader.targets()) > 1:
        raise UsageRefused("--trigger is one target's word; say whose: --keep NAME")
    style = CaptionStyle(
        template=wording.caption or DEFAULT,
        trigger=wording.trigger.strip(),
        spelling=Spelling(spaces=not wording.underscores, escape=wording.escape),
        drop=DropList(_dropped(wording.drop)),
        shuffled=wording.shuffle,
        seed=wording.seed,
        rating_words=dict(zip(_RATINGS, _rating_words(wording.rating_words), strict=True)),
    )
    return ExportRequest(
        folder=options.folder.absolute(),
        format=options.format,
        query=query,
        now=datetime.now(UTC),
        how=How(picturing.how),
        pictures=PictureSettings(picturing.most_side, picturing.format),
        choice=Choice(renditions=picturing.renditions, least_side=picturing.least_side),
        options=LayoutOptions(
            style=style,
            captions=wording.captions,
            repeats=options.repeats,
            resolution=picturing.most_side or 1024,
            split=options.split,
            shard_size=options.shard_size,
        ),
    )


def _query(options: ExportOptions, reader: Reader) -> Query:
    """The expression, and the target that is meant."""
    query = parse(options.expression or _KEPT)
    if options.keep is None:
        return query
    target = known_target(reader, options.keep)
    return Query(And((query.root, Metatag("target", target.name))), query.order, query.limit)


def _dropped(words: tuple[str, ...]) -> tuple[str, ...]:
    patterns: list[str] = []
    for word in words:
        text = read_small_file(Path(word[1:]), _LONGEST_LIST).text() if word.startswith("@") else word
        patterns += patterns_of(text)
    return tuple(patterns)


def _rating_words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if len(words) != len(_RATINGS):
        raise UsageRefused(f"--rating-words {text!r} has {len(words)} words; give four, for g, s, q and e")
    return words


def _end(options: ExportOptions, request: ExportRequest, result: ExportResult) -> int:
    still_open = result.left_out.open
    code = ExitCode.OPEN if still_open.total() else ExitCode.COMPLETE
    if options.as_json:
        print_json(_to_json(request, result))
    else:
        print_table(_to_table(request, result))
    for why, number in still_open.items():
        leave_open("posts", number, why)
    if not options.quiet:
        for line in result.notes:
            say(line)
        for line in result.left_out.lines():
            say(f"left out, {line}")
    return int(code)


def _to_json(request: ExportRequest, result: ExportResult) -> dict[str, Any]:
    return {
        "format": request.format,
        "folder": str(request.folder),
        "found": result.found,
        "exported": result.samples,
        "classes": dict(result.classes),
        "left_out": dict(result.left_out.count),
        "kept_from_before": result.kept_from_before,
        "removed": result.removed,
        "files": {name: result.files[name] for name in Result},
    }


def _to_table(request: ExportRequest, result: ExportResult) -> RenderableType:
    title = Text(printable(f"{counted(result.samples, 'post')} for {request.format} in {request.folder}"), style="bold")
    table = facts_table()
    for label, number in sorted(result.classes.items()):
        table.add_row(label, str(number))
    written = ", ".join(f"{result.files[name]} {name}" for name in Result if result.files[name])
    table.add_row("files", written or "none")
    if result.removed:
        table.add_row("removed", f"{counted(result.removed, 'post')} of earlier runs that no longer belong")
    if result.kept_from_before:
        table.add_row("kept", f"{counted(result.kept_from_before, 'post')} as an earlier run exported them")
    return Group(title, table)
