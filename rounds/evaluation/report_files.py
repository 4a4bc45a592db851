"""A report's pages and files: one head and style for all pages; in a folder that holds others, only ours are replaced.

A page's policy allows nothing from anywhere, and no script. Names and tags are untrusted input: everything is escaped
but values marked safe.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from rounds.errors import ReportNotWritten, ReportRefused
from storage.files.single_files import write_whole

_POLICY = "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'"
_STYLE = "evaluation_report.css"
_LOOKED_AT = 1000  # bytes at the beginning that hold the generator's name


def rendered(
    name: str, *, style: str, made: datetime, generator: str, filters: Mapping[str, Callable[..., Any]], **values: Any
) -> str:
    """A page that needs nothing else.

    Args:
        name: of the template, which extends `report.html`.
        style: after the style that all reports have.
        made: when it was measured.
        generator: of the page, by which it is known again.
        filters: of the template.
        values: of the template; `evaluation` has a model's name, and of what it was measured on.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_text),
    )
    environment.filters |= filters
    whole = _text(_STYLE) + style
    digest = base64.b64encode(hashlib.sha256(whole.encode()).digest()).decode()
    return environment.get_template(name).render(
        style=whole,
        policy=_POLICY.format(style=digest),
        generator=generator,
        made=made.strftime("%Y-%m-%d %H:%M UTC"),
        **values,
    )


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


def _text(name: str) -> str:
    return files("rounds.evaluation").joinpath("templates", name).read_text(encoding="utf-8")
