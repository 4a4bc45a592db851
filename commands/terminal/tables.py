"""What people read on standard output: tables, lines and pages of help; colours only on a terminal.

Characters that the terminal's encoding lacks are replaced; nothing fails because of them.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from functools import cache
from typing import IO, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from commands.terminal.escapes import printable
from commands.terminal.streams import OUTPUT

_NARROW = 50  # characters; below that, names of facts wrap too
_SCREEN = range(20, 1001)  # characters in a line


def settle_screen(environ: MutableMapping[str, str]) -> None:
    """Take only a width from COLUMNS that a screen can have: with 0, which some terminals say, nothing was printed."""
    columns = environ.get("COLUMNS", "")
    width = int(columns) if re.fullmatch(r"[0-9]{1,9}", columns) else 0
    if columns and width not in _SCREEN:
        del environ["COLUMNS"]
        if width:
            environ["COLUMNS"] = str(min(max(width, _SCREEN[0]), _SCREEN[-1]))


def list_table() -> Table:
    """Rows below a line of headings, for `commands.output.column_fit.filled`."""
    return Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")


def facts_table(title: Text | None = None) -> Table:
    """Two columns, name and value, below a title, which widens a table that is narrower."""
    table = Table(
        title=title,
        min_width=None if title is None else min(title.cell_len, screen_width()),
        title_justify="left",
        title_style="bold",
        show_header=False,
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    widest = screen_width() // 3 if screen_width() < _NARROW else None
    table.add_column(style="bold", no_wrap=widest is None, max_width=widest, overflow="fold")
    table.add_column(overflow="fold")
    return table


@cache
def results() -> Console:
    """Standard output."""
    return Console(file=cast("IO[str]", OUTPUT), highlight=False, emoji=False)


def screen_width() -> int:
    """Characters in a line of the screen."""
    return results().width


def print_table(table: RenderableType) -> None:
    """A table, or several things one below the other."""
    results().print(table)


def print_line(text: str, console: Console | None = None) -> None:
    """One line, however long, on standard output or what stands for it; what came from outside is made harmless."""
    (console or results()).print(printable(text), markup=False, soft_wrap=True)


def print_page(text: str) -> None:
    """A page of our own text, such as help."""
    OUTPUT.write(text + "\n")
