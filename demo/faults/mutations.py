"""Edits of an answer's JSON, as data, for rules that make the site's answers wrong.

An edit is one of
    {"row": N | "*" | "last", "set": {"a.b": value}, "drop": ["a.b", …]}     change rows of a list, or the object itself
    {"keep": [FROM, TO]}            a slice of the list
    {"without": [N, …]}             leave rows out
    {"repeat": N}                   that row once more, at the end
    {"reverse": true}   {"shuffle": SEED}
    {"replace": value}              something else altogether
    {"text": "cut" | "nan" | "nest" | "html" | "number"}    no valid JSON any more, or absurd JSON
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from demo.errors import RuleError

HTML = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"


def mutate(body: bytes, edits: Sequence[Mapping[str, Any]] | Callable[[Any], Any]) -> bytes:
    """The body after all edits; inside one process a function may stand for the list.

    Raises:
        RuleError: an edit that is not understood.
    """
    content = json.loads(body)
    if callable(edits):
        return json.dumps(edits(content)).encode()
    garble = ""
    for edit in edits:
        garble = edit.get("text", garble)
        content = content if "text" in edit else _edited(content, edit)
    text = json.dumps(content).encode()
    return _GARBLE[garble](text) if garble else text


def _edited(content: Any, edit: Mapping[str, Any]) -> Any:
    if "replace" in edit:
        return edit["replace"]
    if "row" in edit:
        for row in _rows(content, edit["row"]):
            for path, value in edit.get("set", {}).items():
                _reach(row, path)[path.rpartition(".")[2]] = value
            for path in edit.get("drop", ()):
                _reach(row, path).pop(path.rpartition(".")[2], None)
        return content
    if not isinstance(content, list):
        raise RuleError(f"mutate_json: {dict(edit)!r} needs a list, the answer is {type(content).__name__}")
    return _rearranged(content, edit)


def _rearranged(rows: list[Any], edit: Mapping[str, Any]) -> list[Any]:
    if "keep" in edit:
        return rows[edit["keep"][0] : edit["keep"][1]]
    if "without" in edit:
        return [row for index, row in enumerate(rows) if index not in edit["without"]]
    if "repeat" in edit:
        return [*rows, rows[edit["repeat"]]]
    if "reverse" in edit:
        return rows[::-1]
    if "shuffle" in edit:
        return random.Random(edit["shuffle"]).sample(rows, len(rows))  # noqa: S311 (a shuffle, no secret)
    raise RuleError(f"mutate_json: edit {dict(edit)!r} is not understood")


def _rows(content: Any, which: Any) -> list[Any]:
    if not isinstance(content, list):
        return [content]
    if which == "*":
        return content
    return content[-1:] if which == "last" else content[which : which + 1]


def _reach(row: Any, path: str) -> Any:
    for part in path.split(".")[:-1]:
        row = row[int(part)] if isinstance(row, list) else row[part]
    return row


_GARBLE: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda text: text[: len(text) // 2],
    "nan": lambda text: text.replace(b'"score": ', b'"score": NaN, "was": '),
    "nest": lambda text: b"[" * 100_000 + b"]" * 100_000,
    "html": lambda text: HTML,
    "number": lambda text: b"9" * 1_000_000,
}
