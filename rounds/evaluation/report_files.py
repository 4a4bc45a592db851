"""A report's files in a folder that may hold others: only reports of ours are replaced."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from rounds.errors import ReportNotWritten, ReportRefused
from storage.files.tree import write_whole

_LOOKED_AT = 1000  # bytes at the beginning that hold the generator's name


def write_report_files(
    folder: Path, contents: Mapping[str, bytes], marked: Collection[str], generator: str, refusal: str
) -> None:
    """Write a report's files, each whole or not at all.

    Args:
        folder: made when it is not there.
        contents: by name, in the order of writing; a marked one comes first, so that a report cut short is known.
        marked: names of those that hold the generator's name at their beginning.
        generator: that name.
        refusal: what a file of that name is, that is not ours, and what to do: the rest of a sentence.

    Raises:
        ReportRefused: a file of one of the names is not ours; nothing was written.
        ReportNotWritten: the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_report_files(folder, contents, marked, generator, refusal)
        for name, content in contents.items():
            write_whole(folder / name, content)
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else folder
        raise ReportNotWritten(
            f"{where}: {error.strerror or error}; the report was not written; free some space or name another folder"
        ) from error


def check_report_files(
    folder: Path, names: Iterable[str], marked: Collection[str], generator: str, refusal: str
) -> None:
    """Check that a report may be written, before it is made; arguments as for `write_report_files`.

    Raises:
        ReportRefused: a file of one of the names is not ours.
        OSError: one cannot be read.
    """
    there = [name for name in names if (folder / name).exists() or (folder / name).is_symlink()]
    ours = {name for name in marked if name in there and _is_ours(folder / name, generator)}
    for name in there:
        if name not in ours and (name in marked or not ours):
            raise ReportRefused(f"{folder / name} {refusal}")


def _is_ours(path: Path, generator: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as opened:
        return generator.encode() in opened.read(_LOOKED_AT)
