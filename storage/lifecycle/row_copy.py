"""Every row of a gallery from one database into another, whatever their engines: in the order of keys, in batches.

What is there already is not written again, so a copy that was killed goes on behind the last row of each table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    cast,
    column,
    delete,
    insert,
    literal,
    select,
    tuple_,
)
from sqlalchemy import (
    table as named,
)

from storage.database.engine import database_behind
from storage.database.engines.old_events import go_on_after, guards_resting, last_number, remembers_numbers
from storage.database.engines.postgres_copy import copy_in
from storage.database.error_translation import at_border
from storage.database.tables import Base, GalleryRow

TABLES: Sequence[Table] = [
    table for table in Base.metadata.sorted_tables if table.name != GalleryRow.__tablename__
]  # those that are referred to come first; the gallery's own row says whose copy it is


@dataclass(frozen=True, slots=True)
class Batches:
    """How rows are written."""

    rows: int = 2000  # that share a transaction: 5 MB of vectors
    on_end: Callable[[str, int], None] = lambda table, rows: None  # one is durable; rows of its table, of this call


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
        for rows in _batches(source, table, last, batches.rows):
            with at_border(database_behind(target)), target.begin(), guards_resting(target, table):
                _write(target, table, rows)
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
        one, other = (chain.from_iterable(_batches(where, table, None)) for where in (source, target))
        if any(row is None or same is None or tuple(row) != tuple(same) for row, same in zip_longest(one, other)):
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


def _batches(
    connection: Connection, table: Table, after: Sequence[Any] | None, rows_at_once: int = 2000
) -> Iterator[Sequence[Row[Any]]]:
    """A table's rows behind a key, in the order of keys."""
    places = [table.c.keys().index(one.key) for one in _key(table)]
    while True:
        statement = select(*map(_stored, table.c)).order_by(*_key(table)).limit(rows_at_once)
        if after is not None:
            last = (literal(value, one.type) for value, one in zip(after, _key(table), strict=True))
            statement = statement.where(tuple_(*_key(table)) > tuple_(*last))
        with at_border(database_behind(connection)):
            rows = connection.execute(statement).all()
        if not rows:
            return
        yield rows
        after = [rows[-1][place] for place in places]


def _key(table: Table) -> list[Any]:
    return list(table.primary_key.columns)


def _names(table: Table) -> list[str]:
    return [one.name for one in table.c]


def _write(target: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
    if database_behind(target).is_file:
        target.execute(_insert(table), [dict(zip(_names(table), row, strict=True)) for row in rows])
    else:
        copy_in(target, table, rows)


def _numbered() -> list[Table]:
    return [table for table in TABLES if table.autoincrement_column is not None]


def _stored(one: Any) -> ColumnElement[Any]:
    """A column as it is stored: JSON as its own text, because NULL and the word null read the same."""
    return cast(one, Text).label(one.name) if isinstance(one.type, JSON) else one


def _insert(table: Table) -> Any:
    """An INSERT that takes what `_stored` reads."""
    columns = (column(one.name) if isinstance(one.type, JSON) else column(one.name, one.type) for one in table.c)
    return insert(named(table.name, *columns))
