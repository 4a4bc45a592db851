"""Tables on narrow screens: rather fewer columns than columns that nobody can read.

Squeezed into 80 characters, a sentence became a column of single words, six lines a row, and tags were cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from commands.terminal.console import printable

_BORDER = 3  # characters that each column costs besides its words
_SHORT = 12  # characters that are not broken into two lines, however narrow the screen


def filled(table: Table, columns: Mapping[str, Sequence[str]], width: int, least: Mapping[str, int]) -> Table:
    """Put columns into an empty table.

    Args:
        table: how it looks.
        columns: cells by name; all equally many.
        width: of the screen, characters.
        least: names of columns that may wrap -> how many characters they need to stay readable. The others wrap only
            where there is no room for all that.
    """
    roomy = _needed(columns, least) <= width
    for name, cells in columns.items():
        widest = _widest(name, cells)
        wraps = name in least or (not roomy and widest > _SHORT)
        least_width = min(least[name], widest) if roomy and name in least else None
        table.add_column(Text(name), no_wrap=not wraps, min_width=least_width, overflow="fold" if wraps else "ellipsis")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


def fitting(
    columns: Mapping[str, Sequence[str]], width: int, least: Mapping[str, int], expendable: Sequence[str]
) -> tuple[Mapping[str, Sequence[str]], Sequence[str]]:
    """Leave columns out until the others can be read.

    Args:
        columns: cells by name.
        width: of the screen, characters.
        least: as in `filled`.
        expendable: which may go, the first one first.
    Returns:
        The columns that stay, and the names of those that do not.
    """
    kept, gone = dict(columns), []
    for name in expendable:
        if _needed(kept, least) <= width:
            break
        if kept.pop(name, None) is not None:
            gone.append(name)
    return kept, gone


def _needed(columns: Mapping[str, Sequence[str]], least: Mapping[str, int]) -> int:
    widths = (min(_widest(name, cells), least.get(name, 10**6)) for name, cells in columns.items())
    return 1 + sum(width + _BORDER for width in widths)


def _widest(name: str, cells: Sequence[str]) -> int:
    return max(map(cell_len, (name, *cells)))
