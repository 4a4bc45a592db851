"""Which post a downloaded file is the picture of, by its name and by the file of facts beside it.

Names are those that sites, this program and gallery-dl give: an md5 anywhere in it, or `danbooru_12345_….jpg`. Beside
it may lie `NAME.jpg.json` or `NAME.json`, which gallery-dl writes with `--write-metadata`; it has the tags in one list,
or by category, or both.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.records import PostTags, TagCategory
from system.regular_files import read_regular

LARGEST_SIDECAR = 1024 * 1024  # bytes
_MD5 = re.compile(r"(?<![0-9A-Za-z])([0-9a-f]{32})(?![0-9A-Za-z])")
_NUMBER = re.compile(r"([A-Za-z][A-Za-z0-9.-]*)_([0-9]{1,10})(?=[_.])")
_IS_MD5 = re.compile(r"[0-9a-f]{32}")
_MOST_TAGS = 5000


@dataclass(frozen=True, slots=True)
class PostHint:
    """What a file's name, and what lies beside it, say of its post."""

    md5s: tuple[str, ...] = ()
    post_id: int | None = None  # the site's number
    site: str = ""  # whose number it is, as the name calls it
    tags: PostTags | None = None  # None: nobody says


def post_hint(path: Path, sidecar: Mapping[str, Any] | None = None) -> PostHint:
    """What is known of a file's post without looking at the picture; a file of facts that makes no sense is none.

    Args:
        path: the file.
        sidecar: what the file of facts says; None: it is read.
    """
    facts = read_sidecar(path) if sidecar is None else sidecar
    found = [match[1] for match in _MD5.finditer(path.stem)]
    if _IS_MD5.fullmatch(str(facts.get("md5", ""))):
        found.append(facts["md5"])
    site, post_id = _number(path, facts)
    return PostHint(tuple(dict.fromkeys(found)), post_id, site, _tags(facts) if facts else None)


def _number(path: Path, facts: Mapping[str, Any]) -> tuple[str, int | None]:
    """The post's number with the name of its site: a number alone may be any site's."""
    number, site = facts.get("id"), facts.get("category")
    if type(number) is int and number > 0 and isinstance(site, str) and site:
        return site, number
    if match := _NUMBER.match(path.name):
        return match[1], int(match[2])
    return "", None


def has_sidecar(path: Path) -> bool:
    """Whether a file of facts lies beside a file."""
    return any(os.path.lexists(beside) for beside in _beside(path))


def _beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}.json"), path.with_suffix(".json")


def read_sidecar(path: Path) -> Mapping[str, Any]:
    """What the file of facts beside a file says; nothing where there is none, or it makes no sense."""
    for beside in _beside(path):
        if not os.path.lexists(beside):  # nearly always
            continue
        try:
            facts = json.loads(read_regular(beside, LARGEST_SIDECAR, links=False).content)
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(facts, dict):
            return facts
    return {}


def _tags(facts: Mapping[str, Any]) -> PostTags | None:
    """The tags by category; those whose category nobody states count as general."""
    by_category = {
        category: _words(facts.get(f"tag_string_{category}")) or _words(facts.get(f"tags_{category}"))
        for category in TagCategory
    }
    stated = {tag for tags in by_category.values() for tag in tags}
    flat = {tag for key in ("tags", "tag_string") for tag in _words(facts.get(key))} - stated
    if not (stated or flat):
        return None
    by_category[TagCategory.GENERAL] = by_category[TagCategory.GENERAL] | flat
    return PostTags(**{str(category): tuple(sorted(tags)) for category, tags in by_category.items()})


def _words(value: Any) -> set[str]:
    """Tags of a list, or of a text with blanks between them."""
    words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    return {word for word in words[:_MOST_TAGS] if isinstance(word, str) and word and not any(map(str.isspace, word))}
