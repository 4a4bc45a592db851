"""Frozen records as JSON and back: every field travels, and nothing else is accepted.

A field may be a number, a text, a flag, a path, an enumeration's word, a record, a sequence of these, any of them or
None, or a mapping of plain values. A reader is made once for each type, for a job has thousands of records of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
_Reader = Callable[[Any], Any]  # raises ValueError with the path of the value, from here on, and what is wrong with it

_PLAIN = frozenset({bool, float, int, str, NoneType})


def plain(value: Any) -> Any:
    """A record, or what a field of one may hold, as values that `json` writes."""
    if type(value) in _PLAIN:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Path | StrEnum) else value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


def record_from(kind: type[Record], values: Any, where: str) -> Record:
    """The record that `plain` described.

    Args:
        kind: of the record.
        values: from JSON.
        where: what it is, for messages.

    Raises:
        ValueError: a field is missing, unknown, of the wrong type, or out of the range that its record allows.
    """
    try:
        return cast("Record", _reader(kind)(values))
    except ValueError as error:
        raise ValueError(f"{where}{error}") from None


def _reader_of(hint: Any) -> _Reader:
    origin = get_origin(hint)
    if hint is Any:
        return lambda value: value
    if origin in (Union, UnionType):
        return _optional(hint)
    if origin in (tuple, Sequence):
        return _sequence(get_args(hint))
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint)
    return _scalar(dict if origin is Mapping else hint)


_reader: Callable[[Any], _Reader] = cache(_reader_of)


def _record(kind: type) -> _Reader:
    hints = get_type_hints(kind)
    readers = {one.name: _reader(hints[one.name]) for one in fields(kind)}

    def read(values: Any) -> Any:
        if not isinstance(values, Mapping):
            raise _wrong(values, "an object")
        if readers.keys() != values.keys():
            missing, unknown = sorted(readers.keys() - values.keys()), sorted(values.keys() - readers.keys())
            raise ValueError(f": missing {missing}, unknown {unknown}")
        arguments = {name: _inside(reader, values[name], f".{name}") for name, reader in readers.items()}
        try:
            return kind(**arguments)
        except ValueError as error:  # out of the record's own range
            raise ValueError(f": {error}") from None

    return read


def _inside(reader: _Reader, value: Any, step: str) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        raise ValueError(f"{step}{error}") from None


def _optional(hint: Any) -> _Reader:
    (inner,) = (one for one in get_args(hint) if one is not NoneType)
    reader = _reader(inner)
    return lambda value: None if value is None else reader(value)


def _sequence(hints: Sequence[Any]) -> _Reader:
    readers = [_reader(hint) for hint in hints if hint is not Ellipsis]
    of_any_length = len(hints) == 1 or hints[-1] is Ellipsis

    def read(values: Any) -> tuple[Any, ...]:
        if type(values) is not list:
            raise _wrong(values, "a list")
        if not of_any_length and len(values) != len(readers):
            raise _wrong(values, f"a list of {len(readers)}")
        each = readers * len(values) if of_any_length else readers
        return tuple(_inside(one, value, f"[{at}]") for at, (one, value) in enumerate(zip(each, values, strict=True)))

    return read


def _scalar(kind: type) -> _Reader:
    if kind is float:
        return _number
    expected = str if issubclass(kind, Path | StrEnum) else kind

    def read(value: Any) -> Any:
        if type(value) is not expected:
            raise _wrong(value, expected.__name__)
        return value if kind is expected else _word(kind, str(value))

    return read


def _word(kind: type, value: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f": {error}") from None


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _wrong(value, "a finite number")
    return float(value)


def _wrong(value: Any, expected: str) -> ValueError:
    return ValueError(f": expected {expected}, got {repr(value)[:80]}")
