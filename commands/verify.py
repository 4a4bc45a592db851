"""`crawl verify`: every file against its row, every row against its file, every model. Reports; never deletes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from commands.context.registered_models import verified
from commands.context.workspace import Workspace, load_workspace
from commands.terminal.console import messages, print_json, say
from commands.terminal.exit_codes import ExitCode
from commands.terminal.tables import print_line
from storage.archive import open_reader
from storage.lifecycle.verify import verify
from storage.plurals import counted

SHOWN = 20  # paths of each kind; --json has all

_KINDS = {
    "missing": "missing: a row claims it, the disk has it not",
    "damaged": "damaged: not the bytes that its row says",
    "foreign": "foreign: no row claims it; it was left alone",
    "database": "database",
    "set_aside": "set aside earlier, in damaged/",
    "half_made": "a round is or was at work in it; the next command that writes removes it once it is a day old",
    "left_over": "no model is registered for it (crawl models import takes a whole one)",
}


def run(root: Path | None, config: Path | None, *, as_json: bool) -> int:
    """Verify the root and print what is wrong."""
    workspace = load_workspace(root, config)
    console = messages()
    if console.is_terminal and not as_json:
        with console.status("reading every file") as status:
            report = verify(workspace.root, progress=lambda n: status.update(f"reading every file: {n} done"))
    else:
        report = verify(workspace.root)
    models = list(_altered_models(workspace))
    code = ExitCode.COMPLETE if report.whole and not models else ExitCode.DAMAGE
    if as_json:
        print_json(asdict(report) | {"models": models, "exit": int(code)})
        return int(code)
    _list("damaged model", models)
    for kind, words in _KINDS.items():
        _list(words, getattr(report, kind))
    found = [f"{len(getattr(report, kind))} {kind}" for kind in ("missing", "damaged", "foreign", "database")]
    found += [f"{len(models)} damaged models"] if models else []
    verdict = "no damage" if code == ExitCode.COMPLETE else f"damage ({', '.join(found)}); nothing was changed"
    files = counted(report.checked, "file")
    print_line(f"{files}, {report.bytes_read / 1e6:.1f} MB read: {verdict}")
    return int(code)


def _altered_models(workspace: Workspace) -> Iterator[str]:
    """Registered models whose files are not what was registered."""
    from classifier.errors import ModelError

    with open_reader(workspace.root) as reader:
        registered = reader.models()
    for model in registered:
        try:
            verified(workspace, model)
        except ModelError as error:
            yield f"{model.card.name}: {error}"


def _list(words: str, paths: Sequence[str]) -> None:
    for path in paths[:SHOWN]:
        say(f"{words}: {path}")
    if len(paths) > SHOWN:
        say(f"{words}: and {len(paths) - SHOWN} more")
