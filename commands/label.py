"""`crawl label FOLDER`: name the pictures of a folder in a terminal; labels go into a table beside it, files stay."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.errors import PictureFault
from classifier.pictures.class_folders import ClassPicture, LeftOut, files_of, left_out_lines, read_pictures
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.folders.label_session import KEYS, LabelSession, Question
from commands.output.terminal_picture import terminal_picture
from commands.terminal.console import print_json, say
from commands.terminal.interruptible import run_stoppable
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table, results, screen_width
from storage.archive import open_reader
from storage.folders.label_file import LabelFile, label_file_of
from storage.plurals import counted

if TYPE_CHECKING:
    from classifier.progress import ProgressCallback
    from classifier.recognition.package import RecogniserPackage

_PROPOSED = 5  # classes that are offered by number


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """The options of `crawl label`."""

    folder: Path
    with_name: str | None = None  # a recogniser, whose answers are proposed
    as_json: bool = False
    quiet: bool = False


def run(options: LabelOptions, root: Path | None, config: Path | None) -> int:
    """Ask, until all pictures have a label or the person ends it.

    Raises:
        UsageRefused: there is no such folder, or it has no pictures.
        WrongKind, UnknownModel: what is named is no recogniser.
    """
    if not options.folder.is_dir():
        raise UsageRefused(f"there is no folder {options.folder}; name one with pictures to label")
    workspace = load_workspace(root, config)
    return run_stoppable(_run(options, workspace), lambda: "every label is written; run the same command to go on")


async def _run(options: LabelOptions, workspace: Workspace) -> int:
    async with reporting(quiet=options.quiet or options.as_json) as report:
        package = _package(options, workspace)
        pictures, left = await asyncio.to_thread(_pictures, options.folder, report)
        with LabelFile(label_file_of(options.folder), lambda: datetime.now(UTC)) as file:
            labelled = file.labels
            open_ones = [one for one in pictures if one.name not in labelled or labelled[one.name].md5 != one.md5]
            known = Counter(one.label for one in labelled.values())
            questions = await _questions(package, open_ones, known, workspace, report)
    if not options.quiet:
        for line in left_out_lines(left):
            say(line)
        say(f"{counted(len(open_ones), 'picture')} without a label, {len(labelled)} labelled; {KEYS}")
    names = sorted({*known, *(package.recogniser.names if package is not None else ())})
    with LabelFile(label_file_of(options.folder), lambda: datetime.now(UTC)) as file:
        session = LabelSession(questions, names, file, _ask, print_line, _show_picture)
        written = await asyncio.to_thread(session.run)
        every = Counter(one.label for one in file.labels.values())
    return _say(options, len(open_ones) - written, written, every)


def _say(options: LabelOptions, still_open: int, written: int, every: Counter[str]) -> int:
    table = label_file_of(options.folder)
    code = 0 if not still_open else 3
    if options.as_json:
        print_json({"labels": str(table), "written": written, "open": still_open, "classes": dict(every), "exit": code})
    elif not options.quiet:
        say(f"{counted(written, 'label')} written to {table}; {still_open} still open")
    return code


def _package(options: LabelOptions, workspace: Workspace) -> RecogniserPackage | None:
    if options.with_name is None:
        return None
    from commands.context.registered_models import recogniser_named

    with open_reader(workspace.root) as reader:
        return recogniser_named(workspace, reader.models(), options.with_name)


def _pictures(folder: Path, report: ProgressCallback) -> tuple[list[ClassPicture], list[LeftOut]]:
    """The pictures below a folder.

    Raises:
        UsageRefused: there are none.
    """
    left: list[LeftOut] = []
    files = [(file, "") for _, file in files_of(folder, [folder], left)]
    found = read_pictures(folder, files, left, lambda share, words: report("listing", share, words))
    if not found:
        raise UsageRefused(f"{folder} has no pictures; name a folder with pictures to label")
    return found, left


async def _questions(
    package: RecogniserPackage | None,
    pictures: Sequence[ClassPicture],
    known: Counter[str],
    workspace: Workspace,
    report: ProgressCallback,
) -> list[Question]:
    """The pictures in the order in which they are asked about; those that cannot be scored last."""
    if package is None or not pictures:
        return [Question(one) for one in pictures]
    from classifier.recognition.label_order import asking_order, proposals
    from commands.context.registered_models import recogniser_scores

    scored = await recogniser_scores(package, pictures, workspace, report)
    classes = package.recogniser.classes
    order = asking_order(scored.probabilities, classes, known + Counter(package.snapshot.get("pictures") or {}))
    asked = [
        Question(scored.pictures[row], tuple(proposals(scored.probabilities[row], classes, _PROPOSED))) for row in order
    ]
    there = {one.name for one in scored.pictures}
    return [*asked, *(Question(one) for one in pictures if one.name not in there)]


def _ask(prompt: str) -> str | None:
    if sys.stdin.isatty():
        print_line(prompt)
    line = sys.stdin.readline()
    return line if line else None


def _show_picture(picture: ClassPicture) -> None:
    """Where the terminal shows colours."""
    if not results().is_terminal or results().no_color:
        return
    from classifier.pictures.thumbnails import thumbnail

    try:
        small = thumbnail(picture.read())
        if small is not None:
            print_table(terminal_picture(small, screen_width()))
    except (OSError, PictureFault) as error:
        print_line(f"it cannot be shown: {error}")
