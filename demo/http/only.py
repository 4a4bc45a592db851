"""The `only=` parameter: which fields of an answer the client wants, brackets nested.

`id,media_asset[id,variants]` becomes `{"id": None, "media_asset": {"id": None, "variants": None}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, "Fields | None"]
Association = Callable[["Fields | None"], Any]


def parse_only(text: str) -> Fields:
    """Read a field list; unbalanced brackets are read as far as they go."""
    fields, _ = _parse(text, 0)
    return fields


def _parse(text: str, at: int) -> tuple[Fields, int]:
    fields: Fields = {}
    name = ""
    while at < len(text):
        char = text[at]
        at += 1
        if char == "[":
            inner, at = _parse(text, at)
            fields[name.strip()] = inner
            name = ""
        elif char in ",]":
            if name.strip():
                fields.setdefault(name.strip(), None)
            name = ""
            if char == "]":
                return fields, at
        else:
            name += char
    if name.strip():
        fields.setdefault(name.strip(), None)
    return fields, at


def select(record: Mapping[str, Any], fields: Fields | None, associations: Mapping[str, Association]) -> dict[str, Any]:
    """Cut a record down to the wanted fields.

    Unknown names are dropped silently and associations that are None are omitted, as the site does.
    """
    if fields is None:
        return dict(record)
    chosen: dict[str, Any] = {}
    for name, inner in fields.items():
        if name in associations:
            value = associations[name](inner)
            if value is not None:
                chosen[name] = value
        elif name in record:
            chosen[name] = record[name]
    return chosen
