"""`crawl label FOLDER`: name its pictures in a terminal or on a page; labels go into a table beside it, files stay."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.errors import PictureFault
from classifier.pictures.class_folders import ClassPicture, LeftOut, files_of, left_out_lines, read_pictures
from classifier.recognition.labels import NOBODY
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.folders.label_desk import LabelDesk, Question
from commands.folders.label_session import KEYS, LabelSession
from commands.lookup.gallery_reader import read_gallery
from commands.output.terminal_picture import terminal_picture
from commands.pages.page_server import Serve, announce_page, serve_page
from commands.terminal.console import print_json, say
from commands.terminal.interruptible import run_stoppable
from commands.terminal.machine_formats import leave_open
from commands.terminal.stage_progress import reporting
from commands.terminal.tables import print_line, print_table, results, screen_width
from storage.folders.label_file import LabelFile, label_file_of
from storage.plurals import counted

if TYPE_CHECKING:
    import socket

    from classifier.progress import ProgressCallback
    from classifier.recognition.package import RecogniserPackage

DEFAULT_PORT = 8788  # beside the review page's
_PROPOSED = 5  # classes that are offered by number
_KEPT = "every label is written; run the same command to go on"


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """The options of `crawl label`."""

    folder: Path
    with_name: str | None = None  # a recogniser, whose answers are proposed
    page: bool = False  # ask on a web page, not in the terminal
    port: int | None = None  # of the page; None: the usual one
    open_browser: bool = False
    as_json: bool = False
    quiet: bool = False


@dataclass(slots=True)
class Sitting:
    """What is asked, once everything is read."""

    questions: Sequence[Question] = ()
    names: Sequence[str] = ()  # of classes that are known already
    ready: bool = False


def run(options: LabelOptions, root: Path | None, config: Path | None, serve: Serve | None = None) -> int:
    """Ask, until all pictures have a label or the person ends it.

    Args:
        options: see there.
        root: the gallery that has the recogniser; None: that of the settings.
        config: the settings' file; None: the one in the current folder, if any.
        serve: serves the page; None: as `crawl review` does.

    Raises:
        UsageRefused: there is no such folder, or it has no pictures; or an option that goes with another one alone.
        WrongKind, UnknownModel: what is named is no recogniser.
        FolderBusy: somebody labels the folder at this moment.
        PortTaken: another program has the page's port.
    """
    if not options.folder.is_dir():
        raise UsageRefused(f"there is no folder {options.folder}; name one with pictures to label")
    if not options.page and (options.port is not None or options.open_browser):
        raise UsageRefused("--port and --open are about the page; add --page")
    workspace = load_workspace(root, config)
    with ExitStack() as stack:
        listening = stack.enter_context(_bound(options)) if options.page else None
        file = LabelFile(label_file_of(options.folder), lambda: datetime.now(UTC))
        sitting = Sitting()
        code = run_stoppable(_begin(options, workspace, file, sitting, stack), lambda: _KEPT)
        if not sitting.ready:
            return code
        if listening is not None:
            written = _on_page(options, sitting, file, listening, serve)
        else:
            session = _session(options, sitting, file)
            code = run_stoppable(_in_terminal(session), lambda: _KEPT)
            written = len(session.done)
            if code:
                return code
        every = Counter(one.label for one in file.labels.values())
        return _say(options, len(sitting.questions) - written, written, every)


def _session(options: LabelOptions, sitting: Sitting, file: LabelFile) -> LabelSession:
    """A sitting in the terminal; where standard output is for one JSON object, the conversation is beside it."""
    if options.as_json:
        return LabelSession(sitting.questions, list(sitting.names), file, _ask_aside, say, lambda _: None)
    return LabelSession(sitting.questions, list(sitting.names), file, _ask, print_line, _show_picture)


async def _in_terminal(session: LabelSession) -> int:
    await asyncio.to_thread(session.run)
    return 0


async def _begin(
    options: LabelOptions, workspace: Workspace, file: LabelFile, sitting: Sitting, stack: ExitStack
) -> int:
    """Read the folder, open the table, and put the questions in order."""
    async with reporting(quiet=options.quiet or options.as_json) as report:
        package = _package(options, workspace)
        pictures, left = await asyncio.to_thread(_pictures, options.folder, report)
        stack.enter_context(file)
        labelled = file.labels
        open_ones = [one for one in pictures if not file.of(one.name, one.md5)]
        known = Counter(one.label for one in labelled.values())
        sitting.questions = await _questions(package, open_ones, known, workspace, report)
    sitting.names = sorted({NOBODY, *known, *(package.recogniser.names if package is not None else ())})
    sitting.ready = True
    if not options.quiet:
        for line in left_out_lines(left):
            say(line)
        keys = "" if options.page else f"; {KEYS}"
        say(f"{counted(len(open_ones), 'picture')} without a label, {len(labelled)} labelled{keys}")
    return 0


def _bound(options: LabelOptions) -> socket.socket:
    from review.server import bind

    return bind(DEFAULT_PORT if options.port is None else options.port)


def _on_page(
    options: LabelOptions, sitting: Sitting, file: LabelFile, listening: socket.socket, serve: Serve | None
) -> int:
    """Serve the page until Ctrl-C; gives the number of pictures that have a label then."""
    from review.gate import Address
    from review.label_app import LabelPage, create_label_app
    from review.server import port_of

    desk = LabelDesk(sitting.questions, sitting.names, file)
    address = Address(port_of(listening))
    page = LabelPage(
        service=desk,
        address=address,
        folder=str(options.folder),
        model=options.with_name or "",
        table=str(label_file_of(options.folder)),
    )
    announce = partial(announce_page, address.url, open_browser=options.open_browser)
    with suppress(KeyboardInterrupt):
        asyncio.run((serve or serve_page)(create_label_app(page), listening, announce))
    return desk.written


def _say(options: LabelOptions, still_open: int, written: int, every: Counter[str]) -> int:
    table = label_file_of(options.folder)
    code = 0 if not still_open else 3
    leave_open("pictures", still_open, "they have no label yet; the same command goes on")
    if options.as_json:
        print_json({"labels": str(table), "written": written, "classes": dict(every), "exit": code})
    elif not options.quiet:
        say(f"{counted(written, 'label')} written to {table}; {still_open} still open")
        if every:
            say(f"crawl train NAME --from {options.folder} --classes learns from them")
    return code


def _package(options: LabelOptions, workspace: Workspace) -> RecogniserPackage | None:
    if options.with_name is None:
        return None
    from commands.context.registered_models import verified_recogniser
    from commands.lookup.model_targets import recogniser_among

    with read_gallery(workspace) as reader:
        return verified_recogniser(workspace, recogniser_among(reader.models(), options.with_name))


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


def _ask_aside(prompt: str) -> str | None:
    return _ask(prompt, say)


def _ask(prompt: str, show: Callable[[str], None] = print_line) -> str | None:
    if sys.stdin.isatty():
        show(prompt)
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
