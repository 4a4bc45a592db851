"""A site's JSON into records: parsed once, strictly; a row that makes no sense is refused with its reason."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from crawler.sites import Site
from storage.records import (
    ORIGINAL,
    RENDITION_NAMES,
    AiTag,
    FileVersion,
    Post,
    PostTags,
    Rating,
    RefusedRow,
    Rendition,
)

MD5 = re.compile(r"[0-9a-f]{32}")
EXTENSION = re.compile(r"[a-z0-9]{1,8}")
LARGEST_ID = 2**53
LARGEST_FILE = 2**50  # bytes
LARGEST_SIDE = 2**20  # pixels
LONGEST_SOURCE = 4096  # characters; the site itself allows 1200
LONGEST_TAG = 255  # characters; the site itself allows 170
TAKEN_DOWN = 4  # of bit_flags

Raw = Mapping[str, Any]


class RowRefused(Exception):
    """The row is no valid post."""

    def __init__(self, post_id: int | None, reason: str) -> None:
        super().__init__(reason)
        self.row = RefusedRow(post_id, reason)


def post_from_json(site: Site, raw: object) -> Post:
    """One row of `/posts.json` as a record.

    A post without file fields is hidden and says why; one of an unsupported type keeps its extension as stated.

    Raises:
        RowRefused: a field is missing, of the wrong type or out of range.
    """
    if not isinstance(raw, dict):
        raise RowRefused(None, f"a row is not an object but {type(raw).__name__}")
    post_id = raw.get("id")
    if type(post_id) is not int or not 0 < post_id <= LARGEST_ID:
        raise RowRefused(None, f"id is {_shown(post_id)}")
    try:
        return _post(site, post_id, raw)
    except _Wrong as wrong:
        raise RowRefused(post_id, str(wrong)) from None


class _Wrong(ValueError):
    """A field is not what it should be."""


def _post(site: Site, post_id: int, raw: Raw) -> Post:
    asset = raw.get("media_asset")
    asset = asset if isinstance(asset, dict) else {}
    described = all(key in raw for key in _FILE_FACTS)
    width, height = (_side(raw, "image_width"), _side(raw, "image_height")) if described else (0, 0)
    ext, size = (_extension(raw), _integer(raw, "file_size", least=1, most=LARGEST_FILE)) if described else ("", 0)
    file = _file(site, raw, ext, (size, width, height)) if described else None
    return Post(
        site=site.name,
        id=post_id,
        created_at=_time(raw, "created_at"),
        updated_at=_time(raw, "updated_at"),
        rating=_rating(raw),
        tags=PostTags(**{category: _tags(raw, f"tag_string_{category}") for category in _CATEGORIES}),
        file=file,
        renditions=() if file is None else _renditions(site, asset, file),
        hidden_reason=None if file else _hidden_reason(site, raw, described=described),
        ai_tags=_ai_tags(raw),
        score=_integer(raw, "score", least=-(2**31), most=2**31, default=0),
        fav_count=_integer(raw, "fav_count", least=0, most=2**31, default=0),
        source=_source(raw),
        uploader_id=_optional_id(raw, "uploader_id"),
        parent_id=_optional_id(raw, "parent_id"),
        has_children=_flag(raw, "has_children"),
        is_pending=_flag(raw, "is_pending"),
        is_flagged=_flag(raw, "is_flagged"),
        is_deleted=_flag(raw, "is_deleted"),
        is_banned=_flag(raw, "is_banned"),
        pixel_hash=_pixel_hash(asset),
        duration_s=_duration(asset),
        width=width,
        height=height,
        ext=ext,
        size=size,
    )


# A row that leaves these out describes no file that could be verified; it is kept as hidden, with nothing guessed.
_FILE_FACTS = ("image_width", "image_height", "file_ext", "file_size")
_CATEGORIES = ("general", "artist", "copyright", "character", "meta")


def _file(site: Site, raw: Raw, ext: str, facts: tuple[int, int, int]) -> FileVersion | None:
    """The file, or None when the site hides it: it then leaves the keys out."""
    url, md5 = raw.get("file_url"), raw.get("md5")
    if url is None or md5 is None or url == "":
        return None
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise _Wrong(f"md5 is {_shown(md5)}")
    size, width, height = facts
    return FileVersion(md5=md5, ext=ext, size=size, width=width, height=height, url=_url(site, url))


def _renditions(site: Site, asset: Raw, file: FileVersion) -> tuple[Rendition, ...]:
    """The copies that the site names, smallest first; what it says of the original is replaced by what we know."""
    found = []
    variants = asset.get("variants")
    for variant in variants if isinstance(variants, list) else ():
        if not isinstance(variant, dict) or variant.get("type") not in RENDITION_NAMES or variant["type"] == ORIGINAL:
            continue
        url = variant.get("url")
        if isinstance(url, str) and url:
            width, height = _side(variant, "width"), _side(variant, "height")
            found.append(Rendition(variant["type"], _url(site, url), width, height, _extension(variant)))
    found.sort(key=lambda rendition: rendition.width * rendition.height)
    return (*found, Rendition(ORIGINAL, file.url, file.width, file.height, file.ext))


def _hidden_reason(site: Site, raw: Raw, *, described: bool) -> str:
    if not described:
        return "unknown"
    if _flag(raw, "is_banned"):
        return "banned"
    flags = raw.get("bit_flags")
    if type(flags) is int and flags & TAKEN_DOWN:
        return "takedown"
    if site.safe_mode and raw.get("rating") != Rating.GENERAL:
        return "safe_mode"
    return "restricted"


def _ai_tags(raw: Raw) -> tuple[AiTag, ...] | None:
    rows = raw.get("ai_tags")
    if not isinstance(rows, list):
        return None
    found = []
    for row in rows:
        tag = row.get("tag") if isinstance(row, dict) else None
        name, score = (tag.get("name"), row.get("score")) if isinstance(tag, dict) else (None, None)
        if isinstance(name, str) and 0 < len(name) <= LONGEST_TAG and type(score) is int and 0 <= score <= 100:
            found.append(AiTag(_storable(name), score))
    return tuple(found)


def _url(site: Site, url: object) -> str:
    """An absolute address: installations of one's own state relative or protocol-relative ones."""
    if not isinstance(url, str) or len(url) > 2000 or not url.isprintable():
        raise _Wrong(f"url is {_shown(url)}")
    if url.startswith(("https://", "http://")):
        return url
    try:
        return urljoin(f"{site.api_url}/", url)
    except ValueError:
        raise _Wrong(f"url is {_shown(url)}") from None


