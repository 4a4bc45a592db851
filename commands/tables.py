"""What people read on standard output: tables, lines and pages of help; colours only on a terminal.

Characters that the terminal's encoding lacks are replaced; nothing fails because of them.
"""

from __future__ import annotations

from functools import cache
from typing import IO, cast

from rich.console import Console, RenderableType

from commands.escapes import printable
from commands.streams import OUTPUT


@cache
def results() -> Console:
    """Standard output."""
    return Console(file=cast("IO[str]", OUTPUT), highlight=False)


def screen_width() -> int:
    """Characters in a line of the screen."""
    return results().width


def print_table(table: RenderableType) -> None:
    """A table, or several things one below the other."""
    results().print(table)


def print_line(text: str) -> None:
    """One line, however long; whatever came from outside is made harmless."""
    results().print(printable(text), markup=False, soft_wrap=True)


def print_page(text: str) -> None:
    """A page of our own text, such as help."""
    OUTPUT.write(text + "\n")
