"""Every row of a gallery from one database into another, whatever their engines: in the order of keys, in batches.

What is there already is not written again, so a copy that was killed goes on behind the last row of each table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select

from storage.database.engine import database_behind
from storage.database.engines.old_events import go_on_after, guards_resting, last_number, remembers_numbers
from storage.database.engines.stored_rows import same_rows, stored_rows, write_stored
from storage.database.error_translation import at_border
from storage.database.tables import Base, GalleryRow, PostRow

TABLES: Sequence[Table] = [
    table for table in Base.metadata.sorted_tables if table.name != GalleryRow.__tablename__
]  # those that are referred to come first; the gallery's own row says whose copy it is

_COMPARED = 5000  # rows at once


@dataclass(frozen=True, slots=True)
class Batches:
    """How rows are written."""

    rows: int = 10_000  # that share a transaction: 10 MB of vectors
    rest_from: int = 20_000  # posts; of fewer, to make indexes anew would take longer than to keep them
    on_end: Callable[[str, int], None] = lambda table, rows: None  # one is durable; rows of its table, of this call


def is_large(source: Connection, batches: Batches) -> bool:
    """Whether references and indexes of the target should rest meanwhile."""
    return int(source.execute(select(func.coalesce(func.max(PostRow.key), 0))).scalar_one()) >= batches.rest_from


def copy_rows(source: Connection, target: Connection, batches: Batches) -> int:
    """Write the rows that are missing behind the last ones of each table, a transaction a batch.

    Args:
        source: in a transaction, so that nothing changes meanwhile.
        target: outside transactions; its rows, if any, are an earlier part of the same.
        batches: how many rows share a transaction, and what is told then.
    Returns:
        how many rows were written.
    Raises:
        DatabaseError: either database refuses.
    """
    written = 0
    for table in TABLES:
        with at_border(database_behind(target)), target.begin():
            last = target.execute(select(*_key(table)).order_by(*(one.desc() for one in _key(table))).limit(1)).first()
        done = 0
        for rows in stored_rows(source, table, last, batches.rows):
            with at_border(database_behind(target)), target.begin(), guards_resting(target, table):
                write_stored(target, table, rows)
            done += len(rows)
            batches.on_end(table.name, done)
        written += done
    return written


def copy_numbers(source: Connection, target: Connection) -> None:
    """Let new rows of the target get numbers that none of the source's ever had.

    Args:
        source: in a transaction.
        target: in a writing transaction.
    """
    for table in _numbered():
        go_on_after(target, table, last_number(source, table))


def first_difference(source: Connection, target: Connection) -> str | None:
    """The table of the first row that is not the same in both, in any column; None: all rows are.

    Args:
        source: in a transaction.
        target: in a transaction.
    """
    for table in TABLES:
        if not _same(table, source, target):
            return table.name
    for table in filter(remembers_numbers, TABLES):
        if last_number(source, table) > last_number(target, table):
            return table.name
    return None


def remove_rows(target: Connection) -> None:
    """Take every row of a half-made copy away again; all or nothing.

    Args:
        target: in a writing transaction.
    """
    for table in reversed(TABLES):
        with guards_resting(target, table):
            target.execute(delete(table))


def _same(table: Table, one: Connection, other: Connection) -> bool:
    its, others = (stored_rows(where, table, None, _COMPARED, escaped=True) for where in (one, other))
    with closing(its), closing(others):
        return all(same_rows(table, one, some, other, same) for some, same in zip_longest(its, others, fillvalue=()))


def _key(table: Table) -> list[Any]:
    return list(table.primary_key.columns)


def _numbered() -> list[Table]:
    return [table for table in TABLES if table.autoincrement_column is not None]