def _tags(raw: Raw, key: str) -> tuple[str, ...]:
    text = raw.get(key, "")
    if not isinstance(text, str):
        raise _Wrong(f"{key} is {_shown(text)}")
    tags = _storable(text).split()
    for tag in tags:
        if len(tag) > LONGEST_TAG:
            raise _Wrong(f"{key} holds a tag of {len(tag)} characters")
    return tuple(sorted(set(tags)))


def _rating(raw: Raw) -> Rating:
    try:
        return Rating(str(raw.get("rating")))
    except ValueError:
        raise _Wrong(f"rating is {_shown(raw.get('rating'))}") from None


def _extension(raw: Raw) -> str:
    ext = raw.get("file_ext")
    if not isinstance(ext, str) or not EXTENSION.fullmatch(ext):
        raise _Wrong(f"file_ext is {_shown(ext)}")
    return ext


def _side(raw: Raw, key: str) -> int:
    """Pixels, in the names of either a post or a variant."""
    return _integer(raw, key, least=1, most=LARGEST_SIDE)


def _integer(raw: Raw, key: str, *, least: int, most: int, default: int | None = None) -> int:
    value = raw.get(key, default)
    if type(value) is not int or not least <= value <= most:
        raise _Wrong(f"{key} is {_shown(value)}")
    return value


def _optional_id(raw: Raw, key: str) -> int | None:
    return None if raw.get(key) is None else _integer(raw, key, least=1, most=LARGEST_ID)


def _flag(raw: Raw, key: str) -> bool:
    value = raw.get(key)
    if value is None:
        return False
    if type(value) is not bool:
        raise _Wrong(f"{key} is {_shown(value)}")
    return value


def _time(raw: Raw, key: str) -> datetime:
    """An instant in UTC: the site states its own or the account's offset, summer time included."""
    text = raw.get(key)
    try:
        when = datetime.fromisoformat(text) if isinstance(text, str) else None
        if when is None or when.tzinfo is None:
            raise _Wrong(f"{key} is {_shown(text)}")
        return when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Wrong(f"{key} is {_shown(text)}") from None


def _source(raw: Raw) -> str:
    text = raw.get("source")
    return _storable(text[:LONGEST_SOURCE]) if isinstance(text, str) else ""


def _pixel_hash(asset: Raw) -> str | None:
    text = asset.get("pixel_hash")
    return text if isinstance(text, str) and MD5.fullmatch(text) else None


def _duration(asset: Raw) -> float | None:
    value = asset.get("duration")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 1e9 else None


def _storable(text: str) -> str:
    """Text that every database takes: lone surrogates and NUL are replaced."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _shown(value: object) -> str:
    """A value for a message: short, on one line, without control characters."""
    try:
        return "missing" if value is None else ascii(value)[:60]
    except ValueError:  # an integer too long to be written out
        return f"{type(value).__name__} beyond all measure"
