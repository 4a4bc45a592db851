"""JSON that may come from anybody: finite numbers, no name twice, nested within bounds."""

from __future__ import annotations

import json
import math
from typing import Any

DEEPEST = 64  # objects and lists within each other
_LARGEST = 2**63  # of whole numbers


def read_json(raw: bytes) -> Any:
    """The value that the text stands for.

    Raises:
        ValueError: it is no JSON, or not one within these bounds; says why.
    """
    try:
        value = json.loads(
            raw, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_number, parse_int=_whole
        )
    except RecursionError:
        raise ValueError(f"nested more than {DEEPEST} deep") from None
    _check_depth(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:100]!r} stands there twice")
    return members


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a number")


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _whole(text: str) -> int:
    if len(text) > 20 or not -_LARGEST <= int(text) < _LARGEST:
        raise ValueError(f"{text[:40]} is too large a number")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for one in level:
            inner += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        if not inner:
            return
        level = inner
    raise ValueError(f"nested more than {DEEPEST} deep")
