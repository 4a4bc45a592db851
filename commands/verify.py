"""`crawl verify`: every file against its row and every row against its file. Reports; never deletes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from commands.console import messages, print_json, results, say
from commands.exit_codes import ExitCode
from commands.places import place
from storage.verify import VerifyReport, verify

SHOWN = 20  # paths of each kind; --json has all

_KINDS = {
    "missing": "missing: a row claims it, the disk has it not",
    "damaged": "damaged: not the bytes that its row says",
    "foreign": "foreign: no row claims it; it was left alone",
    "database": "database",
    "set_aside": "set aside earlier, in damaged/",
}


def run(root: Path | None, config: Path | None, *, as_json: bool) -> int:
    """Verify the root and print what is wrong."""
    where = place(root, config)
    console = messages()
    if console.is_terminal and not as_json:
        with console.status("reading every file") as status:
            report = verify(where.root, progress=lambda n: status.update(f"reading every file: {n} done"))
    else:
        report = verify(where.root)
    code = ExitCode.COMPLETE if sound(report) else ExitCode.DAMAGE
    if as_json:
        print_json(asdict(report) | {"exit": int(code)})
        return int(code)
    for kind, words in _KINDS.items():
        _list(words, getattr(report, kind))
    verdict = "sound" if code is ExitCode.COMPLETE else "not sound; crawl again to fetch what is missing"
    results().print(f"{report.checked} files, {report.bytes_read / 1e6:.1f} MB read: {verdict}", markup=False)
    return int(code)


def sound(report: VerifyReport) -> bool:
    """Whether files, rows and database agree; files of others in the way are damage too, to be looked at."""
    return not (report.missing or report.damaged or report.foreign or report.database)


def _list(words: str, paths: Sequence[str]) -> None:
    for path in paths[:SHOWN]:
        say(f"{words}: {path}")
    if len(paths) > SHOWN:
        say(f"{words}: and {len(paths) - SHOWN} more")
