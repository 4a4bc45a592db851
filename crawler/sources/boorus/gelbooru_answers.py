"""Answers of Gelbooru's API in JSON, and of its software 0.2 in XML, as the same rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from crawler.errors import TransientError


@dataclass(frozen=True, slots=True)
class Rows:
    """One answer."""

    rows: tuple[Any, ...]
    total: int | None  # rows that match in all; None: not stated


Reader = Callable[[bytes, str], Rows]  # of an answer's body, by what its rows are: `post` or `tag`


def rows_in_json(body: bytes, kind: str) -> Rows:
    """Rows of Gelbooru: below their name, missing where there are none, alone where there is one.

    Raises: TransientError: it is no such answer.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise _nonsense(body) from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("@attributes"), dict):
        raise _nonsense(body)
    rows = parsed.get(kind, [])
    return Rows(tuple(rows) if isinstance(rows, list) else (rows,), _total(parsed["@attributes"]))


def rows_in_xml(body: bytes, kind: str) -> Rows:
    """Rows of a site with Gelbooru 0.2: an element each, all facts in its attributes.

    Raises: TransientError: it is no such answer; a document that declares types or entities is none.
    """
    if re.search(rb"<!(DOCTYPE|ENTITY)", body, re.IGNORECASE):
        raise _nonsense(body)
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 - without declared entities nothing in it can expand
    except (ElementTree.ParseError, ValueError):
        raise _nonsense(body) from None
    if root.tag != f"{kind}s":
        raise _nonsense(body)
    return Rows(tuple(dict(element.attrib) for element in root.iter(kind)), _total(root.attrib))


def _total(attributes: Mapping[str, Any]) -> int | None:
    text = str(attributes.get("count", ""))
    return int(text) if text.isdecimal() and len(text) < 12 else None


def _nonsense(body: bytes) -> TransientError:
    start = re.sub(rb"\s+", b" ", body[:60])
    return TransientError(f"/index.php: the answer is no list: {ascii(start)[1:]}")
