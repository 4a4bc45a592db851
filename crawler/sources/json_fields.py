"""Fields of a site's JSON rows, each checked as it is read: what makes no sense refuses the row, with its reason."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from crawler.sites import Site
from storage.records import Post, Rating, RefusedRow

MD5 = re.compile(r"[0-9a-f]{32}")
EXTENSION = re.compile(r"[a-z0-9]{1,8}")
LARGEST_ID = 2**53
LARGEST_FILE = 2**50  # bytes
LARGEST_SIDE = 2**20  # pixels
LONGEST_SOURCE = 4096  # characters; the site itself allows 1200
LONGEST_TAG = 255  # characters; the site itself allows 170

Raw = Mapping[str, Any]


class RowRefused(Exception):
    """The row is no valid post."""

    def __init__(self, post_id: int | None, reason: str) -> None:
        super().__init__(reason)
        self.row = RefusedRow(post_id, reason)


class WrongField(ValueError):
    """A field is not what it should be."""


def checked_row(site: Site, raw: object, read: Callable[[Site, int, Raw], Post]) -> Post:
    """A row as a post, by the reader of its site's software.

    Raises:
        RowRefused: it is no object, has no id, or a field is missing, of the wrong type or out of range.
    """
    if not isinstance(raw, dict):
        raise RowRefused(None, f"a row is not an object but {type(raw).__name__}")
    post_id = raw.get("id")
    if type(post_id) is not int or not 0 < post_id <= LARGEST_ID:
        raise RowRefused(None, f"id is {shown(post_id)}")
    try:
        return read(site, post_id, raw)
    except WrongField as wrong:
        raise RowRefused(post_id, str(wrong)) from None


def absolute_url(site: Site, url: object) -> str:
    """An absolute address: installations of one's own state relative or protocol-relative ones."""
    if not isinstance(url, str) or len(url) > 2000 or not url.isprintable():
        raise WrongField(f"url is {shown(url)}")
    if url.startswith(("https://", "http://")):
        return url
    try:
        return urljoin(f"{site.api_url}/", url)
    except ValueError:
        raise WrongField(f"url is {shown(url)}") from None


def tag_words(raw: Raw, key: str) -> tuple[str, ...]:
    """A text of tags with blanks between them, each once, sorted."""
    text = raw.get(key, "")
    if not isinstance(text, str):
        raise WrongField(f"{key} is {shown(text)}")
    tags = storable(text).split()
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            raise WrongField(f"{key} holds a tag of {len(tag)} characters")
    return tuple(sorted(set(tags)))


def extension_of(raw: Raw, key: str = "file_ext") -> str:
    """A file's extension in lower case."""
    ext = raw.get(key)
    if not isinstance(ext, str) or not EXTENSION.fullmatch(ext):
        raise WrongField(f"{key} is {shown(ext)}")
    return ext


def side_of(raw: Raw, key: str) -> int:
    """Pixels, in the names of either a post or a variant."""
    return integer_of(raw, key, least=1, most=LARGEST_SIDE)


def integer_of(raw: Raw, key: str, *, least: int, most: int, default: int | None = None) -> int:
    """A whole number within a range; `default` where the key is missing."""
    value = raw.get(key, default)
    if type(value) is not int or not least <= value <= most:
        raise WrongField(f"{key} is {shown(value)}")
    return value


def optional_id(raw: Raw, key: str) -> int | None:
    """A number of a post or an account, or None."""
    return None if raw.get(key) is None else integer_of(raw, key, least=1, most=LARGEST_ID)


def flag_of(raw: Raw, key: str) -> bool:
    """A truth value; missing or null is False."""
    value = raw.get(key)
    if value is None:
        return False
    if type(value) is not bool:
        raise WrongField(f"{key} is {shown(value)}")
    return value


def time_of(raw: Raw, key: str) -> datetime:
    """An instant in UTC: the site states its own or the account's offset, summer time included."""
    text = raw.get(key)
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
        if when is None or when.tzinfo is None:
            raise WrongField(f"{key} is {shown(text)}")
        return when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongField(f"{key} is {shown(text)}") from None


def rating_of(raw: Raw) -> Rating:
    """How safe a post is, by the letter that the site states."""
    try:
        return Rating(str(raw.get("rating")))
    except ValueError:
        raise WrongField(f"rating is {shown(raw.get('rating'))}") from None


def duration_of(asset: Raw) -> float | None:
    """Seconds of an animation; None where nobody says."""
    value = asset.get("duration")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 1e9 else None


def source_of(raw: Raw) -> str:
    """Where the picture comes from, in the uploader's words; empty when nobody says."""
    text = raw.get("source")
    return storable(text[:LONGEST_SOURCE]) if isinstance(text, str) else ""


def storable(text: str) -> str:
    """Text that every database takes: lone surrogates and NUL are replaced."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def shown(value: object) -> str:
    """A value for a message: short, on one line, without control characters."""
    try:
        return "missing" if value is None else ascii(value)[:60]
    except ValueError:  # an integer too long to be written out
        return f"{type(value).__name__} beyond all measure"
