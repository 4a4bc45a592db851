"""What the columns of the view `results` and of the tables hold, by name, for readers that want real types.

SQLite gives moments as text and booleans as 0 and 1, and the view joins tags by spaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import Boolean, Float, Integer, Text

from storage.database.results_view import results_select
from storage.database.tables import Base, UtcTime

_TIMES = ("created_at", "decided_at")  # of the view, where they are text
_FORM = "2024-05-01 12:00:00.000000"


class ColumnKind(StrEnum):
    """What a column's values mean."""

    TEXT = "text"
    INTEGER = "integer"
    REAL = "real"
    BOOLEAN = "boolean"  # 0 | 1
    TIME = "time"  # text, UTC
    TAGS = "tags"  # text: names, sorted, spaces between


def kinds_called(name: str) -> Sequence[ColumnKind]:
    """What columns of that name hold, that of the view first; none where nothing of ours is called so."""
    return _kinds().get(name, ())


def moment(text: str) -> datetime:
    """A moment as the database writes it.

    Raises:
        ValueError: it is none.
    """
    if len(text) != len(_FORM) or text[10] != " ":
        raise ValueError(text)
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def tag_list(text: str) -> list[str]:
    """Tags as the view joins them.

    Raises:
        ValueError: they are not joined so.
    """
    tags = text.split(" ") if text else []
    if tags != sorted(tags) or "" in tags:
        raise ValueError(text)
    return tags


@cache
def _kinds() -> Mapping[str, Sequence[ColumnKind]]:
    kinds: dict[str, dict[ColumnKind, None]] = {}
    for column in results_select().selected_columns:
        kinds.setdefault(column.name, {})[_of_view(column.name, column.type)] = None
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            kinds.setdefault(column.name, {})[_of_type(column.type)] = None
    return MappingProxyType({name: tuple(found) for name, found in kinds.items()})


def _of_view(name: str, type_: Any) -> ColumnKind:
    if name == "tags" or name.startswith("tags_"):
        return ColumnKind.TAGS
    return ColumnKind.TIME if name in _TIMES else _of_type(type_)


def _of_type(type_: Any) -> ColumnKind:
    for kind, classes in _CLASSES.items():
        if isinstance(type_, classes):
            return kind
    return ColumnKind.TEXT  # JSON, and bytes, which readers get as hexadecimal digits


_CLASSES: Mapping[ColumnKind, tuple[type, ...]] = {
    ColumnKind.TIME: (UtcTime,),
    ColumnKind.BOOLEAN: (Boolean,),
    ColumnKind.INTEGER: (Integer,),
    ColumnKind.REAL: (Float,),
    ColumnKind.TEXT: (Text,),
}
