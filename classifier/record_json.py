"""Frozen records as JSON and back: every field travels, and nothing else is accepted.

A field may be a number, a text, a flag, a path, an enumeration's word, a record, a sequence of these, any of them or
None, or a mapping of plain values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def plain(value: Any) -> Any:
    """A record, or what a field of one may hold, as values that `json` writes."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Path | StrEnum) else value


def record_from(kind: type[Record], values: Any, where: str) -> Record:
    """The record that `plain` described.

    Args:
        kind: of the record.
        values: from JSON.
        where: what it is, for messages.

    Raises:
        ValueError: a field is missing, unknown, of the wrong type, or out of the range that its record allows.
    """
    if not isinstance(values, Mapping):
        raise _wrong(values, where, "an object")
    hints = _hints(kind)
    if hints.keys() != values.keys():
        missing, unknown = sorted(hints.keys() - values.keys()), sorted(values.keys() - hints.keys())
        raise ValueError(f"{where}: missing {missing}, unknown {unknown}")
    return kind(**{name: _value(hint, values[name], f"{where}.{name}") for name, hint in hints.items()})


def _hints_of(kind: Any) -> Mapping[str, Any]:
    hints = get_type_hints(kind)
    return {one.name: hints[one.name] for one in fields(kind)}


_hints: Callable[[Any], Mapping[str, Any]] = cache(_hints_of)  # a job has thousands of records of one kind


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, UnionType):
        return _one_of(get_args(hint), value, where)
    if origin in (tuple, Sequence):
        return _sequence(get_args(hint), value, where)
    if origin is Mapping:
        return _expect(dict, value, where)
    if isinstance(hint, type) and is_dataclass(hint):
        return record_from(hint, value, where)
    return _scalar(hint, value, where)


def _scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is float:
        return _number(value, where)
    if issubclass(hint, Path | StrEnum):
        return hint(_expect(str, value, where))
    return _expect(hint, value, where)


def _one_of(hints: Sequence[Any], value: Any, where: str) -> Any:
    """The value of an optional field."""
    if value is None and NoneType in hints:
        return None
    (hint,) = (one for one in hints if one is not NoneType)
    return _value(hint, value, where)


def _sequence(hints: Sequence[Any], value: Any, where: str) -> tuple[Any, ...]:
    inner = _expect(list, value, where)
    if len(hints) == 1 or hints[-1] is Ellipsis:
        hints = (hints[0],) * len(inner)
    if len(hints) != len(inner):
        raise _wrong(value, where, f"a list of {len(hints)}")
    return tuple(_value(hint, one, f"{where}[{at}]") for at, (hint, one) in enumerate(zip(hints, inner, strict=True)))


def _number(value: Any, where: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise _wrong(value, where, "a finite number")
    return float(value)


def _expect(kind: type, value: Any, where: str) -> Any:
    if type(value) is not kind:
        raise _wrong(value, where, kind.__name__)
    return value


def _wrong(value: Any, where: str, expected: str) -> ValueError:
    return ValueError(f"{where}: expected {expected}, got {repr(value)[:80]}")
