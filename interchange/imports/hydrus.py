"""Sidecars that the hydrus network exports beside files: tags and addresses, as text or as JSON.

Text files are called `NAME.jpg.txt`, `NAME.jpg.tags.txt` and `NAME.jpg.urls.txt`, or the same after `NAME`, and have a
line each; which of them are tags and which addresses, and how a JSON file nests them, is the user's own choice: a line
that is an address is one, and lists are told by their key (`tags`, `metadata` → `urls`). A tag may have a namespace
(`character:mona`); one that only looks so has a colon in front (`:re:zero`). Source: hydrus,
docs/advanced_sidecars.md and hydrus/core/HydrusTags.py.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from storage.names import as_the_site_writes, wrong_with_tag
from storage.records import PostTags, Rating, TagCategory
from system.regular_files import read_regular

LARGEST_SIDECAR = 1024 * 1024  # bytes
_MOST = 5000  # tags, and addresses, of one file
_DEEPEST = 8  # levels of a JSON file
_TEXTS = (".txt", ".tags.txt", ".urls.txt", ".url.txt")
_ADDRESS = re.compile(r"https?://\S+")
_CATEGORIES: Mapping[str, TagCategory] = MappingProxyType(
    {
        "": TagCategory.GENERAL,
        "general": TagCategory.GENERAL,
        "species": TagCategory.GENERAL,
        "character": TagCategory.CHARACTER,
        "series": TagCategory.COPYRIGHT,
        "copyright": TagCategory.COPYRIGHT,
        "creator": TagCategory.ARTIST,
        "artist": TagCategory.ARTIST,
        "meta": TagCategory.META,
        "medium": TagCategory.META,
    }
)
_RATINGS: Mapping[str, Rating] = MappingProxyType(
    {"general": Rating.GENERAL, "safe": Rating.GENERAL, "sensitive": Rating.SENSITIVE}
    | {"questionable": Rating.QUESTIONABLE, "explicit": Rating.EXPLICIT}
    | {rating.value: rating for rating in Rating}
)


@dataclass(frozen=True, slots=True)
class HydrusFacts:
    """What sidecars say of a file."""

    tags: PostTags = field(default_factory=PostTags)
    rating: Rating | None = None
    urls: tuple[str, ...] = ()
    site: str = ""  # of `source:` and `post:`, as this program's own export writes them
    post_id: int | None = None

    @property
    def empty(self) -> bool:
        """Whether they say nothing."""
        return self == HydrusFacts()


def has_hydrus_sidecar(path: Path) -> bool:
    """Whether a sidecar lies beside a file."""
    return any(os.path.lexists(beside) for beside in _beside(path))


def read_hydrus_sidecars(path: Path) -> HydrusFacts:
    """What every sidecar of a file says; one that cannot be read says nothing."""
    lines: list[str] = []
    for beside in _beside(path):
        if not os.path.lexists(beside):
            continue
        try:
            content = read_regular(beside, LARGEST_SIDECAR, links=False).content
            if beside.suffix == ".json":
                lines += _strings(json.loads(content))
            else:
                lines += content.decode("utf-8-sig").splitlines()
        except (OSError, ValueError, RecursionError):
            continue
    return _facts([line.strip() for line in lines if line.strip()])


def _beside(path: Path) -> Iterator[Path]:
    for name in dict.fromkeys((path.name, path.stem)):
        for ending in (*_TEXTS, ".json"):
            yield path.with_name(name + ending)


def _strings(value: Any, key: str = "", depth: int = 0) -> Iterator[str]:
    """The texts of lists below keys that speak of tags or addresses, and of a list alone."""
    if isinstance(value, dict) and depth < _DEEPEST:
        for name, inner in value.items():
            yield from _strings(inner, str(name).lower(), depth + 1)
    elif isinstance(value, list) and (not key or "tag" in key or "url" in key):
        yield from (one for one in value if isinstance(one, str))


def _facts(lines: Iterable[str]) -> HydrusFacts:
    urls: dict[str, None] = {}
    tags: defaultdict[TagCategory, set[str]] = defaultdict(set)
    other: dict[str, str] = {}
    for line in lines:
        if _ADDRESS.fullmatch(line):
            urls[line] = None
            continue
        namespace, word = _split(line)
        category = _CATEGORIES.get(namespace)
        if category is None:
            other.setdefault(namespace, word)
        elif (tag := as_the_site_writes(word)) and wrong_with_tag(tag) is None and len(tags[category]) < _MOST:
            tags[category].add(tag)
    number = other.get("post", "")
    return HydrusFacts(
        PostTags(**{category.value: tuple(sorted(found)) for category, found in tags.items()}),
        _RATINGS.get(other.get("rating", "").lower()),
        tuple(urls)[:_MOST],
        other.get("source", ""),
        int(number) if re.fullmatch(r"[1-9][0-9]{0,9}", number) else None,
    )


def _split(line: str) -> tuple[str, str]:
    """A tag's namespace, "" where it has none, and the rest."""
    if line.startswith(":"):
        return "", line[1:]
    namespace, colon, word = line.partition(":")
    return (namespace.strip().lower(), word.strip()) if colon else ("", line)
