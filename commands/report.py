"""`crawl report`: a gallery as a whole, as tables, as a page with pictures, or for Datasette; it is only read."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from commands.context.output_paths import check_output, check_output_folder, write_output
from commands.context.workspace import Workspace, load_workspace
from commands.errors import UsageRefused
from commands.lookup.gallery_reader import read_gallery
from commands.lookup.post_links import post_links
from commands.lookup.targets import known_target
from commands.pages.datasette_metadata import datasette_metadata
from commands.pages.report_tables import Report, report_of, screen_of
from commands.terminal.console import print_json
from commands.terminal.tables import print_line, print_table
from storage.reader import Reader


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of `crawl report`."""

    keep: str | None = None
    html: Path | None = None  # folder of the page
    datasette: Path | None = None  # file of its settings
    as_json: bool = False


def run(options: ReportOptions, root: Path | None, config: Path | None) -> int:
    """Tell; writes nothing but what is asked for.

    Raises:
        UsageRefused: the page cannot be drawn or written, or no such target is known.
        ReportRefused: a file of somebody else is where the page should lie.
    """
    _check(options)
    workspace = load_workspace(root, config)
    with read_gallery(workspace) as reader:
        if options.datasette is not None and not reader.database.is_file:
            raise UsageRefused(
                f"--datasette: Datasette reads SQLite's files, and this gallery's rows are on {reader.database}"
            )
        targets = [known_target(reader, options.keep)] if options.keep else reader.targets()
        report = report_of(reader, list(dict.fromkeys(target.name for target in targets)))
        if options.datasette is not None:
            settings = datasette_metadata(workspace.root.name)
            write_output(options.datasette, "--datasette", lambda file: file.write(settings))
        page = _page(options.html, workspace, reader, report) if options.html is not None else None
    written = {"page": page, "datasette": options.datasette}
    if options.as_json:
        print_json(report.to_json() | {name: str(path) for name, path in written.items() if path} | {"exit": 0})
        return 0
    if not any(written.values()):
        print_table(screen_of(report))
    for path in written.values():
        if path is not None:
            print_line(str(path))
    return 0


def _check(options: ReportOptions) -> None:
    if options.datasette is not None:
        check_output(options.datasette, "--datasette")
    if options.html is None:
        return
    check_output_folder(options.html, "--html")
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageRefused("--html draws figures and needs matplotlib: pip install 'boorusieve[plots]'")
    from commands.pages.report_page import check_report_folder

    check_report_folder(options.html)


def _page(folder: Path, workspace: Workspace, reader: Reader, report: Report) -> Path:
    from commands.pages.report_page import FIGURES, GENERATOR, PAGE, REFUSAL, ReportFacts, report_files
    from rounds.evaluation.report_files import write_report_files

    tags = {target.name: target.tag for target in reader.targets()}
    facts = ReportFacts(workspace.root.name, f"{workspace.clock():%Y-%m-%d %H:%M} UTC", tags)
    files = report_files(report, facts, post_links(workspace, reader), reader)
    write_report_files(folder.absolute(), files, (FIGURES, PAGE), GENERATOR, REFUSAL)
    return folder / PAGE
