"""The folder that `--from`, `--on` or `--truth` means, and the labels that `crawl label` wrote beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from classifier.pictures.hand_labels import NONE, HandLabels
from commands.errors import UsageRefused
from commands.terminal.console import say
from storage.errors import UnreadableFile
from storage.folders.label_file import ENDING, PictureLabel, label_file_of, read_labels


def labelled_source(source: Path) -> tuple[Path, HandLabels]:
    """The folder, and what a person said of its pictures.

    Args:
        source: a folder, whose labels count more than its class folders; or the table itself, `FOLDER.labels.csv`,
            whose labels count alone.

    Raises:
        UsageRefused: the folder of a table is not there.
        UnreadableFile: the table that was named is none of labels.
    """
    if source.name.endswith(ENDING) and not source.is_dir():
        rows = read_labels(source).values()
        folder = source.with_name(source.name.removesuffix(ENDING))
        if not folder.is_dir():
            raise UsageRefused(f"{source} has the labels of {folder}, which is no folder; put the table beside it")
        return folder, HandLabels.of(source, _rows(rows), alone=True)
    table = label_file_of(source)
    if not table.is_file():
        return source, NONE
    try:
        rows = read_labels(table).values()
    except UnreadableFile:
        say(f"{table} is no table of crawl label, and is left out")
        return source, NONE
    return source, HandLabels.of(source.with_name(table.name), _rows(rows), alone=False) if rows else NONE


def _rows(labels: Iterable[PictureLabel]) -> list[tuple[str, str, str]]:
    return [(one.path, one.md5, one.label) for one in labels]
