"""A post of Gelbooru, or of a site with its software 0.2, as a record: JSON there, XML attributes here, the same words.

No size of a file is stated, so it is verified by its md5 alone. Source: the sites' own help (howto:api, topic dapi),
and their answers.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from crawler.sites import Site
from crawler.sources.json_fields import (
    EXTENSION,
    MD5,
    Raw,
    WrongField,
    absolute_url,
    checked_row,
    integer_of,
    optional_id,
    shown,
    side_of,
    source_of,
    tag_words,
)
from storage.records import ORIGINAL, FileVersion, Post, PostTags, Rating, Rendition, TagCategory

NUMBERS = ("score", "width", "height", "parent_id", "creator_id", "change", "id",
           "preview_width", "preview_height", "sample_width", "sample_height", "sample")  # fmt: skip
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOMENT = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{2}) (\d{2}:\d{2}:\d{2}) ([+-]\d{4}) (\d{4})")
_LATEST = 2**40  # seconds since 1970
_RATINGS = {
    "general": Rating.GENERAL,
    "safe": Rating.SENSITIVE,
    "sensitive": Rating.SENSITIVE,
    "questionable": Rating.QUESTIONABLE,
    "explicit": Rating.EXPLICIT,
    **{rating.value: rating for rating in Rating},
}


def gelbooru_post(site: Site, raw: object, kinds: Mapping[str, TagCategory]) -> Post:
    """One row as a record; a post without the address of its file is hidden from us.

    Args:
        site: where it comes from.
        raw: the row; numbers may be texts, as XML has them.
        kinds: each tag's category; a tag that is not among them counts as general.
    Raises:
        RowRefused: a field is missing, of the wrong type or out of range.
    """
    row = raw
    if isinstance(raw, dict):
        row = {key: _number(value) if key in NUMBERS else value for key, value in raw.items()}
    return checked_row(site, row, lambda site, post_id, row: _post(site, post_id, row, kinds))


def tags_of(raw: object) -> tuple[str, ...]:
    """The tags of a row, empty where it has none that make sense."""
    text = raw.get("tags") if isinstance(raw, dict) else None
    return tuple(html.unescape(text).split()) if isinstance(text, str) else ()


def _number(value: object) -> object:
    """A whole number that stands in a text; other values, and an empty text, as they are."""
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return None if value == "" else value


def _post(site: Site, post_id: int, raw: Raw, kinds: Mapping[str, TagCategory]) -> Post:
    width, height = side_of(raw, "width"), side_of(raw, "height")
    url = absolute_url(site, raw["file_url"]) if raw.get("file_url") else ""
    ext = _extension(url)
    created = _created(raw)
    status = raw.get("status")
    file = FileVersion(_md5(raw), ext, 0, width, height, url) if url else None
    return Post(
        site=site.name,
        id=post_id,
        created_at=created,
        updated_at=_changed(raw) or created,
        rating=_rating(raw),
        tags=_tags(tag_words({"tags": html.unescape(str(raw.get("tags", "")))}, "tags"), kinds),
        file=file,
        renditions=() if file is None else (*_copies(site, raw, url), Rendition(ORIGINAL, url, width, height, ext)),
        hidden_reason=None if file else "restricted",
        score=integer_of(raw, "score", least=-(2**31), most=2**31) if raw.get("score") is not None else 0,
        source=source_of(raw),
        uploader_id=optional_id(raw, "creator_id") if raw.get("creator_id") else None,
        parent_id=optional_id(raw, "parent_id") if raw.get("parent_id") else None,
        has_children=raw.get("has_children") in (True, "true"),
        is_pending=status == "pending",
        is_flagged=status == "flagged",
        is_deleted=status == "deleted",
        width=width,
        height=height,
        ext=ext,
    )


def _md5(raw: Raw) -> str:
    md5 = raw.get("md5") or raw.get("hash")
    if not isinstance(md5, str) or not MD5.fullmatch(md5):
        raise WrongField(f"md5 is {shown(md5)}")
    return md5


def _extension(url: str) -> str:
    ext = urlsplit(url).path.rpartition(".")[2].lower()
    if url and not EXTENSION.fullmatch(ext):
        raise WrongField(f"file_url is {shown(url)}")
    return "jpg" if ext == "jpeg" else ext


def _created(raw: Raw) -> datetime:
    """The moment of upload, as `Sat Oct 23 18:13:10 -0500 2021`; where it is not stated, that of the last change."""
    text = raw.get("created_at")
    match = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    try:
        if match is not None:
            month, day, time, offset, year = match.groups()
            number = _MONTHS.index(month) + 1
            return datetime.fromisoformat(f"{year}-{number:02}-{day}T{time}{offset}").astimezone(UTC)
    except ValueError:
        raise WrongField(f"created_at is {shown(text)}") from None
    changed = _changed(raw) if text is None else None
    if changed is None:
        raise WrongField(f"created_at is {shown(text)}")
    return changed


def _changed(raw: Raw) -> datetime | None:
    """The moment of the last change, in seconds since 1970."""
    if not raw.get("change"):
        return None
    return datetime.fromtimestamp(integer_of(raw, "change", least=1, most=_LATEST), UTC)


def _rating(raw: Raw) -> Rating:
    rating = _RATINGS.get(str(raw.get("rating")).lower())
    if rating is None:
        raise WrongField(f"rating is {shown(raw.get('rating'))}")
    return rating


def _copies(site: Site, raw: Raw, original: str) -> list[Rendition]:
    """The preview, and the sample of a large picture; a copy without a size is left out."""
    found: list[Rendition] = []
    for name, theirs in (("360x360", "preview"), ("sample", "sample")):
        if not (raw.get(f"{theirs}_url") and raw.get(f"{theirs}_width") and raw.get(f"{theirs}_height")):
            continue
        url = absolute_url(site, raw[f"{theirs}_url"])
        if url != original:
            width, height = side_of(raw, f"{theirs}_width"), side_of(raw, f"{theirs}_height")
            found.append(Rendition(name, url, width, height, _extension(url)))
    return found


def _tags(names: tuple[str, ...], kinds: Mapping[str, TagCategory]) -> PostTags:
    found: dict[str, list[str]] = {category: [] for category in TagCategory}
    for name in names:
        found[kinds.get(name, TagCategory.GENERAL)].append(name)
    return PostTags(**{category: tuple(tags) for category, tags in found.items()})
