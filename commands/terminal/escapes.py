"""Text from outside made harmless, as each format can: no cursor moves, no line ends, no formula runs."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FORMULA = re.compile(r"'*\s*[=+\-@＝＋－＠]")  # what spreadsheets take for the beginning of a formula


class _Escapes(dict[int, int | str]):
    """A table for `str.translate` that learns which characters to escape, and how."""

    def __init__(self, escape: Callable[[str], str]) -> None:
        super().__init__()
        self._escape = escape

    def __missing__(self, code: int) -> int | str:
        char = chr(code)
        self[code] = self._escape(char) if unicodedata.category(char) in _UNSAFE else code
        return self[code]


_SHOWN = _Escapes(lambda char: char.encode("unicode_escape").decode())
_IN_JSON = _Escapes(lambda char: char if char == "\n" else json.dumps(char)[1:-1])  # the line ends are JSON's own


def printable(text: str) -> str:
    """The text with control, format and line-breaking characters shown as escapes: one line, no terminal tricks."""
    return text.translate(_SHOWN)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON, in characters that are safe to show; a reader gets back exactly the text that went in.

    JSON alone escapes only the first 32 control characters; a terminal obeys more, and programs that read line by line
    split at more.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=plain, indent=indent, allow_nan=False)
    except ValueError:  # JSON knows no infinity
        text = json.dumps(_finite(value), ensure_ascii=False, default=plain, indent=indent, allow_nan=False)
    return text.translate(_IN_JSON)


def plain(value: Any) -> Any:
    """A value as every format can show it: bytes as hexadecimal digits, what is neither text nor number as text."""
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | float | None) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def csv_cell(value: Any) -> Any:
    """A cell that no spreadsheet runs: a text that looks like a formula begins with an apostrophe.

    Numbers stay numbers. One apostrophe taken off the front of a text of this kind gives the text back.
    """
    value = plain(value)
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value[:1] in ("\t", "\r") or _FORMULA.match(text) else text
