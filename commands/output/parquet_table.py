"""Rows as a Parquet table with real types: lists of tags, moments in UTC, booleans, numbers, nulls.

A column that is called as one of the view `results` or of a table has that one's type wherever its values fit it;
others, as a SELECT of the user's own makes them, have the type of their values. So the type does not hang on which rows
were found: a column of nulls only, or of no rows, is what it always is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import IO, Any

from commands.errors import UsageRefused
from storage.database.column_kinds import ColumnKind, kinds_called, moment, tag_list
from storage.reader import Rows


def check_parquet() -> None:
    """Refuse before anything is asked where the package is missing.

    Raises:
        UsageRefused: it is.
    """
    try:
        import pyarrow.parquet  # noqa: F401 - only looked for
    except ImportError:
        raise UsageRefused("--format parquet needs pyarrow: pip install 'boorusieve[parquet]'") from None


def write_parquet(rows: Rows, file: IO[bytes]) -> None:
    """Write them; `pyarrow` must be there, and every name once."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(parquet_table(rows), file)


def parquet_table(rows: Rows) -> Any:
    """A `pyarrow.Table`."""
    import pyarrow

    columns = {name: [row[place] for row in rows.rows] for place, name in enumerate(rows.columns)}
    return pyarrow.table({name: _column(name, values) for name, values in columns.items()})


def _column(name: str, values: Sequence[Any]) -> Any:
    import pyarrow

    types = {
        ColumnKind.TEXT: pyarrow.string(),
        ColumnKind.INTEGER: pyarrow.int64(),
        ColumnKind.REAL: pyarrow.float64(),
        ColumnKind.BOOLEAN: pyarrow.bool_(),
        ColumnKind.TIME: pyarrow.timestamp("us", tz="UTC"),
        ColumnKind.TAGS: pyarrow.list_(pyarrow.string()),
    }
    classes = set(map(type, values)) - {NoneType}
    for kind in kinds_called(name):
        if classes <= {_CLASSES[kind]}:
            try:
                return pyarrow.array(_converted(values, _READ[kind]), types[kind])
            except ValueError:  # something else of the same name
                continue
    if classes <= {int, float}:
        return pyarrow.array(values if len(classes) < 2 else _converted(values, float))
    return pyarrow.array(_converted(values, str), pyarrow.string())


def _converted(values: Sequence[Any], read: Callable[[Any], Any] | None) -> Sequence[Any]:
    return values if read is None else [None if value is None else read(value) for value in values]


def _flag(value: int) -> bool:
    if value not in (0, 1):
        raise ValueError(value)
    return bool(value)


_CLASSES: Mapping[ColumnKind, type] = {  # what SQLite gives for each
    ColumnKind.TEXT: str,
    ColumnKind.INTEGER: int,
    ColumnKind.REAL: float,
    ColumnKind.BOOLEAN: int,
    ColumnKind.TIME: str,
    ColumnKind.TAGS: str,
}
_READ: Mapping[ColumnKind, Callable[[Any], Any] | None] = {
    ColumnKind.TEXT: None,
    ColumnKind.INTEGER: None,
    ColumnKind.REAL: None,
    ColumnKind.BOOLEAN: _flag,
    ColumnKind.TIME: moment,
    ColumnKind.TAGS: tag_list,
}
