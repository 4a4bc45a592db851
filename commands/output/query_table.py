"""The table that `crawl query` shows to people: what was decided, by what, and where the picture can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from commands.output.column_fit import filled, fitting
from commands.terminal import tables
from commands.terminal.console import printable, say
from commands.terminal.escapes import plain
from crawler.sources.web_pages import PostLink
from storage.plurals import counted
from storage.reader import Rows
from storage.search.ranking import ASKED_COLUMNS

GALLERY = "gallery"  # folder of the kept files, below the root
ROWS = 50  # on a screen; the other formats give all
WIDEST = 70  # characters of one cell
LEAST = {"why": 24, "reason": 14, "by": 14, "tags_character": 16}  # columns that may wrap, and what they need
EXPENDABLE = ("tags_character", "asked", "label", "by", "where", "score")  # on narrow screens, the first one first
_COLUMNS = ("post_id", "target", "decision", "score", "by", "label", "tags_character", "where")
_COLUMNS_OF_ASKED = ("post_id", "target", "decision", "score", "asked", "why", "label", "tags_character", "where")
_SHOWN_ONCE = ("target", "label", "by")  # columns that are left out where all rows have the same value


def summary_of(rows: Rows, links: Mapping[str, PostLink], root: Path | str) -> tuple[Rows, str]:
    """The columns for people, from all that are known.

    Args:
        rows: with every column of the view `results`.
        links: the addresses of each site's posts, by the site's name.
        root: of the gallery, or the address of its objects.
    Returns:
        Rows to show, and what holds for all of them, in words.
    """
    if not rows.rows:
        return Rows((), []), ""
    records = [dict(record) for record in rows.mappings()]
    for record in records:
        record["by"] = _decided_by(record)
        record["where"] = _where(record, links)
    named = _COLUMNS_OF_ASKED if ASKED_COLUMNS[0] in rows.columns else _COLUMNS
    same = {name: records[0][name] for name in _SHOWN_ONCE if len({record.get(name) for record in records}) == 1}
    shown = [name for name in named if name not in same]
    common = f", all by {same['by']}" if len(records) > 1 and same.get("by") and "by" in named else ""
    if any(record["where"].endswith(f".{record['file_ext']}") for record in records[:ROWS]):
        common += f"; files are in {root}/{GALLERY}"
    return Rows(tuple(shown), [tuple(record.get(name) for name in shown) for record in records]), common


def print_table(rows: Rows, expendable: Sequence[str] = (), common: str = "") -> None:
    """Print at most a screen of rows, and say what is not shown.

    Args:
        rows: what to show.
        expendable: columns that may be left out on a narrow screen, the first one first.
        common: what is the same for all rows.
    """
    cells = {name: [_cell(row[at]) for row in rows.rows[:ROWS]] for at, name in enumerate(rows.columns)}
    columns, gone = fitting(cells, tables.screen_width(), LEAST, expendable)
    if rows.columns:
        tables.print_table(filled(tables.list_table(), columns, tables.screen_width(), LEAST))
    more = len(rows.rows) - ROWS
    tail = f"; {more} more: add --limit or another --format" if more > 0 else ""
    narrow = f"; no room for {', '.join(gone)}: --columns or another --format shows them" if gone else ""
    say(f"{counted(len(rows.rows), 'row')}{common}{tail}{narrow}")


def _decided_by(record: Mapping[str, Any]) -> str:
    """What decided, in a word; a fault says which. The score has a column of its own."""
    by = str(record.get("decided_by") or "")
    return str(record.get("reason") or by) if by == "fault" else by


def _where(record: Mapping[str, Any], links: Mapping[str, PostLink]) -> str:
    """The post's page; the kept file where the site has no address that stays, such as the demo."""
    link = links.get(str(record.get("site")))
    return link(record["post_id"]) if link else str(record.get("path") or "").removeprefix(f"{GALLERY}/")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = f"{value:.3f}" if isinstance(value, float) else printable(str(plain(value)))
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
