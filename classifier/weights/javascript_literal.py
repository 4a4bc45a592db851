"""An object that a JavaScript file exports, as minifiers write it: read as data, never run.

Bundles for browsers carry a model's description as such a literal instead of as JSON: names without quotes, `.5`,
`!0` for true. It is rewritten to JSON word by word; a call, a variable or a template is none of its words, so whatever
would have to be run is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from classifier.package.bounded_json import DEEPEST, read_json
from classifier.weights.layer_arrays import NotWeights

_EXPORTS = re.compile(r"[.\s]exports\s*=\s*(?=[{\[\"'])")
_WORD = re.compile(
    r"""\s*(?:
      (?P<mark>[{}\[\],:])
    | (?P<double>"[^"\\\n]*(?:\\[^x\n][^"\\\n]*)*")
    | (?P<single>'[^'\\\n]*')
    | (?P<number>-?(?:0|[1-9]\d*|(?=\.\d))(?:\.\d*)?(?:[eE][+-]?\d+)?)
    | (?P<truth>![01])
    | (?P<name>[A-Za-z_$][\w$]*)
    )""",
    re.VERBOSE,
)
_COLON = re.compile(r"\s*:")
_OPEN, _CLOSE = "{[", "}]"
_VALUES = frozenset({"null", "true", "false"})


def exported(text: str) -> Any:
    """The object, list or text that a file exports by `module.exports = …`.

    Args:
        text: of the file.

    Raises:
        NotWeights: it exports nothing, or something that is not plain data.
    """
    start = _EXPORTS.search(text)
    if start is None:
        raise NotWeights("exports no data")
    try:
        return read_json("".join(_json_words(text, start.end())).encode())
    except ValueError as error:
        raise NotWeights(f"exports no plain data: {error}") from error


def _json_words(text: str, at: int) -> Iterator[str]:
    """The literal that begins there, word by word, as JSON."""
    depth = 0
    while True:
        word = _WORD.match(text, at)
        if word is None or word.end() == at:
            raise NotWeights(f"exports no plain data: {text[at : at + 20]!r}")
        at = word.end()
        yield _as_json(word, text)
        mark = word["mark"] or ""
        depth += (mark in _OPEN) - (mark in _CLOSE) if mark else 0
        if depth > DEEPEST:
            raise NotWeights(f"exports data that is nested more than {DEEPEST} deep")
        if depth <= 0:
            return


def _as_json(word: re.Match[str], text: str) -> str:
    kind, value = str(word.lastgroup), word[word.lastgroup or 0]
    if kind == "single":
        return json.dumps(value[1:-1])
    if kind == "number":
        return _number(value)
    if kind == "truth":
        return "true" if value == "!0" else "false"
    if kind == "name" and _COLON.match(text, word.end()):
        return json.dumps(value)
    if kind == "name" and value not in _VALUES:
        raise NotWeights(f"exports no plain data: {value[:40]!r} is a variable")
    return value


def _number(value: str) -> str:
    """With a digit on both sides of the point."""
    whole, point, rest = value.partition(".")
    if not point:
        return value
    digits = re.match(r"\d*", rest)
    return f"{whole if whole not in ('', '-') else whole + '0'}.{'' if digits and digits[0] else '0'}{rest}"
